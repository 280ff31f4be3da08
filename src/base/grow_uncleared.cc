#include "base/grow_uncleared.h"

#include "base/assert.h"

namespace obelisk {

void grow_uncleared(std::string& text, size_t size) {
  OBELISK_ASSERT(size >= text.size());
  // Not what it hands over: libstdc++ 12 rounds that up to the new capacity.
  text.resize_and_overwrite(size, [size](char*, size_t) { return size; });
}

}  // namespace obelisk
