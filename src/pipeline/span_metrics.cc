#include "pipeline/span_metrics.h"

#include "query/core/span_columns.h"

namespace obelisk {
namespace {

enum CounterIndex : size_t { kCalls, kSize };

// 2 ms, doubling, 14 of them: Tempo's.
std::vector<double> latency_bounds() {
  std::vector<double> bounds;
  for (double bound = 0.002; bounds.size() < 14; bound *= 2) bounds.push_back(bound);
  return bounds;
}

std::string_view kind_label(int64_t kind) {
  static constexpr std::string_view kNames[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
                                                "SPAN_KIND_SERVER",      "SPAN_KIND_CLIENT",
                                                "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
  return kind >= 0 && kind < 6 ? kNames[kind] : kNames[0];
}

std::string_view status_label(int64_t status) {
  static constexpr std::string_view kNames[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};
  return status >= 0 && status < 3 ? kNames[status] : kNames[0];
}

std::vector<uint64_t> span_sizes(const Batch& spans) {
  std::vector<uint64_t> sizes(spans.row_count, 0);
  for (const ColumnData& data : spans.columns) {
    if (data.id.scope == Scope::resource || data.id.scope == Scope::instrumentation) continue;
    size_t name_bytes = data.id.scope == Scope::attribute ? data.id.name.size() : 0;
    for (size_t row = 0; row < spans.row_count; ++row) {
      if (!data.is_present(row)) continue;
      size_t value_bytes = !data.strings.empty()               ? data.strings[row].size()
                           : data.type == ColumnType::trace_id ? 16
                                                               : 8;
      sizes[row] += name_bytes + value_bytes;
    }
  }
  return sizes;
}

// Increments of one label set, gathered from a batch before it is handed over.
struct Increment {
  Labels labels;
  DerivedValues values;
};

}  // namespace

SpanMetrics::SpanMetrics(const Clock& clock, DerivedSeries::Options options)
    : clock_(clock),
      series_(std::make_shared<DerivedSeries>(
          "span_metrics",
          std::vector<DerivedFamily>{
              {"traces_spanmetrics_calls_total", "Spans of an operation."},
              {"traces_spanmetrics_size_total", "Bytes of the spans of an operation."}},
          std::vector<DerivedFamily>{
              {"traces_spanmetrics_latency", "Duration of the spans of an operation in seconds."}},
          latency_bounds(), options)) {}

std::function<void()> SpanMetrics::prepare(const Tenant& tenant, const Batch& spans) {
  SpanColumns columns(spans);
  std::vector<uint64_t> sizes = span_sizes(spans);
  auto increments = std::make_shared<std::unordered_map<std::string, Increment>>();
  std::string key;
  for (size_t row = 0; row < spans.row_count; ++row) {
    std::string_view kind = kind_label(columns.kind(row));
    std::string_view status = status_label(columns.status(row));
    key.assign(columns.service(row));
    key.append(1, '\0').append(columns.name(row)).append(1, '\0').append(kind).append(status);
    auto [entry, fresh] = increments->try_emplace(key);
    Increment& increment = entry->second;
    if (fresh) {
      increment.labels = Labels{{"service", columns.service(row)},
                                {"span_name", columns.name(row)},
                                {"span_kind", kind},
                                {"status_code", status}};
      increment.values = series_->zero();
    }
    increment.values.counters[kCalls] += 1;
    increment.values.counters[kSize] += static_cast<double>(sizes[row]);
    double seconds = columns.seconds(row);
    increment.values.histograms[0].observe(series_->bounds(), seconds,
                                           {columns.trace(row), columns.id(row), seconds, columns.end(row)});
  }
  return [series = series_, &clock = clock_, tenant, increments] {
    UnixNanos now = clock.now();
    for (const auto& [name, increment] : *increments) {
      series->add(
          tenant, name, [&increment = increment] { return increment.labels; }, increment.values, now);
    }
  };
}

}  // namespace obelisk
