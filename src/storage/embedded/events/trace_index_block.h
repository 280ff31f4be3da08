#pragma once
// The trace index of one part: for every trace id of its rows the row groups that hold it, the same for
// spans, log lines and exemplars. An entry is (key, row group); the key is 40 bits of a hash of the id,
// because senders pad ids with zeros and a prefix of those tells nothing apart. Two ids share a key once in
// 10^12 pairs; a reader compares the ids it reads. Entries are sorted and cut into blocks of 1,024, each
// readable and checked by itself: a lookup reads one block, some 3 to 4 bytes an entry. Format:
// docs/formats/trace_index.md.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace obelisk {

inline constexpr size_t kTraceIndexBlockEntries = 1024;
inline constexpr unsigned kTraceKeyBits = 40;

uint64_t trace_key(const TraceId& id);

// Collects (id, row group) pairs in any order; repeats are fine.
class TraceIndexBuilder {
 public:
  void add(const TraceId& id, uint32_t row_group);
  void add_key(uint64_t key, uint32_t row_group);
  bool empty() const { return entries_.empty(); }
  // Blocks, then their directory. Empties the builder.
  std::string encode();

 private:
  std::vector<uint64_t> entries_;  // key << 24 | row group
  TraceId last_id_;
  uint32_t last_row_group_ = ~0u;
};

// Where the blocks are and what key each begins with; small enough to be kept in memory.
struct TraceIndexDirectory {
  uint64_t entry_count = 0;
  std::vector<int64_t> first_keys;
  std::vector<uint64_t> offsets;  // of each block from the start of the index, and the end of the last

  size_t block_count() const { return first_keys.size(); }
  size_t entries_of(size_t block) const;
  // The blocks that may hold `key`: half open.
  std::pair<size_t, size_t> blocks_with(uint64_t key) const;
};

// The last bytes of an index: how long its directory is. `index_tail` are the last kTraceIndexTailBytes.
inline constexpr size_t kTraceIndexTailBytes = 16;
Result<uint64_t> trace_index_directory_bytes(std::string_view index_tail, uint64_t index_bytes);
// `bytes` end with the tail. `index_bytes` is the length of the whole index.
Result<TraceIndexDirectory> parse_trace_index_directory(std::string_view bytes, uint64_t index_bytes);

// A block decoded, for looking up many keys in order.
struct TraceIndexBlock {
  std::vector<int64_t> keys;        // ascending
  std::vector<int64_t> row_groups;  // one each
};
Result<TraceIndexBlock> parse_trace_index_block(std::string_view block, size_t entry_count);

}  // namespace obelisk
