#include "query/core/span_multiplier.h"

#include "query/core/trace_state.h"

namespace obelisk {
SpanMultiplier::SpanMultiplier(const SpanMultiplierOptions& options, const Batch& spans) {
  if (!options.attribute.empty())
    ratios_.emplace(spans, options.attribute, AttributeColumns::Where::span_then_resource);
  if (options.tracestate) tracestates_ = spans.find_fixed(column::kTraceState);
}

double SpanMultiplier::of(size_t row) const {
  if (ratios_) {
    std::optional<double> ratio = ratios_->first_number_of(row);
    if (ratio && *ratio > 0 && *ratio <= 1) return 1 / *ratio;
  }
  if (tracestates_ != nullptr && tracestates_->is_present(row))
    return multiplier_of_tracestate(tracestates_->strings[row]).value_or(1);
  return 1;
}

}  // namespace obelisk
