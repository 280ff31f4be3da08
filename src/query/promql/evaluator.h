#pragma once
// Evaluates a syntax tree over steps, one whole series at a time: a selector is read once for all steps,
// range functions move a window over it, aggregations and joins number their groups once. One object
// evaluates one query, on one thread.
//
// Memory: the results of a node are charged to the query's budget while they live; samples read are charged
// by the store. Where a method is defined: evaluator.cc the tree, selector_eval.cc reading, binary_eval.cc,
// aggregation_eval.cc, call_eval.cc and the files of the function families.
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/expression.h"
#include "plan/tier.h"
#include "query/core/query_context.h"
#include "query/promql/annotations.h"
#include "query/promql/ast.h"
#include "query/promql/engine.h"
#include "query/promql/range_functions.h"
#include "query/promql/rate_functions.h"
#include "query/promql/series.h"
#include "query/promql/tier_choice.h"

namespace obelisk::promql {

// The samples of a range argument and how its windows lie at a step.
struct RangeData {
  std::vector<RawSeries> series;
  int64_t range_ms = 0;
  const Node* node = nullptr;  // the matrix selector or subquery
};

// Which series of the store are wanted, and what of them.
struct SeriesRequest {
  const std::vector<Matcher>* matchers = nullptr;
  // Samples in (after, until].
  int64_t after_ms = 0;
  int64_t until_ms = 0;
  bool newest_only = false;  // earlier samples than the newest need not come
  // Labels that count to whoever asked, where that are not all: the others are not copied.
  const std::vector<std::string>* wanted_labels = nullptr;
  bool wants_identity = false;  // RawSeries::identity where labels are left out
  // The selector: where samples may come from a downsampled tier, for windows as here. Null: samples alone.
  const Node* node = nullptr;
  TierNeed windows = {};
  std::optional<TierRead> tier = std::nullopt;  // rows of an aspect of a tier instead of samples
};

// Sees one series; may move from it.
using SeriesVisitor = std::function<Result<void>(RawSeries&)>;

struct TierData;

// What is asked of the samples that an instant selector finds.
enum class SampleAspect : uint8_t { value, time, start_time };

class EvaluationTrace;
class SeriesFold;

class Evaluator {
 public:
  // `query_steps`: of the whole query, what @ start(), step() and range() mean.
  Evaluator(const QueryContext& context, const PromqlOptions& options, std::string_view query,
            const Steps& query_steps, bool is_instant);

  Result<Value> evaluate(const Node& node, const Steps& steps);
  // The end of a query: names that were to be dropped go, series that became equal are joined or refused.
  Result<void> finish(SeriesList& series) const;
  // The samples of a range selector or subquery, windows of all `steps` covered.
  Result<RangeData> read_range(const Node& node, const Steps& steps);
  // The same, for a query that is nothing else: its samples count for the first step.
  Result<RangeData> read_counted_range(const Node& node, const Steps& steps);
  // @ end() and end() mean the end that was asked for, which the last step need not reach.
  void set_query_end(int64_t end_ms) { query_end_ms_ = end_ms; }
  // What each node did is told to it; null: nothing is. It outlives the evaluation.
  void set_trace(EvaluationTrace* trace) { trace_ = trace; }
  // Where the window of a step ends: the step's time, moved by @ and offset.
  Result<int64_t> reference_time(const TimeModifiers& time, int64_t step_time) const;

  Annotations& annotations() { return annotations_; }
  PromqlStats stats() const {
    PromqlStats all = stats_;
    all.queryable_per_step = queryable_;
    return all;
  }

 private:
  friend class InfoJoin;

  Result<Value> evaluate_charged(const Node& node, const Steps& steps);
  Result<RangeData> read_any_range(const Node& node, const Steps& steps);
  void tell_unmatched(const Node& node, const SeriesList& left, const SeriesList& right) const;
  Result<Value> evaluate_node(const Node& node, const Steps& steps);
  Result<SeriesList> evaluate_vector(const Node& node, const Steps& steps);
  Result<ScalarSteps> evaluate_scalar(const Node& node, const Steps& steps);
  Result<Value> evaluate_unary(const Node& node, const Steps& steps);

  // selector_eval.cc
  Result<std::vector<RawSeries>> load(const SeriesRequest& request);
  // The series in the order of their labels, one at a time. `restart` is called before the first, and again
  // where a store turns out to have another order and what was visited does not count.
  Result<void> for_each_series(const SeriesRequest& request, const std::function<void()>& restart,
                               const SeriesVisitor& visitor);
  // In the order of the store; gives whether that is the order of labels. Ends at the first that is not when
  // `in_order_only`.
  Result<bool> visit_series(const SeriesRequest& request, bool in_order_only, const SeriesVisitor& visitor);
  Result<void> load_group(const Batch& batch, const Group& group, std::span<const int64_t> times,
                          bool times_ascend, RawSeries& series);
  Result<SeriesList> evaluate_selector(const Node& node, const Steps& steps, SampleAspect aspect);
  Result<RangeData> read_matrix(const Node& node, const Steps& steps);
  // The request of a matrix selector; fills what RangeData says of it.
  Result<SeriesRequest> matrix_request(const Node& node, const Steps& steps, RangeData& data);
  Result<RangeData> read_subquery(const Node& node, const Steps& steps);
  Result<int64_t> duration_ms(const DurationExpr& duration, bool must_be_positive) const;

  // tier_read.cc, tier_call.cc
  Result<std::optional<TierChoice>> tier_for(const TierNeed& need) const;
  void tell_tier(const Node& node, const TierChoice& choice);
  // Samples, and what a tier has in their place, put together by series.
  Result<std::vector<RawSeries>> load_stretches(const SeriesRequest& request, const TierChoice& choice);
  // What a call of a function of a range can be computed from without samples; nullopt: it needs them.
  Result<std::optional<TierData>> read_tier(const Node& call, const Node& argument, const Steps& steps);
  Result<void> read_aspects(const Node& node, const TierChoice& choice,
                            const std::vector<TierAspect>& aspects, TierData& data);
  Result<SeriesList> call_on_tier(RangeCall& call, const TierData& data, const Steps& steps);

  // binary_eval.cc
  Result<Value> evaluate_binary(const Node& node, const Steps& steps);
  Result<SeriesList> vector_with_scalar(const Node& node, SeriesList vector, const ScalarSteps& scalar,
                                        bool scalar_left);
  Result<SeriesList> vector_with_vector(const Node& node, const SeriesList& left, const SeriesList& right,
                                        size_t steps);
  Result<SeriesList> set_operation(const Node& node, SeriesList left, SeriesList right, size_t steps);

  // aggregation_eval.cc
  Result<SeriesList> evaluate_aggregation(const Node& node, const Steps& steps);
  Result<SeriesList> fold_groups(const Node& node, const SeriesList& input, size_t steps);
  Result<SeriesList> quantile_groups(const Node& node, const SeriesList& input, const ScalarSteps& phi);
  Result<SeriesList> count_value_groups(const Node& node, const SeriesList& input, const std::string& label,
                                        size_t steps);
  Result<SeriesList> select_samples(const Node& node, SeriesList input, const ScalarSteps& parameter);

  // call_eval.cc and the function families
  Result<Value> evaluate_call(const Node& node, const Steps& steps);
  Result<SeriesList> call_range_function(const Node& node, const Steps& steps);
  bool fill_range_steps(const RangeCall& call, const RangeData& data, const RawSeries& raw,
                        const Steps& steps, int64_t first_end_ms, std::optional<RateWindows>& rate_windows,
                        StepSeries& series, Result<void>& failed);
  // The annotations of a function of a range, and its name, where it goes.
  void finish_range_series(const RangeCall& call, StepSeries& series) const;
  Result<SeriesList> call_absent_over_time(const Node& node, const Steps& steps);
  Result<SeriesList> call_vector_function(const Node& node, const Steps& steps);
  Result<SeriesList> call_time_function(const Node& node, const Steps& steps);
  Result<SeriesList> call_label_function(const Node& node, const Steps& steps);
  Result<SeriesList> call_sort(const Node& node, const Steps& steps);
  Result<SeriesList> call_histogram_function(const Node& node, const Steps& steps);
  Result<SeriesList> call_info(const Node& node, const Steps& steps);

  void drop_name(StepSeries& series) const;
  // After names or labels changed: equal series are joined where they do not overlap, else refused.
  Result<void> deduplicate(SeriesList& series) const;
  // Sorts them.
  static bool has_equal(std::vector<Hash128>& identities);
  Result<void> check_cancel() const { return context_.cancel.check(); }
  // The same in loops over series: the clock is looked at once in a while.
  Result<void> check_cancel_sometimes(size_t steps) {
    return has_worked(64 + steps) ? check_cancel() : Result<void>();
  }
  // Counts work, in steps or samples looked at; true when it is time for a look at the clock.
  bool has_worked(uint64_t work) {
    work_since_check_ += work;
    if (work_since_check_ < kWorkBetweenChecks) return false;
    work_since_check_ = 0;
    return true;
  }
  Result<void> count_samples(uint64_t samples);
  // For PromqlStats::queryable_per_step. Nothing where they are not counted, or inside a subquery.
  void count_queryable(size_t step, uint64_t samples) {
    if (step < queryable_.size()) queryable_[step] += samples;
  }
  void count_queryable_windows(const RawSeries& raw, const Steps& steps, int64_t first_end_ms,
                               int64_t range_ms, bool pinned);
  // Whether a result of this size would fit the budget: asked before it is built.
  Result<void> expect_room(uint64_t series, uint64_t steps) const;

  const QueryContext& context_;
  const PromqlOptions& options_;
  const std::string_view query_;
  const Steps query_steps_;
  int64_t query_end_ms_;
  const bool is_instant_;
  Annotations annotations_;
  PromqlStats stats_;
  EvaluationTrace* trace_ = nullptr;
  uint64_t charged_bytes_ = 0;
  // In steps and the samples of their windows, with 64 for a series: one series of very many steps, or of
  // very wide windows, is minutes of work by itself.
  static constexpr uint64_t kWorkBetweenChecks = 8192;
  uint64_t work_since_check_ = 0;
  std::vector<uint64_t> queryable_;  // one a step of the query, or empty
  // Set by an aggregation for the selector, or the function of a range selector, that is its operand.
  const std::vector<std::string>* wanted_labels_ = nullptr;
  // Beside it: what takes the series as they come, instead of a list of them. Not while `trace_` is told of
  // nodes.
  SeriesFold* fold_ = nullptr;
  bool reset_hints_wanted_ =
      false;  // reading for histogram_count() and its like: resets are told between samples
};

// How many floats take the memory of this histogram.
uint64_t size_in_floats(const Histogram& histogram);

// Labels for absent(): those the selector demands.
Labels labels_of_absent(const Node& argument);

// The names that identify a metric rather than a series: __name__, __type__, __unit__.
void remove_metric_labels(Labels& labels);

// Whether nothing between histogram_count() (or _sum, _avg) and the selectors below looks at buckets.
bool wants_only_totals(const Node& node);

// matchers as a predicate over labels.
Expr predicate_of(const std::vector<Matcher>& matchers);

}  // namespace obelisk::promql
