#pragma once
// Lengthens a text by bytes that are not cleared, for a caller that writes all of them before anyone reads
// one: clearing a megabyte costs as much as receiving it. What resize_and_overwrite() of C++23 is for; its
// .cc file alone is compiled as that.
#include <cstddef>
#include <string>

namespace obelisk {

// To `size` bytes, at least text.size().
void grow_uncleared(std::string& text, size_t size);

}  // namespace obelisk
