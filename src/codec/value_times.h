#pragma once
// Codes the times of a block: integers (codec/value_integers.h) in the largest of s, ms, us and ns that loses
// nothing, behind one header byte (layout in bits 0-1, unit in bits 2-3). Regular times take about nine bytes
// however many there are. Pure functions.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

// Any order is possible; in practice ascending. At least one time, in ns.
void encode_times(std::span<const int64_t> times, std::string& out);
// Exactly out.size() times, and nothing after them.
Result<void> decode_times(std::string_view bytes, std::span<int64_t> out);

}  // namespace obelisk
