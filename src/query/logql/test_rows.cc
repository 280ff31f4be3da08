#include "query/logql/test_rows.h"

#include <cmath>
#include <sstream>

#include "query/logql/literals.h"

namespace obelisk::logql {

Result<void> write_rows(Writer& writer, const std::vector<TestRow>& rows) {
  BatchBuilder builder(Table::logs);
  for (const TestRow& row : rows) {
    std::vector<LabelRef> view = row.stream.view();
    builder.begin_group_copy(view);
    builder.add_row({row.time});
    builder.set_string(Scope::fixed, column::kLine, builder.arena().copy(row.line));
    builder.set_int(Scope::fixed, column::kOrigin, row.otlp ? 1 : 0);
    for (const auto& [name, value] : row.metadata)
      builder.set_string(Scope::attribute, name, builder.arena().copy(value));
    for (const auto& [name, value] : row.resource) {
      std::string_view kept = builder.arena().copy(value);
      if (name == "trace_id") {
        builder.set_trace_id(Scope::fixed, column::kTraceId, TraceId::from_hex(value).value());
      } else if (name == "span_id") {
        builder.set_int(Scope::fixed, column::kSpanId,
                        static_cast<int64_t>(SpanId::from_hex(value).value().value));
      } else if (name == "severity_text") {
        builder.set_string(Scope::fixed, column::kSeverityText, kept);
      } else {
        builder.set_string(Scope::resource, name, kept);
      }
    }
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  Result<LogPosition> stored = append_and_wait(writer, std::move(request));
  if (!stored.ok()) return stored.error();
  return {};
}

Result<LogqlResult> test_range(Reader& reader, std::string_view query, const RangeRequest& request) {
  Budget budget;
  Cancel cancel;
  OBELISK_TRY(Snapshot at, reader.snapshot(kDefaultTenant));
  QueryContext context{reader, kDefaultTenant, at, budget, cancel};
  return query_range(context, query, request, LogqlLimits());
}

Result<LogqlResult> test_instant(Reader& reader, std::string_view query, UnixNanos time) {
  Budget budget;
  Cancel cancel;
  OBELISK_TRY(Snapshot at, reader.snapshot(kDefaultTenant));
  QueryContext context{reader, kDefaultTenant, at, budget, cancel};
  return query_instant(context, query, time, LogqlLimits());
}

bool nearly_equal(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  return std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b));
}

std::string describe(const LogqlResult& result, int64_t epoch) {
  std::ostringstream out;
  if (result.type == LogqlResult::Type::scalar) out << "  scalar " << result.scalar << "\n";
  for (const MatrixSeries& series : result.matrix) {
    out << "  " << series.labels.to_string();
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (series.present[i])
        out << " " << series.values[i];
      else
        out << " _";
    }
    out << "\n";
  }
  for (const LogStream& stream : result.streams) {
    for (const LogEntry& entry : stream.entries) {
      out << "  " << stream.labels.to_string() << " \"" << entry.line << "\" @ "
          << format_go_duration(entry.time - epoch);
      out << " meta " << entry.metadata.to_string() << " parsed " << entry.parsed.to_string() << "\n";
    }
  }
  return out.str();
}

}  // namespace obelisk::logql
