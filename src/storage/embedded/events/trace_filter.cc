#include "storage/embedded/events/trace_filter.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "codec/checksum.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

using Block = std::array<uint32_t, 8>;
static_assert(sizeof(Block) == kTraceFilterBlockBytes);

constexpr std::array<uint32_t, 8> kSalts = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                            0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

// A key has 40 random bits; the filter wants 64 bits that all depend on them.
uint64_t hash_of(uint64_t key) {
  key *= 0x9e3779b97f4a7c15ull;
  return (key ^ key >> 32) * 0xd6e8feb86659fd93ull;
}

// Multiplies instead of dividing: the high bits choose the block, the low ones the bits in it.
uint64_t block_of(uint64_t hash, uint64_t block_count) {
  return ((hash >> 32) * block_count) >> 32;
}

uint32_t bit_of(uint64_t hash, size_t word) {
  return uint32_t{1} << ((static_cast<uint32_t>(hash) * kSalts[word]) >> 27);
}

uint64_t block_count_of(uint64_t filter_bytes) {
  uint64_t pages = (filter_bytes + kTraceFilterPageBytes - 1) / kTraceFilterPageBytes;
  return (filter_bytes - pages * 8) / kTraceFilterBlockBytes;
}

}  // namespace

std::string encode_trace_filter(std::span<const uint64_t> keys) {
  uint64_t count = std::max<uint64_t>(1, (keys.size() * kTraceFilterBits + 255) / 256);
  std::vector<Block> blocks(count, Block{});
  for (uint64_t key : keys) {
    uint64_t hash = hash_of(key);
    Block& block = blocks[block_of(hash, count)];
    for (size_t word = 0; word < block.size(); ++word) block[word] |= bit_of(hash, word);
  }
  std::string out;
  for (uint64_t first = 0; first < count; first += kTraceFilterPageBlocks) {
    uint64_t in_page = std::min<uint64_t>(kTraceFilterPageBlocks, count - first);
    std::string_view page(reinterpret_cast<const char*>(&blocks[first]), in_page * kTraceFilterBlockBytes);
    out.append(page);
    append_fixed(out, checksum64(page));
  }
  return out;
}

bool is_trace_filter_length(uint64_t filter_bytes) {
  uint64_t last = filter_bytes % kTraceFilterPageBytes;
  return filter_bytes > 0 && (last == 0 || (last > 8 && (last - 8) % kTraceFilterBlockBytes == 0));
}

TraceFilterPage trace_filter_page(uint64_t key, uint64_t filter_bytes) {
  OBELISK_ASSERT(is_trace_filter_length(filter_bytes));
  uint64_t block = block_of(hash_of(key), block_count_of(filter_bytes));
  TraceFilterPage page;
  page.offset = block / kTraceFilterPageBlocks * kTraceFilterPageBytes;
  page.length = std::min<uint64_t>(kTraceFilterPageBytes, filter_bytes - page.offset);
  page.block = block % kTraceFilterPageBlocks;
  return page;
}

Result<bool> trace_filter_has(std::string_view page, const TraceFilterPage& at, uint64_t key) {
  OBELISK_ASSERT(page.size() == at.length);
  uint64_t checksum = 0;
  std::memcpy(&checksum, page.data() + page.size() - 8, 8);
  page.remove_suffix(8);
  if (checksum64(page) != checksum) return make_error(ErrorCode::corrupt, "trace filter: checksum mismatch");
  Block block;
  std::memcpy(block.data(), page.data() + at.block * kTraceFilterBlockBytes, kTraceFilterBlockBytes);
  uint64_t hash = hash_of(key);
  for (size_t word = 0; word < block.size(); ++word) {
    if ((block[word] & bit_of(hash, word)) == 0) return false;
  }
  return true;
}

}  // namespace obelisk
