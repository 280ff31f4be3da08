#include "codec/value_times.h"

#include <algorithm>
#include <vector>

#include "codec/value_integers.h"

namespace obelisk {
namespace {

constexpr int64_t kUnits[] = {1, 1'000, 1'000'000, 1'000'000'000};

bool all_whole(std::span<const int64_t> times, int64_t unit) {
  return std::all_of(times.begin(), times.end(), [&](int64_t time) { return time % unit == 0; });
}

uint8_t largest_unit(std::span<const int64_t> times) {
  if (!all_whole(times, kUnits[2])) return all_whole(times, kUnits[1]) ? 1 : 0;
  return all_whole(times, kUnits[3]) ? 3 : 2;
}

}  // namespace

void encode_times(std::span<const int64_t> times, std::string& out) {
  uint8_t unit = largest_unit(times);
  size_t header = out.size();
  out.push_back(0);
  uint8_t layout = 0;
  if (unit == 0) {
    layout = encode_integers(times, out);
  } else {
    thread_local std::vector<int64_t> scaled;
    scaled.assign(times.begin(), times.end());
    for (int64_t& time : scaled) time /= kUnits[unit];
    layout = encode_integers(scaled, out);
  }
  out[header] = static_cast<char>(layout | (unit << kIntegerLayoutBits));
}

Result<void> decode_times(std::string_view bytes, std::span<int64_t> out) {
  ByteReader reader(bytes);
  uint8_t header = reader.fixed<uint8_t>();
  uint8_t unit = header >> kIntegerLayoutBits;
  if (reader.failed() || unit > 3) return make_error(ErrorCode::corrupt, "time column: unknown unit");
  if (!decode_integers(reader, header & kIntegerLayoutMask, out) || !reader.at_end()) {
    return make_error(ErrorCode::corrupt, "time column: bytes cut, trailing or out of range");
  }
  uint64_t scale = static_cast<uint64_t>(kUnits[unit]);
  for (int64_t& time : out) time = static_cast<int64_t>(static_cast<uint64_t>(time) * scale);
  return {};
}

}  // namespace obelisk
