#pragma once
// Instants and ranges. Everything inside the server is nanoseconds since the Unix epoch; Prometheus'
// milliseconds are converted where they enter and leave.
#include <compare>
#include <cstdint>
#include <limits>

namespace obelisk {

struct UnixNanos {
  int64_t value = 0;
  auto operator<=>(const UnixNanos&) const = default;

  static constexpr UnixNanos from_millis(int64_t millis) { return {millis * 1'000'000}; }
  // Rounds towards minus infinity.
  constexpr int64_t to_millis() const {
    int64_t quotient = value / 1'000'000;
    return (value % 1'000'000 < 0) ? quotient - 1 : quotient;
  }
};

constexpr UnixNanos operator+(UnixNanos time, int64_t nanos) {
  return {time.value + nanos};
}
constexpr UnixNanos operator-(UnixNanos time, int64_t nanos) {
  return {time.value - nanos};
}
constexpr int64_t operator-(UnixNanos later, UnixNanos earlier) {
  return later.value - earlier.value;
}

inline constexpr int64_t kNanosPerMilli = 1'000'000;
inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Half open: begin is inside, end is not.
struct TimeRange {
  UnixNanos begin{std::numeric_limits<int64_t>::min()};
  UnixNanos end{std::numeric_limits<int64_t>::max()};

  constexpr bool contains(UnixNanos time) const { return begin <= time && time < end; }
  constexpr bool overlaps(const TimeRange& other) const { return begin < other.end && other.begin < end; }
  auto operator<=>(const TimeRange&) const = default;
};

}  // namespace obelisk
