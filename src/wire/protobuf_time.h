#pragma once
// google.protobuf.Timestamp and Duration, {1 seconds, 2 nanos}. Included by .cc files only, inside
// decode_guarded.
#include <optional>
#include <string_view>

#include "base/time.h"
#include "wire/protobuf.h"

namespace obelisk::protobuf {

struct SecondsAndNanos {
  int64_t seconds = 0;
  int64_t nanos = 0;

  // Nullopt beyond 64 bits: outside the years 1677 to 2262.
  std::optional<int64_t> total_nanos() const {
    int64_t total = 0;
    if (__builtin_mul_overflow(seconds, kNanosPerSecond, &total) ||
        __builtin_add_overflow(total, nanos, &total))
      return std::nullopt;
    return total;
  }
};

inline SecondsAndNanos seconds_and_nanos_of(std::string_view message) {
  SecondsAndNanos time;
  Reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varint_field(1):
        time.seconds = reader.get_int64();
        break;
      case varint_field(2):
        time.nanos = reader.get_int32();
        break;
      default:
        reader.skip();
    }
  }
  return time;
}

// Of a Timestamp; Malformed where it cannot be told in nanoseconds.
inline UnixNanos timestamp_of(std::string_view message) {
  SecondsAndNanos time = seconds_and_nanos_of(message);
  std::optional<int64_t> total = time.total_nanos();
  if (!total || time.nanos < 0 || time.nanos >= kNanosPerSecond)
    throw Malformed{"a timestamp is out of range"};
  return UnixNanos{*total};
}

}  // namespace obelisk::protobuf
