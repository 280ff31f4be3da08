#pragma once
// Codes a block of sample values (1 to some hundred doubles), bit exact for every double: each NaN payload,
// the infinities and -0 come back as they were.
//
// A block is a header byte and an integer column (codec/value_integers.h). The header says what the integers
// are:
//   bits 0-1  layout of the column
//   bits 2-6  0..12: decimals, value = integer / 10^scale (exact by construction: the encoder divides and
//   compares bits)
//             16: the raw bits of the doubles
//   bit 7     values that are not decimals follow in a list (position, raw bits); the column does not contain
//   them
// Decimals are taken when at most one value in eight is not one. Full description:
// docs/formats/metric_part.md. Pure functions.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/value_integers.h"

namespace obelisk {

// `scale_hint` is a memory between blocks of the same series: it makes finding the scale cheap. Start with 0.
void encode_values(std::span<const double> values, std::string& out, uint8_t& scale_hint,
                   IntegerEffort effort = IntegerEffort::full);
// Exactly out.size() values, and nothing after them.
Result<void> decode_values(std::string_view bytes, std::span<double> out);
// One of `count` values, cheaper than all.
Result<double> decode_one_value(std::string_view bytes, size_t count, size_t index);

}  // namespace obelisk
