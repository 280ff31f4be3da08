#pragma once
// From where a selector is read: samples, a downsampled tier (plan/tier.h), or one after the other. Pure.
//
// A tier answers exactly when every window holds whole buckets: the ends of windows, their distance and their
// length are multiples of its resolution. Of those that do the coarsest is taken that has what samples lack;
// none where no stretch is covered. When none fits but samples of the time are gone, what is left is the
// finest tier that has them, and the answer is told to be approximate.
#include <cstdint>
#include <optional>
#include <vector>

#include "plan/tier.h"

namespace obelisk::promql {

// What a selector needs for all its steps.
struct TierNeed {
  int64_t after_ms = 0;  // samples after this
  int64_t until_ms = 0;  // and up to this
  int64_t first_end_ms = 0;
  int64_t step_ms = 0;   // 0: one window
  int64_t range_ms = 0;  // 0: the newest sample before the end of the window
  // Whether what is computed is the same from the buckets of whole windows. False: a tier is a last resort.
  bool can_be_exact = false;
};

struct TierStretch {
  int64_t after_ms = 0;
  int64_t until_ms = 0;
  int64_t resolution_ms = 0;  // 0: samples
  bool operator==(const TierStretch&) const = default;
};

struct TierChoice {
  std::vector<TierStretch> stretches;  // ascending, apart from each other
  int64_t resolution_ms = 0;
  bool exact = true;
  // What is read of the tier.
  TierSpan span() const;
};

// Nullopt: samples alone.
std::optional<TierChoice> choose_tier(const TierReport& report, const TierNeed& need);

}  // namespace obelisk::promql
