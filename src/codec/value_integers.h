#pragma once
// Codes a short run of 64-bit integers (a block of a series: 1 to some hundred values) by their differences;
// any integers round-trip, differences wrap modulo 2^64.
//
// Layouts (two bits that the caller stores in its own header byte):
//   0  equal       first                                   every value is the first
//   1  stride      first, base                             every difference is `base`
//   2  packed      first, base, range, bits                difference = base + field, field in [0, range]
//   3  patched     first, base, range, patches, bits       the same, some differences stand in the patch list
// `first` and `base` are signed varints. Fields up to 2^21 are packed three to a word in base range + 1,
// which wastes a fraction of a bit less than whole bits; larger ones by whole bits. A series that rarely
// moves is `patched` with range 0, its steps being the patches; a counter reset is one patch. Full
// description: docs/formats/metric_part.md, "Integer column". Pure functions.
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "codec/byte_reader.h"

namespace obelisk {

inline constexpr uint8_t kIntegerLayoutBits = 2;
inline constexpr uint8_t kIntegerLayoutMask = 3;

// quick: patches are not looked for where there is little to gain. For what is coded anew soon.
enum class IntegerEffort : uint8_t { full, quick };

// Appends the body; the returned layout is needed to decode it. At least one value.
uint8_t encode_integers(std::span<const int64_t> values, std::string& out,
                        IntegerEffort effort = IntegerEffort::full);

// Reads exactly out.size() values; false (and the reader failed) when the bytes are not such a column.
[[nodiscard]] bool decode_integers(ByteReader& reader, uint8_t layout, std::span<int64_t> out);

// One of `count` values, at a third of the time of all; nothing where decode_integers() is false.
[[nodiscard]] std::optional<int64_t> decode_one_integer(ByteReader& reader, uint8_t layout, size_t count,
                                                        size_t index);

}  // namespace obelisk
