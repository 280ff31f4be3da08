#pragma once
// Instant vectors: what aggregations and binary operators of PromQL and LogQL work on.
#include <memory>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"

namespace obelisk {

struct VectorSample {
  Labels labels;
  double value = 0;                            // unused when histogram is set
  std::shared_ptr<const Histogram> histogram;  // PromQL only
  bool drop_name = false;  // the metric name is to be dropped when the query ends (delayed removal)
};

using SampleVector = std::vector<VectorSample>;

}  // namespace obelisk
