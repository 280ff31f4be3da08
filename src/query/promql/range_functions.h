#pragma once
// What each function of a range vector computes from the samples of one window: rate and its like, and
// *_over_time. Pure, apart from the annotations they raise.
#include <string_view>
#include <vector>

#include "query/promql/annotations.h"
#include "query/promql/functions.h"
#include "query/promql/series.h"

namespace obelisk::promql {

struct RangeCall {
  FunctionId id;
  const Node& argument;  // the range selector or subquery: where annotations point
  const Node& call;
  Annotations& annotations;
  int64_t range_ms = 0;
  std::string_view metric;           // the series' metric name, for messages
  std::vector<ScalarSteps> scalars;  // scalar arguments in order
};

struct RangeOutcome {
  bool present = false;
  double value = 0;
  HistogramPtr histogram;
};

// `window` has at least one sample; `time_ms` is the step's time.
RangeOutcome apply_range_function(const RangeCall& call, const Window& window, size_t step, int64_t time_ms);

}  // namespace obelisk::promql
