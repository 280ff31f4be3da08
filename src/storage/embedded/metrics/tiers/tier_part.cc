#include "storage/embedded/metrics/tiers/tier_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/time.h"

namespace obelisk {
namespace {

constexpr std::string_view kSuffix = ".tier";
// Rows lie within some centuries of 1970; beyond, days would not fit a time in ns.
constexpr int64_t kDayNumberMax = 106'000;

int64_t era_of(TierAspect aspect) {
  return static_cast<int64_t>(aspect) * kTierEraMillis;
}

int64_t floor_millis(int64_t nanos) {
  return UnixNanos{nanos}.to_millis();
}
// The first millisecond that does not begin before.
int64_t ceil_millis(int64_t nanos) {
  int64_t floor = floor_millis(nanos);
  return floor == nanos / kNanosPerMilli && nanos % kNanosPerMilli == 0 ? floor : floor + 1;
}

template <typename Number>
bool take_number(std::string_view& text, Number& number, int base, std::string_view after) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end == text.data()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.starts_with(after)) return false;
  text.remove_prefix(after.size());
  return true;
}

}  // namespace

std::string TierPartName::text() const {
  return fmt::format("{}-{}-{}-{:016x}{}", resolution_ms, first_day, days, number, kSuffix);
}

std::optional<TierPartName> parse_tier_part_name(std::string_view text) {
  TierPartName name;
  bool whole = take_number(text, name.resolution_ms, 10, "-") && take_number(text, name.first_day, 10, "-") &&
               take_number(text, name.days, 10, "-") && take_number(text, name.number, 16, kSuffix) &&
               text.empty();
  bool sensible = whole && name.resolution_ms > 0 && kDayMillis % name.resolution_ms == 0 && name.days > 0 &&
                  name.days <= kTierDaysMax && name.first_day >= -kDayNumberMax &&
                  name.first_day <= kDayNumberMax;
  return sensible ? std::optional(name) : std::nullopt;
}

Result<void> TierPartBuilder::add(TierAspect aspect, const Samples& rows) {
  const TierSpan span = name_.span();
  shifted_ = rows;
  for (int64_t& time : shifted_.times) {
    OBELISK_ASSERT(time > span.after_ms && time <= span.until_ms);
    time = (era_of(aspect) + (time - span.after_ms)) * kNanosPerMilli;
  }
  for (size_t first = 0; first < shifted_.size();) {
    size_t count = std::min(kTierBlockRows, shifted_.size() - first);
    OBELISK_CHECK_OK(writer_.add_block(encoder_.encode(shifted_, first, count)));
    first += count;
  }
  return {};
}

Result<void> TierSource::read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  const TierSpan span = name_.span();
  const int64_t length = span.until_ms - span.after_ms;
  int64_t begin = range.begin.value == std::numeric_limits<int64_t>::min()
                      ? span.after_ms + 1
                      : std::max(ceil_millis(range.begin.value), span.after_ms + 1);
  int64_t end = range.end.value == std::numeric_limits<int64_t>::max()
                    ? span.until_ms + 1
                    : std::min(ceil_millis(range.end.value), span.until_ms + 1);
  if (begin >= end) return {};
  const int64_t era = era_of(aspect_);
  int64_t first = (era + (begin - span.after_ms)) * kNanosPerMilli;
  int64_t last = (era + std::min(end - span.after_ms, length + 1)) * kNanosPerMilli;
  stored_.clear();
  OBELISK_CHECK_OK(inner_.read({{first}, {last}}, with_payload, stored_, arena));
  stored_.trim(first, last);
  for (size_t row = 0; row < stored_.size(); ++row) {
    int64_t time = stored_.times[row] - (era - span.after_ms) * kNanosPerMilli;
    if (stored_.is_histogram(row)) {
      out.add_histogram(time, stored_.histograms[row], stored_.start_time(row));
    } else {
      out.add(time, stored_.values[row], stored_.start_time(row));
    }
  }
  return {};
}

ErasurePtr widened_to_buckets(const Erasure& erasure, int64_t resolution_ms) {
  auto widened = std::make_shared<Erasure>(erasure);
  TimeRange& range = widened->record.range;
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / kNanosPerMilli - kDayMillis;
  if (range.begin.value >= range.end.value) return widened;
  int64_t first = floor_millis(range.begin.value);
  int64_t last = floor_millis(range.end.value - 1);
  range.begin.value = first <= -kFar
                          ? std::numeric_limits<int64_t>::min()
                          : (tier_bucket_end(first, resolution_ms) - resolution_ms + 1) * kNanosPerMilli;
  range.end.value = last >= kFar ? std::numeric_limits<int64_t>::max()
                                 : (tier_bucket_end(last, resolution_ms) + 1) * kNanosPerMilli;
  return widened;
}

}  // namespace obelisk
