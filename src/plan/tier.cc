#include "plan/tier.h"

#include <algorithm>

namespace obelisk {

bool tier_spans_cover(const std::vector<TierSpan>& spans, int64_t after_ms, int64_t until_ms) {
  return std::any_of(spans.begin(), spans.end(), [&](const TierSpan& span) {
    return span.after_ms <= after_ms && until_ms <= span.until_ms;
  });
}

TierReport common_tiers(const TierReport& a, const TierReport& b) {
  TierReport common;
  common.raw_after_ms = std::max(a.raw_after_ms, b.raw_after_ms);
  for (const TierReport::Tier& mine : a.tiers) {
    for (const TierReport::Tier& other : b.tiers) {
      if (mine.resolution_ms != other.resolution_ms) continue;
      TierReport::Tier& tier = common.tiers.emplace_back();
      tier.resolution_ms = mine.resolution_ms;
      for (const TierSpan& one : mine.spans) {
        for (const TierSpan& two : other.spans) {
          TierSpan both{std::max(one.after_ms, two.after_ms), std::min(one.until_ms, two.until_ms)};
          if (both.after_ms < both.until_ms) tier.spans.push_back(both);
        }
      }
    }
  }
  return common;
}

}  // namespace obelisk
