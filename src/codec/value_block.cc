#include "codec/value_block.h"

#include <bit>
#include <cmath>
#include <vector>

#include "base/assert.h"

namespace obelisk {
namespace {

constexpr uint8_t kScaleMax = 12;
constexpr uint8_t kRawBits = 16;
constexpr uint8_t kHasExceptions = 0x80;
constexpr double kPowersOfTen[kScaleMax + 1] = {1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                                1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
constexpr double kExactMax = 9007199254740992.0;        // 2^53: integers up to here are doubles
constexpr double kIntegralMax = 4611686018427387904.0;  // 2^62: still an int64, every double here is integral

// The integer m with double(m) / 10^scale bit-equal to value, if there is one.
bool to_decimal(double value, uint8_t scale, int64_t& integer) {
  if (scale == 0) {
    if (!(std::fabs(value) < kIntegralMax)) return false;
    integer = static_cast<int64_t>(value);
    return std::bit_cast<uint64_t>(static_cast<double>(integer)) == std::bit_cast<uint64_t>(value);
  }
  double scaled = value * kPowersOfTen[scale];
  if (!(std::fabs(scaled) < kExactMax)) return false;
  integer = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  double back = static_cast<double>(integer) / kPowersOfTen[scale];
  return std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value);
}

struct Decimals {
  std::vector<int64_t> integers;
  std::vector<uint32_t> exceptions;  // positions
};

// All values at this scale; false when more than `exceptions_max` are no decimals. `tight`: a smaller scale
// would not do.
bool convert(std::span<const double> values, uint8_t scale, size_t exceptions_max, Decimals& out,
             bool& tight) {
  out.integers.resize(values.size());
  out.exceptions.clear();
  tight = scale == 0;
  size_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t integer = 0;
    if (to_decimal(values[i], scale, integer)) {
      if (!tight) tight = integer % 10 != 0;
      out.integers[count++] = integer;
      continue;
    }
    if (out.exceptions.size() == exceptions_max) return false;
    out.exceptions.push_back(static_cast<uint32_t>(i));
  }
  out.integers.resize(count);
  return true;
}

// The smallest scale that fits all values but a few; false when there is none.
bool find_scale(std::span<const double> values, size_t exceptions_max, uint8_t& scale) {
  scale = 0;
  size_t exceptions = 0;
  for (double value : values) {
    int64_t integer = 0;
    uint8_t wanted = scale;
    while (wanted <= kScaleMax && !to_decimal(value, wanted, integer)) ++wanted;
    if (wanted <= kScaleMax) {
      scale = wanted;
    } else if (++exceptions > exceptions_max) {
      return false;
    }
  }
  return true;
}

bool as_decimals(std::span<const double> values, uint8_t& scale_hint, Decimals& out) {
  size_t exceptions_max = values.size() / 8;
  bool tight = false;
  if (scale_hint <= kScaleMax && convert(values, scale_hint, exceptions_max, out, tight)) {
    if (tight && out.exceptions.empty()) return true;
  }
  uint8_t scale = 0;
  if (!find_scale(values, exceptions_max, scale)) return false;
  if (!convert(values, scale, exceptions_max, out, tight)) return false;
  scale_hint = scale;
  return true;
}

void encode_raw_bits(std::span<const double> values, std::string& out, IntegerEffort effort) {
  thread_local std::vector<int64_t> bits;
  bits.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) bits[i] = std::bit_cast<int64_t>(values[i]);
  size_t header = out.size();
  out.push_back(0);
  uint8_t layout = encode_integers(bits, out, effort);
  out[header] = static_cast<char>(layout | (kRawBits << kIntegerLayoutBits));
}

struct Exception {
  uint32_t position;
  uint64_t bits;
};

Error corrupt(const char* what) {
  return make_error(ErrorCode::corrupt, std::string("value block: ") + what);
}

// Positions ascend; each is stored as the distance from the one before.
Result<std::vector<Exception>> read_exceptions(ByteReader& reader, size_t count) {
  uint64_t wanted = reader.varint_up_to(count);
  if (wanted * 9 > reader.left()) return corrupt("list of exceptions cut");
  std::vector<Exception> exceptions;
  exceptions.reserve(wanted);
  uint64_t next = 0;
  for (uint64_t i = 0; i < wanted; ++i) {
    uint64_t position = next + reader.varint_up_to(count);
    uint64_t bits = reader.fixed<uint64_t>();
    if (reader.failed() || position >= count) return corrupt("position of an exception");
    exceptions.push_back({static_cast<uint32_t>(position), bits});
    next = position + 1;
  }
  return exceptions;
}

// Moves values up to make room for the exceptions, from the back.
void insert_exceptions(const std::vector<Exception>& exceptions, std::span<double> out) {
  size_t from = out.size() - exceptions.size();
  size_t to = out.size();
  for (size_t i = exceptions.size(); i > 0; --i) {
    while (to - 1 > exceptions[i - 1].position) out[--to] = out[--from];
    out[--to] = std::bit_cast<double>(exceptions[i - 1].bits);
  }
}

}  // namespace

void encode_values(std::span<const double> values, std::string& out, uint8_t& scale_hint,
                   IntegerEffort effort) {
  OBELISK_ASSERT(!values.empty());
  thread_local Decimals decimals;
  if (!as_decimals(values, scale_hint, decimals) || decimals.integers.empty())
    return encode_raw_bits(values, out, effort);
  size_t header_at = out.size();
  out.push_back(0);
  uint8_t header = static_cast<uint8_t>(scale_hint << kIntegerLayoutBits);
  if (!decimals.exceptions.empty()) {
    header |= kHasExceptions;
    append_varint(out, decimals.exceptions.size());
    uint32_t next = 0;
    for (uint32_t position : decimals.exceptions) {
      append_varint(out, position - next);
      append_fixed(out, std::bit_cast<uint64_t>(values[position]));
      next = position + 1;
    }
  }
  header |= encode_integers(decimals.integers, out, effort);
  out[header_at] = static_cast<char>(header);
}

Result<void> decode_values(std::string_view bytes, std::span<double> out) {
  OBELISK_ASSERT(!out.empty());
  ByteReader reader(bytes);
  uint8_t header = reader.fixed<uint8_t>();
  if (reader.failed()) return corrupt("empty");
  uint8_t domain = (header & ~kHasExceptions) >> kIntegerLayoutBits;
  if (domain > kScaleMax && domain != kRawBits) return corrupt("unknown coding");
  std::vector<Exception> exceptions;
  if ((header & kHasExceptions) != 0) {
    OBELISK_TRY(exceptions, read_exceptions(reader, out.size()));
    if (exceptions.size() >= out.size()) return corrupt("nothing but exceptions");
  }
  thread_local std::vector<int64_t> integers;
  integers.resize(out.size() - exceptions.size());
  if (!decode_integers(reader, header & kIntegerLayoutMask, integers) || !reader.at_end()) {
    return corrupt("bytes cut, trailing or out of range");
  }
  if (domain == kRawBits) {
    for (size_t i = 0; i < integers.size(); ++i) out[i] = std::bit_cast<double>(integers[i]);
  } else if (domain == 0) {
    for (size_t i = 0; i < integers.size(); ++i) out[i] = static_cast<double>(integers[i]);
  } else {
    for (size_t i = 0; i < integers.size(); ++i)
      out[i] = static_cast<double>(integers[i]) / kPowersOfTen[domain];
  }
  if (!exceptions.empty()) insert_exceptions(exceptions, out);
  return {};
}

Result<double> decode_one_value(std::string_view bytes, size_t count, size_t index) {
  OBELISK_ASSERT(index < count);
  ByteReader reader(bytes);
  uint8_t header = reader.fixed<uint8_t>();
  uint8_t domain = header >> kIntegerLayoutBits;
  if (reader.failed() || (domain > kScaleMax && domain != kRawBits)) {
    // With exceptions, or what is refused there.
    thread_local std::vector<double> values;
    values.resize(count);
    OBELISK_CHECK_OK(decode_values(bytes, values));
    return values[index];
  }
  std::optional<int64_t> integer = decode_one_integer(reader, header & kIntegerLayoutMask, count, index);
  if (!integer || !reader.at_end()) return corrupt("bytes cut, trailing or out of range");
  if (domain == kRawBits) return std::bit_cast<double>(*integer);
  return static_cast<double>(*integer) / kPowersOfTen[domain];
}

}  // namespace obelisk
