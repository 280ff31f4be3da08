#include "pipeline/usage_tracker.h"

#include "pipeline/span_sizes.h"
#include "query/core/span_dimensions.h"

namespace obelisk {

UsageTracker::UsageTracker(std::vector<UsageDimension> dimensions) : dimensions_(std::move(dimensions)) {
  for (const UsageDimension& dimension : dimensions_) attributes_.push_back(dimension.attribute);
}

std::function<void()> UsageTracker::prepare(const Tenant&, const Batch& spans) {
  SpanDimensions dimensions(attributes_, {}, spans);
  std::vector<uint64_t> sizes = span_sizes(spans);
  auto gathered = std::make_shared<Counts>();
  for (size_t row = 0; row < spans.row_count; ++row) {
    std::vector<std::string> values = dimensions.values(row);
    for (std::string& value : values) {
      if (value.empty()) value = "__missing__";
    }
    (*gathered)[std::move(values)] += sizes[row];
  }
  return [state = state_, gathered] {
    MutexLock lock(state->mutex);
    for (const auto& [values, bytes] : *gathered) {
      auto found = state->counts.find(values);
      if (found == state->counts.end() && state->counts.size() >= kLabelSetsMax) {
        state->counts[std::vector<std::string>(values.size(), "__overflow__")] += bytes;
      } else {
        state->counts[values] += bytes;
      }
    }
  };
}

std::vector<UsageTracker::Usage> UsageTracker::usage() const {
  std::vector<Usage> all;
  MutexLock lock(state_->mutex);
  for (const auto& [values, bytes] : state_->counts) {
    Usage one;
    for (size_t i = 0; i < values.size(); ++i) one.labels.set(dimensions_[i].label, values[i]);
    one.bytes = bytes;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace obelisk
