#include "api/jaeger/trace_archive.h"

#include <fmt/format.h>

#include <unordered_set>

#include "api/request/archive_view.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "model/archive_tenant.h"
#include "plan/row_copy.h"
#include "query/traceql/engine.h"

namespace obelisk::jaeger {
namespace {

constexpr size_t kRowsPerRequest = 10'000;  // of the log: some MiB

Result<QueryContext> archive_context(const QueryContext& context) {
  if (context.tenant.find('|') != Tenant::npos)
    return make_error(ErrorCode::invalid_argument, "a trace is archived for one tenant, not for several");
  QueryContext archive = context;
  archive.tenant = archive_of(context.tenant);
  OBELISK_TRY(archive.at, context.reader.snapshot(archive.tenant));
  return archive;
}

std::unordered_set<int64_t> span_ids_of(const std::vector<BatchPtr>& trace) {
  std::unordered_set<int64_t> ids;
  for (const BatchPtr& batch : trace) {
    const ColumnData* column = batch->find_fixed(column::kSpanId);
    if (column != nullptr) ids.insert(column->ints.begin(), column->ints.end());
  }
  return ids;
}

using RowPlace = std::pair<const BatchPtr*, uint32_t>;

std::vector<RowPlace> rows_without(const std::vector<BatchPtr>& trace,
                                   const std::unordered_set<int64_t>& there) {
  std::vector<RowPlace> rows;
  for (const BatchPtr& batch : trace) {
    const ColumnData* ids = batch->find_fixed(column::kSpanId);
    for (uint32_t row = 0; row < batch->row_count; ++row) {
      if (!there.contains(ids == nullptr ? 0 : ids->ints[row])) rows.emplace_back(&batch, row);
    }
  }
  return rows;
}

Batch batch_of(std::span<const RowPlace> rows) {
  BatchBuilder builder(Table::spans);
  RowCopier copier(builder, nullptr, true);
  for (auto [batch, row] : rows) copier.copy(**batch, row);
  return builder.finish();
}

Counter& archived_spans() {
  static Counter& metric = counter("obelisk_archived_spans_total", "Spans that were written to archives.");
  return metric;
}

}  // namespace

Result<void> TraceArchive::check_room(const QueryContext& context, uint64_t spans) const {
  OBELISK_TRY(uint64_t rows, archived_rows(context.reader, context.tenant));
  if (rows + spans <= spans_max_) return {};
  static Counter& refused =
      counter("obelisk_archive_refused_total", "Traces that an archive had no room for any more.");
  refused.add();
  return make_error(
      ErrorCode::too_large,
      fmt::format("the archive has {} spans and room for {}: {} more do not fit (traces.archive_spans_max)",
                  rows, spans_max_, spans));
}

Result<uint64_t> TraceArchive::add(const QueryContext& context, const TraceId& id) {
  MutexLock lock(adding_);
  OBELISK_TRY(QueryContext archive, archive_context(context));
  OBELISK_TRY(std::vector<BatchPtr> trace, traceql::fetch_trace(context, id));
  OBELISK_TRY(std::vector<BatchPtr> archived, traceql::fetch_trace(archive, id));
  if (trace.empty() && archived.empty()) return make_error(ErrorCode::not_found, "trace not found");
  std::vector<RowPlace> rows = rows_without(trace, span_ids_of(archived));
  if (rows.empty()) return uint64_t{0};
  OBELISK_CHECK_OK(check_room(context, rows.size()));
  std::span<const RowPlace> left(rows);
  while (!left.empty()) {
    OBELISK_CHECK_OK(context.cancel.check());
    size_t count = std::min(left.size(), kRowsPerRequest);
    WriteRequest request{archive.tenant, {}};
    request.batches.push_back(batch_of(left.first(count)));
    OBELISK_TRY([[maybe_unused]] LogPosition position, append_and_wait(writer_, std::move(request)));
    archived_spans().add(count);
    left = left.subspan(count);
  }
  if (archived.empty()) {
    static Counter& traces = counter("obelisk_archived_traces_total", "Traces that were archived.");
    traces.add();
  }
  log_info("jaeger",
           fmt::format("trace {} of tenant {} archived: {} spans", id.to_hex(), context.tenant, rows.size()));
  return rows.size();
}

Result<void> TraceArchive::remove(const QueryContext& context, const TraceId& id) {
  OBELISK_TRY(QueryContext archive, archive_context(context));
  OBELISK_TRY(std::vector<BatchPtr> archived, traceql::fetch_trace(archive, id));
  if (archived.empty()) return make_error(ErrorCode::not_found, "the trace is not archived");
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(id);
  Scan what;
  what.tenant = archive.tenant;
  what.table = Table::spans;
  what.where = Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids));
  OBELISK_TRY([[maybe_unused]] EraseReport report, writer_.erase(what));
  log_info("jaeger",
           fmt::format("trace {} of tenant {} taken out of the archive", id.to_hex(), context.tenant));
  return {};
}

}  // namespace obelisk::jaeger
