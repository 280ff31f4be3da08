#pragma once
// What is read of downsampled tiers for one selector, put together by series with what samples add. Part of
// the Evaluator: tier_read.cc reads, tier_call.cc computes range functions from it.
#include <array>
#include <map>
#include <optional>

#include "query/promql/functions.h"
#include "query/promql/series.h"
#include "query/promql/tier_choice.h"

namespace obelisk::promql {

// Rows of one aspect, ascending in time. Floats, or histograms.
struct TierColumn {
  std::vector<int64_t> times;
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;
};

// The aspects of a series; a sample that was read as such is a bucket of its own.
struct TierSeries {
  std::array<TierColumn, kTierAspectCount> columns;
  TierColumn& of(TierAspect aspect) { return columns[static_cast<size_t>(aspect)]; }
  const TierColumn& of(TierAspect aspect) const { return columns[static_cast<size_t>(aspect)]; }
};

struct TierData {
  std::map<Labels, TierSeries> series;
  int64_t range_ms = 0;
  const Node* node = nullptr;  // the matrix selector
};

// Which aspects a function of a range is computed from; empty: it needs the samples themselves.
std::vector<TierAspect> tier_aspects_of(FunctionId function);

}  // namespace obelisk::promql
