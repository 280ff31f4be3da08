// From a trace to what else names it: log lines of any stream, and exemplars of any series. Both are one scan
// by trace id, which stores answer from the index that spans, log lines and exemplars share.
#include <fmt/format.h>

#include <functional>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "api/request/column_text.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace obelisk {
namespace {

constexpr int64_t kLimitDefault = 1'000;
constexpr int64_t kLimitMax = 50'000;  // an answer stays readable by a browser

struct Request {
  TraceId trace_id;
  uint64_t limit = kLimitDefault;
  std::shared_ptr<QueryRun> run;
};

Result<Request> read_request(const ApiContext& context, const HttpExchangePtr& exchange,
                             const PathParameters& path) {
  Request request;
  std::optional<TraceId> id = TraceId::from_hex(path.get("id"));
  if (!id || id->is_none()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one");
  }
  request.trace_id = *id;
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  if (std::optional<std::string_view> text = parameters.get("limit")) {
    std::optional<int64_t> limit = parse_int64(*text);
    if (!limit || *limit < 1 || *limit > kLimitMax) {
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("invalid limit: a number from 1 to {} is one", kLimitMax));
    }
    request.limit = static_cast<uint64_t>(*limit);
  }
  OBELISK_TRY(request.run, begin_query(context, exchange));
  return request;
}

void write_labels(JsonWriter& out, std::string_view key, LabelsView labels) {
  out.key(key).begin_object();
  for (const LabelRef& label : labels) out.field(label.name, label.value);
  out.end_object();
}

void write_attributes(JsonWriter& out, const Batch& batch, size_t row) {
  out.key("attributes").begin_object();
  for (const ColumnData& data : batch.columns) {
    bool shown = data.id.scope == Scope::attribute && data.type != ColumnType::any && data.is_present(row);
    if (shown) out.field(data.id.name, column_text(data, row));
  }
  out.end_object();
}

void write_span_id(JsonWriter& out, const Batch& batch, size_t row) {
  const ColumnData* ids = batch.find_fixed(column::kSpanId);
  if (ids == nullptr || !ids->is_present(row) || ids->ints[row] == 0) return;
  out.field("spanId", SpanId{static_cast<uint64_t>(ids->ints[row])}.to_hex());
}

void write_log(JsonWriter& out, const Batch& batch, const Group& group, size_t row) {
  out.begin_object();
  out.field("timeUnixNano", fmt::format("{}", batch.times()[row]));
  const ColumnData* lines = batch.find_fixed(column::kLine);
  out.field("line", lines != nullptr && lines->is_present(row) ? lines->strings[row] : std::string_view());
  write_span_id(out, batch, row);
  const ColumnData* severities = batch.find_fixed(column::kSeverityText);
  if (severities != nullptr && severities->is_present(row))
    out.field("severityText", severities->strings[row]);
  write_labels(out, "labels", group.labels);
  write_attributes(out, batch, row);
  out.end_object();
}

void write_exemplar(JsonWriter& out, const Batch& batch, const Group& group, size_t row) {
  out.begin_object();
  out.field("timeUnixNano", fmt::format("{}", batch.times()[row]));
  const ColumnData* values = batch.find_fixed(column::kValue);
  if (values != nullptr && values->is_present(row)) out.field("value", values->floats[row]);
  write_span_id(out, batch, row);
  write_labels(out, "series", group.labels);
  write_attributes(out, batch, row);
  out.end_object();
}

using RowWriter = std::function<void(JsonWriter&, const Batch&, const Group&, size_t row)>;

// The rows of `table` that name the trace, oldest first.
Result<std::string> rows_of_trace(const ApiContext& context, const Request& request, Table table,
                                  std::string_view key, const RowWriter& write_row) {
  Scan scan;
  scan.tenant = request.run->tenant;
  scan.table = table;
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(request.trace_id);
  scan.where = Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids));
  scan.all_columns = true;
  scan.order = Order::time_ascending;
  scan.limit = request.limit + 1;  // one more tells whether something is left out
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, request.run->at, scan, request.run->budget, request.run->cancel));
  JsonWriter out;
  out.begin_object().field("traceId", request.trace_id.to_hex()).key(key).begin_array();
  uint64_t written = 0;
  bool truncated = false;
  for (;;) {
    OBELISK_CHECK_OK(request.run->cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    for (const Group& group : batch->groups) {
      for (uint32_t i = 0; i < group.row_count; ++i) {
        truncated = written == request.limit;
        if (truncated) break;
        write_row(out, *batch, group, group.first_row + i);
        ++written;
      }
    }
  }
  out.end_array().field("truncated", truncated);
  Coverage coverage = cursor->coverage();
  out.field("complete", coverage.complete);
  if (!coverage.complete) out.field("reason", coverage.reason);
  out.end_object();
  return out.take();
}

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange,
                           const PathParameters& path, Table table, std::string_view key,
                           const RowWriter& write_row) {
  OBELISK_TRY(Request request, read_request(context, exchange, path));
  return rows_of_trace(context, request, table, key, write_row);
}

void add_route(Router& router, const ApiContext& context, std::string_view pattern, Table table,
               std::string_view key, RowWriter write_row) {
  router.add("GET", pattern,
             [&context, table, key, write_row](HttpExchangePtr exchange, const PathParameters& path) {
               respond_own(exchange, answer(context, exchange, path, table, key, write_row));
             });
}

}  // namespace

void register_trace_pivots(Router& router, ApiContext& context) {
  add_route(router, context, "/obelisk/api/v1/traces/{id}/logs", Table::logs, "logs", write_log);
  add_route(router, context, "/obelisk/api/v1/traces/{id}/exemplars", Table::exemplars, "exemplars",
            write_exemplar);
}

}  // namespace obelisk
