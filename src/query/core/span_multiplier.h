#pragma once
// How many spans a sampled one stands for: the inverse of the sampling ratio in an attribute (of the span,
// then of the resource), or of the probability in the tracestate member ot=th:. Ratios outside (0, 1] and
// malformed thresholds count as 1. Bound to one batch, which must outlive it.
#include <optional>
#include <string>
#include <string_view>

#include "query/core/attribute_columns.h"

namespace obelisk {

struct SpanMultiplierOptions {
  std::string attribute = {};  // empty: none
  bool tracestate = false;     // where the attribute says nothing
};

class SpanMultiplier {
 public:
  SpanMultiplier(const SpanMultiplierOptions& options, const Batch& spans);
  double of(size_t row) const;

 private:
  std::optional<AttributeColumns> ratios_;
  const ColumnData* tracestates_ = nullptr;
};

}  // namespace obelisk
