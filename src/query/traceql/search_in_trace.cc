#include "query/traceql/search_in_trace.h"

#include <absl/container/flat_hash_set.h>

#include "base/text.h"
#include "query/traceql/span_scan.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

// Ids of found spans, charged to the budget while they are held.
class FoundIds {
 public:
  explicit FoundIds(Budget& budget) : budget_(budget) {}
  ~FoundIds() { budget_.release(charged_); }
  FoundIds(const FoundIds&) = delete;
  FoundIds& operator=(const FoundIds&) = delete;

  Result<void> add(uint64_t id) {
    ids_.insert(id);
    uint64_t bytes = ids_.capacity() * (sizeof(uint64_t) + 1);
    if (bytes <= charged_) return {};
    OBELISK_CHECK_OK(budget_.charge(bytes - charged_));
    charged_ = bytes;
    return {};
  }

  OutlinePage page_of(const TraceOutline& outline, size_t offset, size_t limit) const {
    OutlinePage page;
    for (uint32_t at = 0; at < outline.spans.size(); ++at) {
      if (!ids_.contains(outline.spans[at].id)) continue;
      if (page.total >= offset && page.spans.size() < limit) page.spans.push_back(at);
      ++page.total;
    }
    return page;
  }

 private:
  Budget& budget_;
  uint64_t charged_ = 0;
  absl::flat_hash_set<uint64_t> ids_;
};

std::shared_ptr<const TraceIdSet> only(const TraceOutline& outline) {
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(outline.id);
  return ids;
}

// The spans of the trace begin in it.
TimeRange range_of(const TraceOutline& outline) {
  return {{outline.start}, {outline.end + 1}};
}

bool is_searched(const ColumnInfo& column) {
  const std::string& name = column.id.name;
  return column.id.scope != Scope::fixed || name == column::kName || name == column::kStatusMessage ||
         name == column::kScopeName || name == column::kScopeVersion;
}

// What finds the text in one column; nothing when it cannot be there.
std::optional<Expr> text_condition(const ColumnInfo& column, std::string_view text) {
  switch (column.type) {
    case ColumnType::string:
      return Expr::contains(column.id, std::string(text));
    case ColumnType::int64:
      if (std::optional<int64_t> number = parse_int64(text))
        return Expr::compare(column.id, CompareOp::equal, *number);
      return std::nullopt;
    case ColumnType::float64:
      if (std::optional<double> number = parse_float(text))
        return Expr::compare(column.id, CompareOp::equal, *number);
      return std::nullopt;
    case ColumnType::boolean:
      if (text == "true" || text == "false")
        return Expr::compare(column.id, CompareOp::equal, text == "true");
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<OutlinePage> search_outline(const QueryContext& context, const TraceOutline& outline,
                                   std::string_view text, size_t offset, size_t limit) {
  OBELISK_TRY(Query query, prepare(text));
  if (!query.pipeline) {
    return make_error(ErrorCode::invalid_argument,
                      "a metrics query finds no spans: a search such as { status = error } does");
  }
  FoundIds found(context.budget);
  SpanScan scan{context, query, *query.pipeline, range_of(outline), false, only(outline)};
  OBELISK_TRY(
      ScanStatistics statistics, scan_spans(scan, [&](SpanView& span) {
        return found.add(static_cast<uint64_t>(int_at(span.batch().find_fixed(column::kSpanId), span.row())));
      }));
  if (!statistics.complete) return make_error(ErrorCode::unavailable, statistics.reason);
  return found.page_of(outline, offset, limit);
}

Result<OutlinePage> search_outline_for_text(const QueryContext& context, const TraceOutline& outline,
                                            std::string_view text, size_t offset, size_t limit) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  scan.range = range_of(outline);
  const Expr of_trace = Expr::in_trace_ids(fixed_column(column::kTraceId), only(outline));
  scan.where = of_trace;
  OBELISK_TRY(std::vector<ColumnInfo> columns, context.reader.columns(context.at, scan));
  std::vector<Expr> any;
  for (const ColumnInfo& column : columns) {
    std::optional<Expr> condition = is_searched(column) ? text_condition(column, text) : std::nullopt;
    if (condition) any.push_back(std::move(*condition));
  }
  scan.where = Expr::all_of({of_trace, Expr::any_of(std::move(any))});
  scan.columns = {fixed_column(column::kSpanId)};
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  FoundIds found(context.budget);
  for (;;) {
    OBELISK_CHECK_OK(context.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    const ColumnData* ids = batch->find_fixed(column::kSpanId);
    for (uint32_t row = 0; row < batch->row_count; ++row)
      OBELISK_CHECK_OK(found.add(static_cast<uint64_t>(int_at(ids, row))));
  }
  return found.page_of(outline, offset, limit);
}

}  // namespace obelisk::traceql
