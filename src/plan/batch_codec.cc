#include "plan/batch_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "base/short_text.h"
#include "codec/compression.h"
#include "codec/varint.h"
#include "model/trace_id_order.h"
#include "plan/batch_format.h"
#include "plan/packed_batch.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace obelisk {
namespace {

using namespace batch_format;

constexpr size_t kCompressBytesMin = 512;  // below that a zstd frame rarely pays

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

void put_bits(std::span<const uint8_t> flags, std::string& out) {
  constexpr uint64_t kGather = 0x0102040810204080;  // bit 0 of each byte to the highest byte
  size_t start = out.size();
  out.resize(start + (flags.size() + 7) / 8);
  for (size_t at = 0; at < flags.size(); at += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, flags.data() + at, std::min<size_t>(8, flags.size() - at));
    out[start + at / 8] = static_cast<char>((bytes * kGather) >> 56);
  }
}

unsigned byte_width_of(uint64_t value) {
  return value == 0 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

template <typename Unsigned, typename Number>
void put_narrow(size_t count, Number&& number, std::string& out) {
  size_t start = out.size();
  out.resize(start + count * sizeof(Unsigned));
  char* to = out.data() + start;
  for (size_t i = 0; i < count; ++i) {
    auto value = static_cast<Unsigned>(number(i));
    std::memcpy(to + i * sizeof(Unsigned), &value, sizeof(Unsigned));
  }
}

// The width, then `count` numbers of it.
template <typename Number>
void put_fixed_numbers(size_t count, unsigned width, Number&& number, std::string& out) {
  put_u8(out, static_cast<uint8_t>(width));
  if (width == 1) put_narrow<uint8_t>(count, number, out);
  if (width == 2) put_narrow<uint16_t>(count, number, out);
  if (width == 4) put_narrow<uint32_t>(count, number, out);
  if (width == 8) put_narrow<uint64_t>(count, number, out);
}

uint8_t put_ints(std::span<const int64_t> values, std::string& out) {
  if (values.empty()) return kRaw;
  int64_t low = values[0], high = values[0];
  for (int64_t value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  auto number = [&](size_t i) { return static_cast<uint64_t>(values[i]); };
  unsigned width = byte_width_of(static_cast<uint64_t>(high) - static_cast<uint64_t>(low));
  if (width > 1) {  // smaller by steps?
    auto step = [&](size_t i) { return static_cast<int64_t>(number(i + 1) - number(i)); };
    int64_t step_low = INT64_MAX, step_high = INT64_MIN;
    for (size_t i = 0; i + 1 < values.size(); ++i) {
      step_low = std::min(step_low, step(i));
      step_high = std::max(step_high, step(i));
    }
    unsigned step_width = byte_width_of(static_cast<uint64_t>(step_high) - static_cast<uint64_t>(step_low));
    if (step_width < width) {
      append_signed_varint(out, values[0]);
      append_signed_varint(out, step_low);
      put_fixed_numbers(
          values.size() - 1, step_width,
          [&](size_t i) { return static_cast<uint64_t>(step(i)) - static_cast<uint64_t>(step_low); }, out);
      return kDelta;
    }
  }
  if (width == 8) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * 8);
    return kRaw;
  }
  append_signed_varint(out, low);
  put_fixed_numbers(
      values.size(), width, [&](size_t i) { return number(i) - static_cast<uint64_t>(low); }, out);
  return kFrame;
}

uint8_t put_bools(std::span<const int64_t> values, std::string& out) {
  put_bits(std::vector<uint8_t>(values.begin(), values.end()), out);
  return kRaw;
}

uint8_t put_floats(std::span<const double> values, std::string& out) {
  auto same_bits = [&](double value) {
    return std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(values[0]);
  };
  bool constant = !values.empty() && std::all_of(values.begin(), values.end(), same_bits);
  out.append(reinterpret_cast<const char*>(values.data()), (constant ? 1 : values.size()) * 8);
  return constant ? kConstant : kRaw;
}

// What telling values apart needs of a type.
struct TextTraits {
  using Value = std::string_view;
  static uint32_t hash(std::string_view value) { return static_cast<uint32_t>(hash_short_text(value)); }
  static bool same(std::string_view a, std::string_view b) { return equal_texts(a, b); }
  static void ask_for(std::string_view value) { __builtin_prefetch(value.data()); }
};
struct TraceIdTraits {
  using Value = TraceId;
  static uint32_t hash(const TraceId& id) {
    uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    return static_cast<uint32_t>(((halves[0] ^ halves[1]) * 0x9E3779B97F4A7C15u) >> 32);
  }
  static bool same(const TraceId& a, const TraceId& b) { return same_trace(a, b); }
  static void ask_for(const TraceId&) {}
};

// Whether a dictionary is worth it.
bool is_repetitive(size_t entries, size_t values) {
  return entries * 2 <= values || entries == 1;
}

// The distinct values of a column and their numbers, found in one pass that gives up as soon as the column
// does not look repetitive. Memory is used again from column to column.
template <typename Traits>
class Dictionary {
 public:
  using Value = typename Traits::Value;

  bool build(std::span<const Value> values) {
    entries_.clear();
    hashes_.clear();
    codes_.clear();
    slots_.assign(std::bit_ceil(std::clamp<size_t>(values.size(), 16, 2 * kDictionaryEntriesMax)), 0);
    codes_.reserve(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      // A column's texts lie all over the request.
      if (i + kAhead < values.size()) Traits::ask_for(values[i + kAhead]);
      if (i > 0 && Traits::same(values[i], values[i - 1])) {  // often the same bytes in memory
        codes_.push_back(codes_.back());
        continue;
      }
      if (!add(values[i])) return false;
      if (i >= 32 && entries_.size() * 2 > i) return false;
    }
    return is_repetitive(entries_.size(), values.size());
  }
  const std::vector<Value>& entries() const { return entries_; }
  const std::vector<uint16_t>& codes() const { return codes_; }

 private:
  static constexpr size_t kAhead = 12;

  bool add(const Value& value) {
    uint32_t hash = Traits::hash(value);
    size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    for (; slots_[at] != 0; at = (at + 1) & mask) {
      size_t entry = slots_[at] - 1;
      if (hashes_[entry] != hash || !Traits::same(entries_[entry], value)) continue;
      codes_.push_back(static_cast<uint16_t>(entry));
      return true;
    }
    // Half of the values at most are entries, so slots never fill up.
    if (entries_.size() == kDictionaryEntriesMax || entries_.size() * 4 > slots_.size() * 3) return false;
    entries_.push_back(value);
    hashes_.push_back(hash);
    slots_[at] = static_cast<uint32_t>(entries_.size());
    codes_.push_back(static_cast<uint16_t>(entries_.size() - 1));
    return true;
  }

  std::vector<uint32_t> slots_;  // number of the entry and one; 0: free
  std::vector<Value> entries_;
  std::vector<uint32_t> hashes_;
  std::vector<uint16_t> codes_;
};

void put_texts(std::span<const std::string_view> texts, std::string& out) {
  size_t longest = 0, total = 0;
  for (std::string_view text : texts) {
    longest = std::max(longest, text.size());
    total += text.size();
  }
  put_fixed_numbers(
      texts.size(), std::max(1u, byte_width_of(longest)), [&](size_t i) { return texts[i].size(); }, out);
  size_t start = out.size();
  out.resize(start + total);
  char* to = out.data() + start;
  for (std::string_view text : texts) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
  }
}

void put_entries(std::span<const std::string_view> entries, std::string& out) {
  put_texts(entries, out);
}
void put_entries(std::span<const TraceId> entries, std::string& out) {
  out.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(TraceId));
}

template <typename Value>
uint8_t put_dictionary(std::span<const Value> entries, std::span<const uint16_t> codes, std::string& out) {
  append_varint(out, entries.size());
  put_entries(entries, out);
  auto code = [&](size_t i) { return codes[i]; };
  if (entries.size() > 256) {
    put_narrow<uint16_t>(codes.size(), code, out);
  } else if (entries.size() > 1) {
    put_narrow<uint8_t>(codes.size(), code, out);
  }
  return kDictionary;
}

template <typename Traits>
uint8_t put_repetitive(std::span<const typename Traits::Value> values, std::string& out) {
  using Value = typename Traits::Value;
  thread_local Dictionary<Traits> dictionary;
  if (values.empty() || !dictionary.build(values)) {
    put_entries(values, out);
    return kRaw;
  }
  return put_dictionary(std::span<const Value>(dictionary.entries()), dictionary.codes(), out);
}

// Values of which the distinct ones are known.
template <typename Value>
uint8_t put_coded(std::span<const Value> entries, std::span<const uint16_t> codes, std::string& out) {
  if (is_repetitive(entries.size(), codes.size())) return put_dictionary(entries, codes, out);
  std::vector<Value> values;
  values.reserve(codes.size());
  for (uint16_t code : codes) values.push_back(entries[code]);
  put_entries(std::span<const Value>(values), out);
  return kRaw;
}

// The values of present rows: `values` itself when all are, else a copy in memory that is used again. Which
// rows have one cannot be guessed, so every value is written and the next one replaces it where it is absent.
template <typename T>
std::span<const T> present_values(const ColumnData& data, const std::vector<T>& values) {
  if (data.present.empty()) return values;
  constexpr size_t kKeptMax = 1 << 16;
  thread_local std::vector<T> kept;
  if (kept.size() > kKeptMax && values.size() <= kKeptMax) std::vector<T>().swap(kept);
  if (kept.size() < values.size()) kept.resize(values.size());
  const uint8_t* present = data.present.data();
  T* to = kept.data();
  size_t count = 0;
  for (size_t row = 0; row < values.size(); ++row) {
    to[count] = values[row];
    count += present[row];
  }
  return {to, count};
}

// The values of the rows that have one; valid until the next call for a column of the same type.
PresentColumn present_column(const ColumnData& data) {
  PresentColumn column{data.id.scope, data.type, data.id.name, data.present, {}, {}, {}, {}, {}};
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      column.ints = present_values(data, data.ints);
      break;
    case ColumnType::float64:
      column.floats = present_values(data, data.floats);
      break;
    case ColumnType::trace_id:
      column.trace_ids = present_values(data, data.trace_ids);
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      column.texts = present_values(data, data.strings);
      break;
  }
  return column;
}

uint8_t put_values(const PresentColumn& column, std::string& out) {
  switch (column.type) {
    case ColumnType::boolean:
      return put_bools(column.ints, out);
    case ColumnType::int64:
      return put_ints(column.ints, out);
    case ColumnType::float64:
      return put_floats(column.floats, out);
    case ColumnType::trace_id:
      if (!column.codes.empty()) return put_coded(column.trace_ids, column.codes, out);
      return put_repetitive<TraceIdTraits>(column.trace_ids, out);
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      if (!column.codes.empty()) return put_coded(column.texts, column.codes, out);
      return put_repetitive<TextTraits>(column.texts, out);
  }
  return kRaw;
}

// What a column is goes to `directory`, its values to `values`.
void put_column(const PresentColumn& column, std::string& directory, std::string& values) {
  put_u8(directory, static_cast<uint8_t>(column.scope));
  put_u8(directory, static_cast<uint8_t>(column.type));
  append_text(directory, column.name);
  put_u8(directory, column.present.empty() ? 0 : 1);
  size_t start = values.size();
  if (!column.present.empty()) put_bits(column.present, values);
  put_u8(directory, put_values(column, values));
  append_varint(directory, values.size() - start);
}

// Numbers label texts as they come. Neighbouring series share most of their labels, so the label at the same
// place of the group before is tried first: a comparison of some bytes in cache instead of a hash look-up.
class LabelTexts {
 public:
  explicit LabelTexts(size_t groups) {
    slots_.assign(std::bit_ceil(std::clamp<size_t>(groups, 64, 1 << 16)), kEmpty);
  }

  // Appends name and value numbers of each label.
  void add(LabelsView labels, std::string& out) {
    if (last_.size() < labels.size()) last_.resize(labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      Last& last = last_[i];
      if (!is_same(labels[i].name, last.name)) last = {labels[i].name, index_of(labels[i].name), {}, kEmpty};
      if (last.value_index == kEmpty || !is_same(labels[i].value, last.value)) {
        last.value = labels[i].value;
        last.value_index = index_of(labels[i].value);
      }
      append_varint(out, last.name_index);
      append_varint(out, last.value_index);
    }
  }
  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  static constexpr uint32_t kEmpty = UINT32_MAX;
  struct Last {
    std::string_view name;
    uint32_t name_index = kEmpty;
    std::string_view value;
    uint32_t value_index = kEmpty;
  };

  static bool is_same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && a.data() != nullptr && b.data() != nullptr &&
           (a.data() == b.data() || std::memcmp(a.data(), b.data(), a.size()) == 0);
  }

  uint32_t index_of(std::string_view text) {
    if ((texts_.size() + 1) * 2 > slots_.size()) grow();
    uint64_t hash = XXH3_64bits(text.data(), text.size());
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != kEmpty; at = (at + 1) & (slots_.size() - 1)) {
      uint32_t index = slots_[at];
      if (hashes_[index] == hash && texts_[index] == text) return index;
    }
    slots_[at] = static_cast<uint32_t>(texts_.size());
    texts_.push_back(text);
    hashes_.push_back(hash);
    return slots_[at];
  }

  void grow() {
    std::vector<uint32_t> larger(slots_.size() * 2, kEmpty);
    for (uint32_t index = 0; index < texts_.size(); ++index) {
      size_t at = hashes_[index] & (larger.size() - 1);
      while (larger[at] != kEmpty) at = (at + 1) & (larger.size() - 1);
      larger[at] = index;
    }
    slots_ = std::move(larger);
  }

  std::vector<Last> last_;  // by place in the group
  std::vector<uint32_t> slots_;
  std::vector<std::string_view> texts_;
  std::vector<uint64_t> hashes_;
};

void put_groups(std::span<const Group> groups, std::string& out) {
  if (groups.size() == 1 && groups[0].labels.empty()) {  // as spans have it
    append_varint(out, 0);
    append_varint(out, 1);
    append_varint(out, groups[0].row_count);
    append_varint(out, 0);
    return;
  }
  LabelTexts texts(groups.size());
  std::string numbers;
  numbers.reserve(groups.size() * 14);
  for (const Group& group : groups) {
    append_varint(numbers, group.row_count);
    append_varint(numbers, group.labels.size());
    texts.add(group.labels, numbers);
  }
  append_varint(out, texts.texts().size());
  if (!texts.texts().empty()) put_texts(texts.texts(), out);
  append_varint(out, groups.size());
  out.append(numbers);
}

// `column_at` gives the columns one after the other, each used before the next is asked for.
template <typename ColumnAt>
void put_body(Table table, size_t row_count, std::span<const Group> groups, size_t column_count,
              ColumnAt&& column_at, std::string& out) {
  // Kept by the thread: filling fresh memory costs more than what is written into it.
  constexpr size_t kKeptBytesMax = 8 << 20;
  thread_local std::string values;
  values.clear();
  put_u8(out, static_cast<uint8_t>(table));
  append_varint(out, row_count);
  put_groups(groups, out);
  append_varint(out, column_count);
  for (size_t i = 0; i < column_count; ++i) put_column(column_at(i), out, values);
  out.append(values);
  if (values.capacity() > kKeptBytesMax) std::string().swap(values);
}

}  // namespace

void encode_columns(Table table, size_t row_count, std::span<const Group> groups,
                    std::span<const PresentColumn> columns, std::string& out) {
  put_u8(out, kVersion);
  put_u8(out, 0);
  put_body(
      table, row_count, groups, columns.size(), [&](size_t i) -> const PresentColumn& { return columns[i]; },
      out);
}

void encode_batch(const Batch& batch, BatchCompression compression, std::string& out) {
  put_u8(out, kVersion);
  size_t flags_at = out.size();
  put_u8(out, 0);
  put_body(
      batch.table, batch.row_count, batch.groups, batch.columns.size(),
      [&](size_t i) { return present_column(batch.columns[i]); }, out);
  size_t body_bytes = out.size() - flags_at - 1;
  if (compression == BatchCompression::none || body_bytes < kCompressBytesMin) return;
  std::string packed;
  zstd_compress(std::string_view(out).substr(flags_at + 1), packed);
  if (packed.size() > body_bytes / 8 * 7) return;
  out.resize(flags_at);
  put_u8(out, kFlagZstd);
  append_varint(out, body_bytes);
  out.append(packed);
}

Result<Batch> decode_batch(std::string_view bytes, std::shared_ptr<const void> owner,
                           const BatchDecodeLimits& limits) {
  OBELISK_TRY(PackedBatch packed, PackedBatch::open(bytes, std::move(owner), limits));
  return packed.unpack(nullptr);
}

}  // namespace obelisk
