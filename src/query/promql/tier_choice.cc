#include "query/promql/tier_choice.h"

#include <algorithm>

namespace obelisk::promql {
namespace {

// Each costs a scan; more come of days that wait for their tiers all over a long range.
constexpr size_t kStretchesMax = 64;

bool is_aligned(const TierNeed& need, int64_t resolution_ms) {
  return need.first_end_ms % resolution_ms == 0 && need.step_ms % resolution_ms == 0 &&
         need.range_ms % resolution_ms == 0;
}

// The parts of (after, until] that the tier has.
std::vector<TierSpan> covered(const TierReport::Tier& tier, int64_t after_ms, int64_t until_ms) {
  std::vector<TierSpan> parts;
  for (const TierSpan& span : tier.spans) {
    TierSpan part{std::max(span.after_ms, after_ms), std::min(span.until_ms, until_ms)};
    if (part.after_ms < part.until_ms) parts.push_back(part);
  }
  return parts;
}

int64_t length(const std::vector<TierSpan>& spans) {
  int64_t sum = 0;
  for (const TierSpan& span : spans) sum += span.until_ms - span.after_ms;
  return sum;
}

// How much of what samples lack the tier lacks too.
int64_t missing(const TierReport& report, const TierReport::Tier& tier, const TierNeed& need) {
  int64_t until = std::min(need.until_ms, report.raw_after_ms);
  if (until <= need.after_ms) return 0;
  return until - need.after_ms - length(covered(tier, need.after_ms, until));
}

TierChoice choice_of(const std::vector<TierSpan>& from_tier, int64_t resolution_ms, const TierNeed& need,
                     bool exact) {
  TierChoice choice;
  choice.resolution_ms = resolution_ms;
  choice.exact = exact;
  int64_t at = need.after_ms;
  for (const TierSpan& span : from_tier) {
    if (at < span.after_ms) choice.stretches.push_back({at, span.after_ms, 0});
    choice.stretches.push_back({span.after_ms, span.until_ms, resolution_ms});
    at = span.until_ms;
  }
  if (at < need.until_ms) choice.stretches.push_back({at, need.until_ms, 0});
  return choice;
}

std::optional<TierChoice> exact_choice(const TierReport& report, const TierNeed& need) {
  const TierReport::Tier* best = nullptr;
  for (auto tier = report.tiers.rbegin(); tier != report.tiers.rend(); ++tier) {
    if (!is_aligned(need, tier->resolution_ms)) continue;
    if (covered(*tier, need.after_ms, need.until_ms).empty()) continue;
    if (best == nullptr || missing(report, *tier, need) < missing(report, *best, need)) best = &*tier;
  }
  if (best == nullptr) return std::nullopt;
  std::vector<TierSpan> spans = covered(*best, need.after_ms, need.until_ms);
  return choice_of(spans, best->resolution_ms, need, true);
}

// Only where samples are gone, and up to the next bucket's end.
std::optional<TierChoice> last_resort(const TierReport& report, const TierNeed& need) {
  if (report.raw_after_ms <= need.after_ms) return std::nullopt;
  const TierReport::Tier* best = nullptr;
  for (const TierReport::Tier& tier : report.tiers) {
    if (best == nullptr || missing(report, tier, need) < missing(report, *best, need)) best = &tier;
  }
  if (best == nullptr) return std::nullopt;
  int64_t until = std::min(need.until_ms, tier_bucket_end(report.raw_after_ms, best->resolution_ms));
  std::vector<TierSpan> spans = covered(*best, need.after_ms, until);
  if (spans.empty()) return std::nullopt;
  return choice_of(spans, best->resolution_ms, need, false);
}

}  // namespace

TierSpan TierChoice::span() const {
  TierSpan span;
  bool first = true;
  for (const TierStretch& stretch : stretches) {
    if (stretch.resolution_ms == 0) continue;
    if (first) span.after_ms = stretch.after_ms;
    span.until_ms = stretch.until_ms;
    first = false;
  }
  return span;
}

std::optional<TierChoice> choose_tier(const TierReport& report, const TierNeed& need) {
  if (report.tiers.empty() || need.after_ms >= need.until_ms) return std::nullopt;
  std::optional<TierChoice> choice = need.can_be_exact ? exact_choice(report, need) : std::nullopt;
  if (choice && choice->stretches.size() > kStretchesMax) choice.reset();
  return choice ? choice : last_resort(report, need);
}

}  // namespace obelisk::promql
