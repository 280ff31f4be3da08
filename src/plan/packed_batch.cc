#include "plan/packed_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "plan/batch_format.h"
#include "plan/repeated_columns.h"

namespace obelisk {
namespace {

using namespace batch_format;

constexpr uint64_t kGroupsMax = 1 << 24;
constexpr uint64_t kColumnsMax = 1 << 16;

Error wrong(const ByteReader& reader, std::string_view what) {
  return make_error(ErrorCode::corrupt, fmt::format("batch: {} before byte {}", what, reader.offset()));
}

Error too_large(uint64_t bytes) {
  return make_error(ErrorCode::too_large, fmt::format("batch: needs more than {} bytes decoded", bytes));
}

template <typename Unsigned>
void widen(std::string_view bytes, uint64_t base, uint64_t* out) {
  for (size_t i = 0; i * sizeof(Unsigned) < bytes.size(); ++i) {
    Unsigned value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof(Unsigned), sizeof(Unsigned));
    out[i] = base + value;
  }
}

// `count` numbers of `width` bytes each, added to `base`.
bool fixed_numbers(ByteReader& reader, size_t count, uint64_t base, uint64_t* out) {
  unsigned width = reader.u8();
  if (width == 0) {
    std::fill_n(out, count, base);
    return !reader.failed();
  }
  if ((width != 1 && width != 2 && width != 4 && width != 8) || count > reader.left() / width) return false;
  std::string_view bytes = reader.bytes(count * width);
  if (width == 1) widen<uint8_t>(bytes, base, out);
  if (width == 2) widen<uint16_t>(bytes, base, out);
  if (width == 4) widen<uint32_t>(bytes, base, out);
  if (width == 8) widen<uint64_t>(bytes, base, out);
  return true;
}

void spread_bits(std::string_view bits, std::vector<uint8_t>& out) {
  constexpr uint64_t kOnes = 0x0101010101010101, kBitOfByte = 0x8040201008040201, kRound = 0x7f7f7f7f7f7f7f7f;
  size_t rows = out.size();
  for (size_t at = 0; at < rows; at += 8) {
    uint64_t marked = (static_cast<uint8_t>(bits[at / 8]) * kOnes) & kBitOfByte;
    uint64_t flags = ((marked + kRound) >> 7) & kOnes;
    std::memcpy(out.data() + at, &flags, std::min<size_t>(8, rows - at));
  }
}

bool read_presence(ByteReader& reader, bool all_present, size_t rows, PackedValues& out) {
  out.present.clear();
  out.count = rows;
  if (all_present) return true;
  std::string_view bits = reader.bytes((rows + 7) / 8);
  if (reader.failed()) return false;
  out.present.resize(rows);
  spread_bits(bits, out.present);
  out.count = 0;
  for (uint8_t flag : out.present) out.count += flag;
  return true;
}

bool read_ints(ByteReader& reader, uint8_t coding, size_t count, std::vector<int64_t>& out) {
  if (coding == kRaw) {
    if (count > reader.left() / 8) return false;
    std::string_view raw = reader.bytes(count * 8);
    out.resize(count);
    if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
    return true;
  }
  out.resize(count);
  // Signed and unsigned numbers of one type may alias.
  auto* numbers = reinterpret_cast<uint64_t*>(out.data());
  if (coding == kFrame) {
    uint64_t smallest = static_cast<uint64_t>(reader.signed_varint());
    return fixed_numbers(reader, count, smallest, numbers);
  }
  if (coding != kDelta || count == 0) return false;
  uint64_t value = static_cast<uint64_t>(reader.signed_varint());
  uint64_t smallest_step = static_cast<uint64_t>(reader.signed_varint());
  numbers[0] = value;
  if (!fixed_numbers(reader, count - 1, smallest_step, numbers + 1)) return false;
  for (size_t i = 1; i < count; ++i) numbers[i] = value += numbers[i];
  return true;
}

bool read_bools(ByteReader& reader, uint8_t coding, size_t count, std::vector<int64_t>& out) {
  if (coding != kRaw) return false;
  std::string_view bits = reader.bytes((count + 7) / 8);
  if (reader.failed()) return false;
  out.resize(count);
  for (size_t i = 0; i < count; ++i) out[i] = (static_cast<uint8_t>(bits[i / 8]) >> (i % 8)) & 1;
  return true;
}

bool read_floats(ByteReader& reader, uint8_t coding, size_t count, std::vector<double>& out) {
  if (coding == kConstant) {
    out.assign(count, reader.fixed<double>());
    return !reader.failed();
  }
  if (coding != kRaw || count > reader.left() / 8) return false;
  std::string_view raw = reader.bytes(count * 8);
  out.resize(count);
  if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
  return true;
}

template <typename Unsigned>
bool cut_texts(std::string_view lengths, ByteReader& reader, std::vector<std::string_view>& out) {
  std::string_view rest = reader.rest();
  size_t at = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    Unsigned length = 0;
    std::memcpy(&length, lengths.data() + i * sizeof(Unsigned), sizeof(Unsigned));
    if (length > rest.size() - at) return false;
    out[i] = std::string_view(rest.data() + at, length);
    at += length;
  }
  reader.bytes(at);
  return true;
}

// `count` texts: their lengths, then their bytes.
bool read_texts(ByteReader& reader, size_t count, std::vector<std::string_view>& out) {
  unsigned width = reader.u8();
  if ((width != 1 && width != 2 && width != 4) || count > reader.left() / width) return false;
  std::string_view lengths = reader.bytes(count * width);
  out.resize(count);
  if (width == 1) return cut_texts<uint8_t>(lengths, reader, out);
  if (width == 2) return cut_texts<uint16_t>(lengths, reader, out);
  return cut_texts<uint32_t>(lengths, reader, out);
}

template <typename Unsigned>
size_t largest_number(std::string_view numbers) {
  Unsigned largest = 0;
  for (size_t at = 0; at + sizeof(Unsigned) <= numbers.size(); at += sizeof(Unsigned)) {
    Unsigned number = 0;
    std::memcpy(&number, numbers.data() + at, sizeof number);
    largest = std::max(largest, number);
  }
  return largest;
}

// The entries' numbers, one a value; none where there is one entry.
bool read_codes(ByteReader& reader, size_t entries, size_t count, std::vector<uint16_t>& out) {
  out.clear();
  if (entries == 1) return true;
  size_t width = entries <= 256 ? 1 : 2;
  if (count > reader.left() / width) return false;
  std::string_view bytes = reader.bytes(count * width);
  out.resize(count);
  uint16_t largest = 0;
  if (width == 2) {
    if (count > 0) std::memcpy(out.data(), bytes.data(), bytes.size());
    for (uint16_t code : out) largest = std::max(largest, code);
  } else {
    for (size_t i = 0; i < count; ++i) {
      uint16_t code = static_cast<uint8_t>(bytes[i]);
      out[i] = code;
      largest = std::max(largest, code);
    }
  }
  return count == 0 || largest < entries;
}

bool read_entries(ByteReader& reader, ColumnType type, size_t count, PackedValues& out) {
  if (type != ColumnType::trace_id) return read_texts(reader, count, out.texts);
  if (count > reader.left() / sizeof(TraceId)) return false;
  std::string_view raw = reader.bytes(count * sizeof(TraceId));
  out.trace_ids.resize(count);
  if (!raw.empty()) std::memcpy(out.trace_ids.data(), raw.data(), raw.size());
  return true;
}

bool read_entries_and_codes(ByteReader& reader, uint8_t coding, ColumnType type, PackedValues& out) {
  out.coded = coding == kDictionary;
  out.codes.clear();
  if (coding == kRaw) return read_entries(reader, type, out.count, out);
  if (coding != kDictionary) return false;
  size_t entries = reader.varint_up_to(kDictionaryEntriesMax);
  if (entries == 0 || !read_entries(reader, type, entries, out)) return false;
  return read_codes(reader, entries, out.count, out.codes);
}

// The values of these rows, or of all (null).
template <typename T, typename Of>
void spread(const PackedValues& values, const std::vector<uint32_t>* rows, std::vector<T>& out, Of&& of) {
  if (rows != nullptr) {
    size_t value = 0, counted = 0;  // values before row `counted`
    out.resize(rows->size());
    for (size_t i = 0; i < rows->size(); ++i) {
      size_t row = (*rows)[i];
      if (values.present.empty()) value = row;
      for (; !values.present.empty() && counted < row; ++counted) value += values.present[counted];
      if (values.present.empty() || values.present[row] != 0) out[i] = of(value);
    }
    return;
  }
  if (values.present.empty()) {
    out.resize(values.count);
    for (size_t row = 0; row < values.count; ++row) out[row] = of(row);
    return;
  }
  out.resize(values.present.size());
  size_t next = 0;
  for (size_t row = 0; row < out.size(); ++row) {
    if (values.present[row] != 0) out[row] = of(next++);
  }
}

ColumnData column_data(const PackedBatch::Column& column, PackedValues& values,
                       const std::vector<uint32_t>* rows) {
  ColumnData data;
  data.id = ColumnId{column.scope, std::string(column.name)};
  data.type = column.type;
  switch (column.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      spread(values, rows, data.ints, [&](size_t i) { return values.ints[i]; });
      break;
    case ColumnType::float64:
      spread(values, rows, data.floats, [&](size_t i) { return values.floats[i]; });
      break;
    case ColumnType::trace_id:
      spread(values, rows, data.trace_ids, [&](size_t i) { return values.trace_ids[values.entry_of(i)]; });
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      spread(values, rows, data.strings, [&](size_t i) { return values.texts[values.entry_of(i)]; });
      break;
  }
  if (rows == nullptr) {
    data.present = std::move(values.present);
  } else if (!values.present.empty()) {
    data.present.reserve(rows->size());
    for (uint32_t row : *rows) data.present.push_back(values.present[row]);
  }
  return data;
}

}  // namespace

Result<PackedBatch> PackedBatch::open(std::string_view bytes, std::shared_ptr<const void> owner,
                                      const BatchDecodeLimits& limits) {
  ByteReader reader(bytes);
  uint8_t version = reader.u8(), flags = reader.u8();
  if (reader.failed()) return make_error(ErrorCode::corrupt, "batch: empty");
  if (version != kVersion) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("batch: format version {}, this server reads {}", version, kVersion));
  }
  if ((flags & ~kFlagZstd) != 0)
    return make_error(ErrorCode::unsupported, fmt::format("batch: unknown flags {}", flags));
  PackedBatch batch;
  batch.owner_ = std::move(owner);
  std::string_view body = reader.rest();
  if ((flags & kFlagZstd) != 0) {
    uint64_t size = reader.varint_up_to(limits.memory_bytes_max);
    if (reader.failed()) return make_error(ErrorCode::corrupt, "batch: length of the compressed body");
    auto unpacked = std::make_shared<std::string>(size, '\0');
    OBELISK_CHECK_OK(zstd_decompress(reader.rest(), size, unpacked->data()));
    body = *unpacked;
    batch.owner_ = std::move(unpacked);
  }
  batch.bytes_ = body.size();
  OBELISK_CHECK_OK(batch.parse(body, limits));
  return batch;
}

Result<void> PackedBatch::parse(std::string_view body, const BatchDecodeLimits& limits) {
  ByteReader reader(body);
  uint8_t table = reader.u8();
  if (table >= kTableCount) return wrong(reader, "unknown table");
  table_ = static_cast<Table>(table);
  row_count_ = reader.varint_up_to(limits.rows_max);
  OBELISK_CHECK_OK(parse_groups(reader, limits));
  OBELISK_CHECK_OK(parse_columns(reader, limits));
  if (row_count_ > 0 && find_fixed(column::kTime, ColumnType::int64) == nullptr)
    return wrong(reader, "no time column");
  return {};
}

Result<void> PackedBatch::parse_groups(ByteReader& reader, const BatchDecodeLimits& limits) {
  uint64_t text_count = reader.varint_up_to(reader.left());
  std::vector<std::string_view> texts;
  uint64_t memory = text_count * (sizeof(std::string_view) + 8);
  if (memory > limits.memory_bytes_max) return too_large(limits.memory_bytes_max);
  if (text_count > 0 && !read_texts(reader, text_count, texts)) return wrong(reader, "label texts");
  uint64_t count = reader.varint_up_to(std::min<uint64_t>(kGroupsMax, reader.left()));
  memory += count * sizeof(Group);
  auto groups = std::make_shared<std::vector<Group>>();
  auto arena = std::make_shared<Arena>();
  groups->reserve(std::min<uint64_t>(count, 1 << 16));
  uint64_t covered = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t rows = reader.varint_up_to(row_count_ - covered);
    uint64_t label_count = reader.varint_up_to(reader.left() / 2);
    memory += label_count * sizeof(LabelRef);
    if (memory > limits.memory_bytes_max) return too_large(limits.memory_bytes_max);
    LabelRef* labels = label_count == 0 ? nullptr : arena->allocate_array<LabelRef>(label_count);
    for (uint64_t j = 0; j < label_count; ++j) {
      uint64_t name = reader.varint(), value = reader.varint();
      if (reader.failed() || name >= text_count || value >= text_count) return wrong(reader, "label");
      new (labels + j) LabelRef{texts[name], texts[value]};
      if (j > 0 && labels[j - 1].name >= labels[j].name) return wrong(reader, "labels are not sorted");
    }
    LabelsView view(labels, label_count);
    Hash128 hash = hash_labels_wide(view);
    groups->push_back(
        {view, hash.low, static_cast<uint32_t>(covered), static_cast<uint32_t>(rows), hash.high});
    covered += rows;
  }
  if (reader.failed() || covered != row_count_) return wrong(reader, "groups do not cover the rows");
  groups_ = std::move(groups);
  arena_ = std::move(arena);
  return {};
}

Result<void> PackedBatch::parse_columns(ByteReader& reader, const BatchDecodeLimits& limits) {
  uint64_t count = reader.varint_up_to(std::min<uint64_t>(kColumnsMax, reader.left()));
  if (count * row_count_ * 17 > limits.memory_bytes_max) return too_large(limits.memory_bytes_max);
  std::vector<uint64_t> lengths;
  columns_.reserve(std::min<uint64_t>(count, 1024));
  lengths.reserve(std::min<uint64_t>(count, 1024));
  for (uint64_t i = 0; i < count; ++i) {
    Column column;
    uint8_t scope = reader.u8(), type = reader.u8();
    if (scope > static_cast<uint8_t>(kScopeMax) || type > static_cast<uint8_t>(ColumnType::any)) {
      return wrong(reader, "unknown scope or type of a column");
    }
    column.scope = static_cast<Scope>(scope);
    column.type = static_cast<ColumnType>(type);
    column.name = reader.text();
    uint8_t presence = reader.u8();
    column.coding = reader.u8();
    lengths.push_back(reader.varint_up_to(reader.left()));
    if (reader.failed() || presence > 1) return wrong(reader, "columns end early");
    column.all_present = presence == 0;
    columns_.push_back(column);
  }
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].bytes = reader.bytes(lengths[i]);
  if (!reader.at_end()) return wrong(reader, "columns end early or late");
  size_t repeated = find_repeated_column(columns_.size(), [&](size_t i) {
    return ColumnIdentity{columns_[i].scope, columns_[i].type, columns_[i].name};
  });
  if (repeated < columns_.size()) return wrong(reader, "column twice");
  return {};
}

const PackedBatch::Column* PackedBatch::find(Scope scope, std::string_view name, ColumnType type) const {
  for (const Column& column : columns_) {
    if (column.type == type && column.scope == scope && column.name == name) return &column;
  }
  return nullptr;
}

const PackedBatch::Column* PackedBatch::find_fixed(std::string_view name, ColumnType type) const {
  return find(Scope::fixed, name, type);
}

Error PackedBatch::damaged(const Column& column) const {
  return make_error(ErrorCode::corrupt, fmt::format("batch: values of column {}", column.name));
}

Result<void> PackedBatch::read(const Column& column, PackedValues& out) const {
  ByteReader reader(column.bytes);
  if (!read_presence(reader, column.all_present, row_count_, out)) return damaged(column);
  bool good = false;
  switch (column.type) {
    case ColumnType::boolean:
      good = read_bools(reader, column.coding, out.count, out.ints);
      break;
    case ColumnType::int64:
      good = read_ints(reader, column.coding, out.count, out.ints);
      break;
    case ColumnType::float64:
      good = read_floats(reader, column.coding, out.count, out.floats);
      break;
    case ColumnType::trace_id:
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      good = read_entries_and_codes(reader, column.coding, column.type, out);
      break;
  }
  if (!good || !reader.at_end()) return damaged(column);
  return {};
}

Result<size_t> PackedBatch::longest_text(const Column& column) const {
  ByteReader reader(column.bytes);
  size_t count = row_count_;
  if (!column.all_present) {
    count = 0;
    for (char bits : reader.bytes((row_count_ + 7) / 8)) {
      count += static_cast<size_t>(std::popcount(static_cast<uint8_t>(bits)));
    }
  }
  if (column.coding == kDictionary) count = reader.varint_up_to(kDictionaryEntriesMax);
  unsigned width = reader.u8();
  if (reader.failed() || (width != 1 && width != 2 && width != 4) || count > reader.left() / width)
    return damaged(column);
  std::string_view lengths = reader.bytes(count * width);
  return width == 1   ? largest_number<uint8_t>(lengths)
         : width == 2 ? largest_number<uint16_t>(lengths)
                      : largest_number<uint32_t>(lengths);
}

Result<void> PackedBatch::check() const {
  PackedValues values;
  for (const Column& column : columns_) OBELISK_CHECK_OK(read(column, values));
  return {};
}

std::vector<Group> PackedBatch::groups_of(const std::vector<uint32_t>& rows) const {
  std::vector<Group> groups;
  auto at = groups_->begin();
  for (uint32_t i = 0; i < rows.size(); ++i) {
    while (rows[i] >= at->first_row + at->row_count) ++at;
    bool same = i > 0 && rows[i - 1] >= at->first_row;
    if (!same) {
      groups.push_back(*at);
      groups.back().first_row = i;
      groups.back().row_count = 0;
    }
    ++groups.back().row_count;
  }
  return groups;
}

Result<Batch> PackedBatch::unpack(const std::vector<ColumnId>* wanted,
                                  const std::vector<uint32_t>* rows) const {
  Batch batch(table_);
  batch.row_count = rows == nullptr ? row_count_ : rows->size();
  batch.groups = rows == nullptr ? *groups_ : groups_of(*rows);
  batch.owners.push_back(arena_);
  if (owner_) batch.owners.push_back(owner_);
  for (const Column& column : columns_) {
    bool is_time = column.scope == Scope::fixed && column.name == column::kTime;
    bool is_wanted =
        is_time || wanted == nullptr ||
        std::any_of(wanted->begin(), wanted->end(), [&](const ColumnId& id) { return column.is(id); });
    if (!is_wanted) continue;
    PackedValues values;
    OBELISK_CHECK_OK(read(column, values));
    ColumnData data = column_data(column, values, rows);
    bool none = rows != nullptr && !data.present.empty() &&
                std::find(data.present.begin(), data.present.end(), 1) == data.present.end();
    if (!none) batch.columns.push_back(std::move(data));
  }
  return batch;
}

size_t PackedBatch::memory_bytes() const {
  return sizeof(PackedBatch) + bytes_ + columns_.capacity() * sizeof(Column) +
         groups_->capacity() * sizeof(Group) + arena_->allocated_bytes();
}

}  // namespace obelisk
