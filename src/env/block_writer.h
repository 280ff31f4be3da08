#pragma once
// Files that are written in whole blocks, past the page cache where that is possible: a sync of a few blocks
// through the cache costs a core some 150 us, most of it for finding, marking and waiting for pages; written
// directly, with the disk asked to keep them in the same call, 90. A File of which a dynamic_cast gives no
// BlockWriter is written by write_at. Threads: as for File.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace obelisk {

class BlockWriter {
 public:
  static constexpr size_t kBlockBytes = 4096;

  virtual ~BlockWriter() = default;
  // Offset, size and address are multiples of kBlockBytes, and the space was allocated. unsupported: the file
  // system cannot, nothing was written, and write_at is to be used.
  virtual Result<void> write_blocks(uint64_t offset, std::string_view blocks) = 0;
  // Whether write_blocks returns when the blocks are durable. Where it does not, File::sync makes them so.
  virtual bool blocks_are_durable() const = 0;
};

}  // namespace obelisk
