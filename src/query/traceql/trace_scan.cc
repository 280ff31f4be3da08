#include "query/traceql/trace_scan.h"

#include <algorithm>

namespace obelisk::traceql {
namespace {

void for_each_leaf(const Pipeline& pipeline, const std::function<void(const SpansetExpr&)>& visit);

void for_each_leaf(const SpansetExpr& expr, const std::function<void(const SpansetExpr&)>& visit) {
  switch (expr.kind) {
    case SpansetExpr::Kind::filter:
      return visit(expr);
    case SpansetExpr::Kind::pipeline:
      return for_each_leaf(*expr.pipeline, visit);
    case SpansetExpr::Kind::operation:
      break;
  }
  for_each_leaf(*expr.left, visit);
  for_each_leaf(*expr.right, visit);
}

void for_each_leaf(const ScalarExpr& scalar, const std::function<void(const SpansetExpr&)>& visit) {
  if (scalar.pipeline) for_each_leaf(*scalar.pipeline, visit);
  if (scalar.left) for_each_leaf(*scalar.left, visit);
  if (scalar.right) for_each_leaf(*scalar.right, visit);
}

void for_each_leaf(const Pipeline& pipeline, const std::function<void(const SpansetExpr&)>& visit) {
  for (const Stage& stage : pipeline.stages) {
    if (stage.spanset) for_each_leaf(*stage.spanset, visit);
    if (stage.left) for_each_leaf(*stage.left, visit);
    if (stage.right) for_each_leaf(*stage.right, visit);
  }
}

// So many required marks, and relations, a store takes. They only narrow what is read, so those of a longer
// query are left out.
constexpr size_t kRequiredMax = 64;

struct StoreScan {
  Scan scan;
  std::vector<uint32_t> mark_of_leaf;
};

StoreScan make_store_scan(const TraceScan& asked, const std::vector<Lowered>& leaves) {
  StoreScan result;
  Scan& scan = result.scan;
  scan.tenant = asked.context.tenant;
  scan.table = Table::spans;
  scan.range = asked.range;
  scan.unit = Unit::trace;
  scan.columns = asked.columns;
  scan.all_columns = asked.all_columns;
  for (std::string_view name :
       {column::kTraceId, column::kSpanId, column::kParentSpanId, column::kDuration}) {
    scan.columns.push_back(fixed_column(name));
  }
  for (const Attribute& attribute : asked.query.attributes) add_columns(attribute, scan.columns);
  std::sort(scan.columns.begin(), scan.columns.end());
  scan.columns.erase(std::unique(scan.columns.begin(), scan.columns.end()), scan.columns.end());
  result.mark_of_leaf.assign(asked.query.leaf_count, SpansetEvaluator::kNoMark);
  for_each_leaf(asked.pipeline, [&](const SpansetExpr& leaf) {
    const Lowered& lowered = leaves[leaf.leaf];
    if (!lowered.exact || lowered.expr.is_always()) return;
    result.mark_of_leaf[leaf.leaf] = static_cast<uint32_t>(scan.marks.size());
    scan.marks.push_back(lowered.expr);
  });
  auto require = [&](Expr expr) {
    if (scan.require_marks.size() == kRequiredMax) return;
    scan.require_marks.push_back(static_cast<uint32_t>(scan.marks.size()));
    scan.marks.push_back(std::move(expr));
  };
  if (asked.only) require(Expr::in_trace_ids(fixed_column(column::kTraceId), asked.only));
  for (Expr& required : required_in_trace(asked.pipeline, leaves)) require(std::move(required));
  auto mark_of = [&](size_t leaf) {  // a trace of a million rows pays for every mark
    if (result.mark_of_leaf[leaf] == SpansetEvaluator::kNoMark) {
      scan.marks.push_back(leaves[leaf].expr);
      return static_cast<uint32_t>(scan.marks.size() - 1);
    }
    return result.mark_of_leaf[leaf];
  };
  // Where relations are asked for, a store may leave the marks aside, and with them which traces are meant.
  std::vector<RequiredRelation> relations;
  if (!asked.only) relations = required_relations(asked.pipeline);
  for (const RequiredRelation& required : relations) {
    // { x } >> { }: that x is there, which is required as well, says as much, and is found faster.
    if (leaves[required.lower].expr.is_always()) continue;
    if (scan.require_relations.size() == kRequiredMax) break;
    TraceRelation relation;
    relation.kind = required.direct ? TraceRelation::Kind::child : TraceRelation::Kind::descendant;
    relation.left = mark_of(required.upper);
    relation.right = mark_of(required.lower);
    scan.require_relations.push_back(relation);
  }
  if (asked.newest_first) scan.order = Order::time_descending;
  return result;
}

bool any_needs_links(const Query& query) {
  return std::any_of(query.attributes.begin(), query.attributes.end(),
                     [](const Attribute& attribute) { return needs_links(attribute); });
}

bool any_needs_measures(const Query& query) {
  return std::any_of(query.attributes.begin(), query.attributes.end(),
                     [](const Attribute& attribute) { return needs_measures(attribute.intrinsic); });
}

}  // namespace

Result<std::vector<Lowered>> lower_leaves(const QueryContext& context, const Query& query,
                                          const Pipeline& pipeline, TimeRange range) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  scan.range = range;
  OBELISK_TRY(std::vector<ColumnInfo> columns, context.reader.columns(context.at, scan));
  ArrayColumns arrays(columns);
  std::vector<Lowered> leaves(query.leaf_count);
  for_each_leaf(pipeline,
                [&](const SpansetExpr& leaf) { leaves[leaf.leaf] = lower_condition(*leaf.filter, arrays); });
  return leaves;
}

void add_coverage(const Coverage& coverage, ScanStatistics& statistics) {
  statistics.bytes += coverage.bytes_read;
  if (coverage.complete) return;
  statistics.complete = false;
  statistics.reason = coverage.reason;
}

Spanset spans_in_range(const TraceTree& tree, TimeRange range) {
  Spanset initial;
  const std::vector<int64_t>& times = tree.batch().times();
  for (uint32_t span = 0; span < tree.span_count(); ++span) {
    if (range.contains({times[tree.row(span)]})) initial.spans.push_back(span);
  }
  return initial;
}

Result<ScanStatistics> scan_traces(const TraceScan& asked, const TraceVisitor& visit) {
  const QueryContext& context = asked.context;
  OBELISK_TRY(std::vector<Lowered> leaves, lower_leaves(context, asked.query, asked.pipeline, asked.range));
  StoreScan store = make_store_scan(asked, leaves);
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, store.scan, context.budget, context.cancel));
  AttributeReader reader(asked.query.attributes);
  SpansetEvaluator evaluator(reader, store.mark_of_leaf);
  bool linked = relates_spans(asked.pipeline) || any_needs_links(asked.query);
  bool measured = any_needs_measures(asked.query);
  ScanStatistics statistics;
  for (;;) {
    OBELISK_CHECK_OK(context.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    reader.bind(*batch);
    evaluator.bind(*batch);
    for (const Group& group : batch->groups) {
      if (++statistics.traces % 1024 == 0) OBELISK_CHECK_OK(context.cancel.check());
      statistics.spans += group.row_count;
      TraceTree tree(*batch, group);
      if (asked.wanted && !asked.wanted(tree)) continue;
      if (linked) tree.link();
      if (measured) tree.measure();
      reader.set_trace(&tree);
      std::vector<Spanset> found = evaluator.run(asked.pipeline, tree, spans_in_range(tree, asked.range));
      if (!found.empty()) OBELISK_CHECK_OK(visit(tree, reader, std::move(found)));
    }
    std::optional<int64_t> latest = cursor->latest_begin_left();
    if (latest && asked.enough && asked.enough(*latest)) break;
  }
  add_coverage(cursor->coverage(), statistics);
  return statistics;
}

}  // namespace obelisk::traceql
