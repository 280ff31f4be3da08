#include "storage/embedded/events/trace_index_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/integer_column.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr unsigned kRowGroupBits = 64 - kTraceKeyBits;

Error wrong(std::string_view what) {
  return make_error(ErrorCode::corrupt, fmt::format("trace index: {}", what));
}

// Removes and verifies the checksum at the end.
bool take_checksum(std::string_view& bytes) {
  if (bytes.size() < 8) return false;
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - 8, 8);
  bytes.remove_suffix(8);
  return checksum64(bytes) == checksum;
}

}  // namespace

uint64_t trace_key(const TraceId& id) {
  return checksum64(id.view()) >> (64 - kTraceKeyBits);
}

void TraceIndexBuilder::add_key(uint64_t key, uint32_t row_group) {
  entries_.push_back(key << 24 | row_group);
}

void TraceIndexBuilder::add(const TraceId& id, uint32_t row_group) {
  OBELISK_ASSERT(row_group < (1u << kRowGroupBits));
  if (row_group == last_row_group_ && id == last_id_) return;  // spans of one trace follow each other
  last_id_ = id;
  last_row_group_ = row_group;
  entries_.push_back(trace_key(id) << kRowGroupBits | row_group);
}

std::string TraceIndexBuilder::encode() {
  std::sort(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
  std::string out;
  std::vector<int64_t> first_keys, lengths, keys, row_groups;
  for (size_t begin = 0; begin < entries_.size(); begin += kTraceIndexBlockEntries) {
    size_t end = std::min(begin + kTraceIndexBlockEntries, entries_.size());
    keys.clear();
    row_groups.clear();
    for (size_t i = begin; i < end; ++i) {
      keys.push_back(static_cast<int64_t>(entries_[i] >> kRowGroupBits));
      row_groups.push_back(static_cast<int64_t>(entries_[i] & ((1u << kRowGroupBits) - 1)));
    }
    size_t start = out.size();
    encode_integer_column(keys, out);
    encode_integer_column(row_groups, out);
    append_fixed(out, checksum64(std::string_view(out).substr(start)));
    first_keys.push_back(keys[0]);
    lengths.push_back(static_cast<int64_t>(out.size() - start));
  }
  std::string directory;
  append_varint(directory, entries_.size());
  encode_integer_column(first_keys, directory);
  encode_integer_column(lengths, directory);
  append_fixed<uint64_t>(directory, directory.size());
  append_fixed(directory, checksum64(directory));
  entries_.clear();
  return out + directory;
}

size_t TraceIndexDirectory::entries_of(size_t block) const {
  return block + 1 < block_count() ? kTraceIndexBlockEntries : entry_count - block * kTraceIndexBlockEntries;
}

std::pair<size_t, size_t> TraceIndexDirectory::blocks_with(uint64_t key) const {
  int64_t wanted = static_cast<int64_t>(key);
  size_t after = static_cast<size_t>(std::upper_bound(first_keys.begin(), first_keys.end(), wanted) -
                                     first_keys.begin());
  size_t first = static_cast<size_t>(std::lower_bound(first_keys.begin(), first_keys.end(), wanted) -
                                     first_keys.begin());
  if (first > 0) --first;  // the block before may end with the key
  return {std::min(first, after), after};
}

Result<uint64_t> trace_index_directory_bytes(std::string_view index_tail, uint64_t index_bytes) {
  if (index_tail.size() != kTraceIndexTailBytes) return wrong("cut off");
  ByteReader reader(index_tail);
  uint64_t length = reader.u64();
  if (length > index_bytes - kTraceIndexTailBytes) return wrong("length of its directory");
  return length + kTraceIndexTailBytes;
}

Result<TraceIndexDirectory> parse_trace_index_directory(std::string_view bytes, uint64_t index_bytes) {
  uint64_t directory_bytes = bytes.size();
  if (directory_bytes > index_bytes || !take_checksum(bytes)) return wrong("checksum of its directory");
  ByteReader reader(bytes);
  TraceIndexDirectory directory;
  directory.entry_count = reader.varint_up_to(uint64_t{1} << 32);
  size_t blocks = (directory.entry_count + kTraceIndexBlockEntries - 1) / kTraceIndexBlockEntries;
  if (blocks > index_bytes / 8) return wrong("more blocks than fit");  // each has at least its checksum
  std::vector<int64_t> lengths(blocks);
  directory.first_keys.resize(blocks);
  if (!decode_integer_column(reader, blocks, directory.first_keys.data()) ||
      !decode_integer_column(reader, blocks, lengths.data()) || reader.left() != 8) {
    return wrong("directory");
  }
  directory.offsets.push_back(0);
  for (int64_t length : lengths) {
    if (length < 8 || static_cast<uint64_t>(length) > index_bytes - directory.offsets.back())
      return wrong("length of a block");
    directory.offsets.push_back(directory.offsets.back() + static_cast<uint64_t>(length));
  }
  if (directory.offsets.back() != index_bytes - directory_bytes) return wrong("blocks do not fill it");
  if (!std::is_sorted(directory.first_keys.begin(), directory.first_keys.end()))
    return wrong("keys are not sorted");
  return directory;
}

Result<TraceIndexBlock> parse_trace_index_block(std::string_view block, size_t entry_count) {
  if (!take_checksum(block)) return wrong("checksum of a block");
  ByteReader reader(block);
  TraceIndexBlock parsed;
  parsed.keys.resize(entry_count);
  parsed.row_groups.resize(entry_count);
  if (!decode_integer_column(reader, entry_count, parsed.keys.data()) ||
      !decode_integer_column(reader, entry_count, parsed.row_groups.data()) || !reader.at_end()) {
    return wrong("block");
  }
  return parsed;
}

}  // namespace obelisk
