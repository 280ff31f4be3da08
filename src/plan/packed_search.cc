#include "plan/packed_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/find_bytes.h"
#include "codec/byte_reader.h"
#include "plan/batch_format.h"

namespace obelisk {
namespace {

using namespace batch_format;

Error damaged(const PackedBatch::Column& column) {
  return make_error(ErrorCode::corrupt, fmt::format("batch: values of column {}", column.name));
}

// The rows of values, which are asked for in ascending order.
class RowsOfValues {
 public:
  // An empty `presence`: every row has a value.
  RowsOfValues(std::string_view presence, size_t row_count) : presence_(presence), row_count_(row_count) {}

  size_t value_count() const {
    if (presence_.empty()) return row_count_;
    size_t count = 0;
    for (size_t byte = 0; byte < presence_.size(); ++byte) count += bits_at(byte);
    return count;
  }

  uint32_t row_of(size_t value) {
    if (presence_.empty()) return static_cast<uint32_t>(value);
    while (counted_ + bits_at(byte_) <= value) counted_ += bits_at(byte_++);
    size_t left = value - counted_;
    unsigned bits = valid_bits(byte_);
    for (; left > 0; --left) bits &= bits - 1;
    return static_cast<uint32_t>(byte_ * 8 + static_cast<size_t>(__builtin_ctz(bits)));
  }

 private:
  // Bits beyond the last row mean nothing.
  unsigned valid_bits(size_t byte) const {
    unsigned bits = static_cast<uint8_t>(presence_[byte]);
    size_t rows = row_count_ - byte * 8;
    return rows < 8 ? bits & ((1u << rows) - 1) : bits;
  }
  size_t bits_at(size_t byte) const { return static_cast<size_t>(__builtin_popcount(valid_bits(byte))); }

  std::string_view presence_;
  size_t row_count_;
  size_t byte_ = 0, counted_ = 0;  // values in the bytes before byte_
};

// `count` texts as they are stored: their lengths, then their bytes.
struct StoredTexts {
  unsigned width = 0;
  std::string_view lengths;
  std::string_view bytes;

  size_t length_of(size_t i) const {
    uint32_t length = 0;
    std::memcpy(&length, lengths.data() + i * width, width);
    return length;
  }
};

bool read_stored(ByteReader& reader, size_t count, bool to_the_end, StoredTexts& out) {
  out.width = reader.u8();
  if ((out.width != 1 && out.width != 2 && out.width != 4) || count > reader.left() / out.width) return false;
  out.lengths = reader.bytes(count * out.width);
  if (to_the_end) {
    out.bytes = reader.rest();
    return !reader.failed();
  }
  uint64_t total = 0;
  for (size_t i = 0; i < count; ++i) total += out.length_of(i);
  out.bytes = reader.bytes(total);
  return !reader.failed();
}

// Numbers of the texts, ascending. False: the lengths are not those of the bytes.
bool find_texts(const StoredTexts& texts, size_t count, std::string_view needle, TextRelation relation,
                size_t found_max, std::vector<uint32_t>& found) {
  size_t number = 0, begin = 0;  // of the text that was reached
  size_t from = 0;
  while (from < texts.bytes.size() && found.size() <= found_max) {
    const char* hit = find_bytes(texts.bytes.substr(from), needle);
    if (hit == nullptr) return true;
    size_t at = static_cast<size_t>(hit - texts.bytes.data());
    while (number < count && begin + texts.length_of(number) <= at) begin += texts.length_of(number++);
    if (number == count) return false;
    size_t end = begin + texts.length_of(number);
    bool inside = at + needle.size() <= end;
    bool holds = inside && (relation == TextRelation::contains || (at == begin && at + needle.size() == end));
    if (holds) found.push_back(static_cast<uint32_t>(number));
    // A text that has it need not be looked at again; a find beyond its end says nothing of the next one.
    from = holds ? end : at + 1;
  }
  return true;
}

// The rows whose entry is one of `entries` (ascending).
bool find_codes(ByteReader& reader, size_t entry_count, size_t value_count,
                const std::vector<uint32_t>& entries, size_t found_max, RowsOfValues rows,
                std::vector<uint32_t>& found) {
  if (entries.empty()) return true;
  size_t width = entry_count == 1 ? 0 : entry_count <= 256 ? 1 : 2;
  if (width != 0 && value_count > reader.left() / width) return false;
  std::string_view codes = reader.bytes(value_count * width);
  std::vector<uint8_t> wanted(entry_count);
  for (uint32_t entry : entries) wanted[entry] = 1;
  for (size_t value = 0; value < value_count && found.size() <= found_max; ++value) {
    uint16_t code = 0;
    std::memcpy(&code, codes.data() + value * width, width);
    if (code >= entry_count) return false;
    if (wanted[code] != 0) found.push_back(rows.row_of(value));
  }
  return true;
}

struct Opened {
  ByteReader reader;
  RowsOfValues rows;
  size_t value_count = 0;
  size_t entry_count = 0;  // of a dictionary; 0: the values themselves
};

Result<Opened> open(const PackedBatch& batch, const PackedBatch::Column& column) {
  ByteReader reader(column.bytes);
  std::string_view presence;
  if (!column.all_present) presence = reader.bytes((batch.row_count() + 7) / 8);
  if (reader.failed()) return damaged(column);
  Opened opened{reader, RowsOfValues(presence, batch.row_count()), 0, 0};
  opened.value_count = opened.rows.value_count();
  if (column.coding == kRaw) return opened;
  if (column.coding != kDictionary) return damaged(column);
  opened.entry_count = opened.reader.varint_up_to(kDictionaryEntriesMax);
  if (opened.reader.failed() || opened.entry_count == 0) return damaged(column);
  return opened;
}

}  // namespace

Result<std::vector<uint32_t>> rows_with_text(const PackedBatch& batch, const PackedBatch::Column& column,
                                             std::string_view needle, TextRelation relation,
                                             size_t rows_max) {
  OBELISK_TRY(Opened opened, open(batch, column));
  bool coded = opened.entry_count > 0;
  size_t count = coded ? opened.entry_count : opened.value_count;
  StoredTexts texts;
  std::vector<uint32_t> numbers, found;
  if (!read_stored(opened.reader, count, !coded, texts) ||
      !find_texts(texts, count, needle, relation, coded ? SIZE_MAX : rows_max, numbers))
    return damaged(column);
  if (!coded) {
    for (uint32_t number : numbers) found.push_back(opened.rows.row_of(number));
    return found;
  }
  if (!find_codes(opened.reader, count, opened.value_count, numbers, rows_max, opened.rows, found))
    return damaged(column);
  return found;
}

Result<std::vector<uint32_t>> rows_with_trace_id(const PackedBatch& batch, const PackedBatch::Column& column,
                                                 std::span<const TraceId> ids) {
  OBELISK_TRY(Opened opened, open(batch, column));
  bool coded = opened.entry_count > 0;
  size_t count = coded ? opened.entry_count : opened.value_count;
  if (count > opened.reader.left() / sizeof(TraceId)) return damaged(column);
  std::string_view raw = opened.reader.bytes(count * sizeof(TraceId));
  std::vector<uint32_t> numbers, found;
  for (size_t number = 0; number < count; ++number) {
    for (const TraceId& id : ids) {
      if (std::memcmp(raw.data() + number * sizeof(TraceId), id.bytes.data(), sizeof(TraceId)) != 0) continue;
      numbers.push_back(static_cast<uint32_t>(number));
      break;
    }
  }
  if (!coded) {
    for (uint32_t number : numbers) found.push_back(opened.rows.row_of(number));
    return found;
  }
  if (!find_codes(opened.reader, count, opened.value_count, numbers, SIZE_MAX, opened.rows, found))
    return damaged(column);
  return found;
}

}  // namespace obelisk
