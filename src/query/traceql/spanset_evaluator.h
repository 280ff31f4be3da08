#pragma once
// Evaluates the stages of a search pipeline on the spans of one trace.
// Not thread safe. The query and the reader must outlive it.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "query/traceql/field_evaluator.h"

namespace obelisk::traceql {

// Spans of one trace that belong together: numbers of the tree, ascending, each once.
struct Spanset {
  std::vector<uint32_t> spans;
  std::vector<std::pair<std::string, StoredValue>> attributes;  // what by() and aggregates found
};

class SpansetEvaluator {
 public:
  static constexpr uint32_t kNoMark = 0xFFFFFFFF;
  // `mark_of_leaf`: for each filter of the query the mark column in which the store computed it exactly, or
  // kNoMark.
  SpansetEvaluator(AttributeReader& reader, std::vector<uint32_t> mark_of_leaf)
      : reader_(reader), fields_(reader), mark_of_leaf_(std::move(mark_of_leaf)) {}

  FieldEvaluator& fields() { return fields_; }
  void bind(const Batch& batch);
  // The reader must have the trace set, linked when the pipeline relates spans.
  std::vector<Spanset> run(const Pipeline& pipeline, const TraceTree& tree, Spanset initial);

 private:
  std::vector<Spanset> run_stage(const Stage& stage, std::vector<Spanset> input);
  std::vector<uint32_t> evaluate(const SpansetExpr& expr, const Spanset& input);
  std::vector<uint32_t> filter(const SpansetExpr& expr, const Spanset& input);
  std::vector<uint32_t> relate(const SpansetExpr& expr, const std::vector<uint32_t>& left,
                               const std::vector<uint32_t>& right);
  // The spans of `candidates` that are in relation `op` to one of `others`: its child, its descendant, and so
  // on.
  std::vector<uint32_t> related(SpansetOp op, const std::vector<uint32_t>& others,
                                const std::vector<uint32_t>& candidates);
  // Empty when the comparison does not hold. A comparison of pipelines gives the spans that they found.
  std::optional<Spanset> filter_by_scalars(const Stage& stage, Spanset spanset);
  // What evaluating a scalar met on the way: its aggregates by name, and the spans that pipelines in it
  // found.
  using Met = Spanset;
  Value evaluate_scalar(const ScalarExpr& scalar, const Spanset& spanset, Met& met);
  Value aggregate(const ScalarExpr& scalar, const Spanset& spanset);
  std::vector<Spanset> group(const FieldExpr& expr, const Spanset& input);

  AttributeReader& reader_;
  FieldEvaluator fields_;
  std::vector<uint32_t> mark_of_leaf_;
  std::vector<const ColumnData*> marks_;  // of the bound batch, by leaf; null: evaluate
  const TraceTree* tree_ = nullptr;
};

// Whether evaluating the pipeline needs TraceTree::link() for its relations.
bool relates_spans(const Pipeline& pipeline);

}  // namespace obelisk::traceql
