#include "query/traceql/trace_filter.h"

#include <algorithm>

#include "query/traceql/field_evaluator.h"
#include "query/traceql/trace_rows.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

const FieldExpr* only_filter(const Query& query) {
  if (!query.pipeline || query.pipeline->stages.size() != 1) return nullptr;
  const Stage& stage = query.pipeline->stages[0];
  bool is_filter = stage.kind == Stage::Kind::spanset && stage.spanset->kind == SpansetExpr::Kind::filter;
  return is_filter ? stage.spanset->filter.get() : nullptr;
}

// Spreads "levels left" from each match along the tree: 0 means the span is kept and nothing beyond it.
void keep_below(const TraceTree& tree, std::vector<int64_t>& left) {
  for (uint32_t span : tree.preorder()) {
    uint32_t parent = tree.parent(span);
    if (parent != kNoSpan && left[parent] > 0) left[span] = std::max(left[span], left[parent] - 1);
  }
}

void keep_above(const TraceTree& tree, std::vector<int64_t>& left) {
  const std::vector<uint32_t>& order = tree.preorder();
  for (auto span = order.rbegin(); span != order.rend(); ++span) {
    uint32_t parent = tree.parent(*span);
    if (parent != kNoSpan && left[*span] > 0) left[parent] = std::max(left[parent], left[*span] - 1);
  }
}

int64_t levels_of(int32_t depth) {
  return depth < 0 ? int64_t{UINT32_MAX} : depth;
}

}  // namespace

Result<std::vector<BatchPtr>> filter_trace(const TraceFilter& filter, const std::vector<BatchPtr>& spans) {
  if (filter.query.empty() || spans.empty()) return spans;
  OBELISK_TRY(Query query, prepare(filter.query));
  const FieldExpr* condition = only_filter(query);
  if (condition == nullptr)
    return make_error(ErrorCode::invalid_argument, "q must be one spanset filter such as { status = error }");
  BatchPtr batch = joined_rows(spans);
  TraceTree tree(*batch, whole_batch(*batch));
  tree.link();
  tree.measure();
  AttributeReader reader(query.attributes);
  reader.bind(*batch);
  reader.set_trace(&tree);
  FieldEvaluator fields(reader);
  // Levels still to keep below and above a span; -1: not kept.
  std::vector<int64_t> below(tree.span_count(), -1), above(tree.span_count(), -1);
  for (uint32_t span = 0; span < tree.span_count(); ++span) {
    bool fits = fields.holds_on_span(*condition, span);
    reader.clear_scratch();
    if (!fits) continue;
    below[span] = levels_of(filter.match_depth);
    above[span] = filter.keep_hierarchy ? levels_of(-1) : levels_of(filter.ancestor_depth);
  }
  keep_below(tree, below);
  keep_above(tree, above);
  std::vector<std::pair<uint32_t, uint32_t>> rows;
  for (uint32_t span = 0; span < tree.span_count(); ++span) {
    if (below[span] >= 0 || above[span] >= 0) rows.emplace_back(0, tree.row(span));
  }
  if (rows.empty()) return std::vector<BatchPtr>();
  return std::vector<BatchPtr>{rows_of({batch}, rows)};
}

}  // namespace obelisk::traceql
