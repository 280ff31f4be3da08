#pragma once
// Where a text lies in a much longer one: sixteen places at a time are tested for its first and last byte, a
// few times as fast as memmem over memory. Texts that answer that test almost everywhere are left to memmem,
// so the time is never more than proportional to the length.
#include <string_view>

namespace obelisk {

// The first place of `needle` in `text`; null when it is not there. An empty needle is at the beginning.
const char* find_bytes(std::string_view text, std::string_view needle);

}  // namespace obelisk
