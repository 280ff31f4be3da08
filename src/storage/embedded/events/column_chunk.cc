#include "storage/embedded/events/column_chunk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/bit_packing.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/integer_column.h"
#include "storage/embedded/events/column_chunk_format.h"
#include "storage/embedded/events/message/packed_text.h"

namespace obelisk {
namespace {

using namespace chunk_format;

Error wrong(std::string_view what) {
  return make_error(ErrorCode::corrupt, fmt::format("column chunk: {}", what));
}

// Without a branch.
void clear_unless(bool present, TraceId& id) {
  uint64_t halves[2];
  std::memcpy(halves, id.bytes.data(), 16);
  uint64_t mask = present ? ~uint64_t{0} : 0;
  halves[0] &= mask;
  halves[1] &= mask;
  std::memcpy(id.bytes.data(), halves, 16);
}
template <typename T>
void clear_unless(bool present, T& value) {
  value = present ? value : T();
}

// How many of the bytes, each 0 or 1, are 1.
size_t count_marks(const uint8_t* marks, size_t count) {
  size_t sum = 0, i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, marks + i, 8);
    sum += eight * 0x0101010101010101 >> 56;
  }
  for (; i < count; ++i) sum += marks[i];
  return sum;
}

bool is_text_type(ColumnType type) {
  return type == ColumnType::string || type == ColumnType::bytes || type == ColumnType::any;
}

}  // namespace

bool has_checksum(std::string_view chunk) {
  if (chunk.size() < 8) return false;
  uint64_t checksum = 0;
  std::memcpy(&checksum, chunk.data() + chunk.size() - 8, 8);
  return checksum64(chunk.substr(0, chunk.size() - 8)) == checksum;
}

std::optional<std::string_view> integers_of_chunk(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != kAll || bytes[1] != kIntegers) return std::nullopt;
  return bytes.substr(2);
}

Result<ColumnChunk> ColumnChunk::parse(std::string_view bytes, std::shared_ptr<const void> owner,
                                       ColumnType type, size_t row_count,
                                       std::shared_ptr<const message::MessageHead> head, RowSpan wanted) {
  if (bytes.size() < 8) return wrong("shorter than its checksum");
  if (!has_checksum(bytes)) return wrong("checksum mismatch");
  bytes.remove_suffix(8);
  ColumnChunk chunk;
  chunk.type_ = type;
  chunk.row_count_ = row_count;
  chunk.known_head_ = std::move(head);
  if (owner) chunk.owners_.push_back(std::move(owner));
  // Runs of trace ids are kept whole: they are few.
  chunk.set_wanted(type == ColumnType::trace_id ? RowSpan{} : wanted);
  ByteReader reader(bytes);
  if (!chunk.parse_presence(reader)) return wrong("presence");
  OBELISK_CHECK_OK(chunk.parse_values(reader));
  if (!reader.at_end()) return wrong("bytes left over");
  return chunk;
}

bool ColumnChunk::may_be_message(std::string_view bytes, ColumnType type, size_t row_count) {
  if (type != ColumnType::string || bytes.empty()) return false;
  if (bytes[0] == kPositions) return true;  // the coding comes after them
  size_t at = bytes[0] == kBitmap ? 1 + (row_count + 7) / 8 : 1;
  return at < bytes.size() && bytes[at] == kMessage;
}

void ColumnChunk::set_wanted(RowSpan rows) {
  wanted_rows_.last = std::min(rows.last, row_count_);
  wanted_rows_.first = std::min(rows.first, wanted_rows_.last);
  wanted_values_ = wanted_rows_;  // while every row has one
  held_first_ = wanted_rows_.first;
}

// One a wanted value. What is between is decoded where it stays in the caches.
bool ColumnChunk::read_integers(ByteReader& reader, std::vector<int64_t>& values) const {
  const auto [first, last] = wanted_values_;
  if (first == 0 && last == value_count_) {
    values.resize(value_count_);
    return decode_integer_column(reader, value_count_, values.data());
  }
  constexpr size_t kKept = 64 << 10;
  thread_local std::vector<int64_t> kept;
  std::vector<int64_t> large;
  std::vector<int64_t>& all = value_count_ <= kKept ? kept : large;
  if (all.size() < value_count_) all.resize(value_count_);
  if (!decode_integer_column(reader, value_count_, first, last, all.data())) return false;
  values.assign(all.begin() + static_cast<ptrdiff_t>(first), all.begin() + static_cast<ptrdiff_t>(last));
  return true;
}

bool ColumnChunk::is_text() const {
  return is_text_type(type_);
}

std::string_view ColumnChunk::coding_name() const {
  static constexpr std::string_view kNames[] = {"integers", "raw ids", "id runs", "dictionary",
                                                "text",     "message", "id text", "parent rows"};
  return kNames[coding_];  // parse() has let no other through
}

bool ColumnChunk::parse_presence(ByteReader& reader) {
  value_count_ = row_count_;
  switch (reader.u8()) {
    case kAll:
      return !reader.failed();
    case kBitmap: {
      std::string_view bits = reader.bytes((row_count_ + 7) / 8);
      return !reader.failed() && parse_bitmap(bits);
    }
    case kPositions:
      return parse_positions(reader);
    default:
      return false;
  }
}

namespace {

// How many of the first `count` bits are set.
size_t count_bits(std::string_view bits, size_t count) {
  size_t sum = 0, byte = 0;
  for (; byte + 8 <= count / 8; byte += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bits.data() + byte, 8);
    sum += static_cast<size_t>(__builtin_popcountll(word));
  }
  for (; byte < count / 8; ++byte)
    sum += static_cast<size_t>(__builtin_popcount(static_cast<uint8_t>(bits[byte])));
  if (count % 8 == 0) return sum;
  unsigned rest = static_cast<uint8_t>(bits[byte]) & ((1u << count % 8) - 1);
  return sum + static_cast<size_t>(__builtin_popcount(rest));
}

// Bit i of the byte as byte i, each 0 or 1.
uint64_t spread_bits(uint8_t bits) {
  uint64_t spread = bits * uint64_t{0x0101010101010101};
  spread = (spread & 0x8040201008040201) + 0x7f7f7f7f7f7f7f7f;
  return (spread >> 7) & 0x0101010101010101;
}

}  // namespace

bool ColumnChunk::parse_bitmap(std::string_view bits) {
  const auto [first, last] = wanted_rows_;
  value_count_ = count_bits(bits, row_count_);
  wanted_values_ = {count_bits(bits, first), count_bits(bits, last)};
  // From a whole byte on to a whole byte, so that eight rows are made at once.
  size_t begin = first / 8 * 8, end = (last + 7) / 8 * 8;
  std::vector<uint8_t> rows(end - begin);
  for (size_t row = begin; row < end; row += 8) {
    uint64_t marks = spread_bits(static_cast<uint8_t>(bits[row / 8]));
    std::memcpy(rows.data() + (row - begin), &marks, 8);
  }
  rows.resize(last - begin);
  rows.erase(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(first - begin));
  present_ = std::move(rows);
  has_absent_ = true;
  return true;
}

bool ColumnChunk::parse_positions(ByteReader& reader) {
  const auto [first, last] = wanted_rows_;
  value_count_ = reader.varint_up_to(row_count_);
  std::vector<int64_t> rows(value_count_);
  if (!decode_integer_column(reader, value_count_, rows.data())) return false;
  present_.resize(last - first);
  wanted_values_ = {0, 0};
  int64_t before = -1;
  for (int64_t row : rows) {
    if (row <= before || row >= static_cast<int64_t>(row_count_)) return false;
    before = row;
    size_t at = static_cast<size_t>(row);
    wanted_values_.first += at < first ? 1 : 0;
    wanted_values_.last += at < last ? 1 : 0;
    if (at >= first && at < last) present_[at - first] = 1;
  }
  has_absent_ = true;
  return true;
}

// From one a wanted value to one a wanted row.
template <typename T>
void ColumnChunk::spread(std::vector<T>& values) const {
  if (!has_absent_) return;
  std::vector<T> all(wanted_rows_.last - wanted_rows_.first);
  if (values.empty()) {
    values = std::move(all);
    return;
  }
  // Which rows have a value cannot be guessed: every row takes the next one, and those without lose it.
  size_t next = 0, last = values.size() - 1;
  for (size_t row = 0; row < all.size(); ++row) {
    T value = values[std::min(next, last)];
    clear_unless(present_[row] != 0, value);
    all[row] = value;
    next += present_[row];
  }
  values = std::move(all);
}

Result<void> ColumnChunk::parse_values(ByteReader& reader) {
  uint8_t coding = coding_ = reader.u8();
  switch (type_) {
    case ColumnType::boolean:
    case ColumnType::int64:
      if (coding == kParentRows && type_ == ColumnType::int64) {
        if (!parse_parents(reader)) return wrong("parents");
        return {};
      }
      if (coding != kIntegers || !read_integers(reader, ints_)) return wrong("integers");
      spread(ints_);
      return {};
    case ColumnType::float64: {
      std::vector<int64_t> bits;
      if (coding != kIntegers || !read_integers(reader, bits)) return wrong("doubles");
      floats_.resize(bits.size());
      if (!bits.empty()) std::memcpy(floats_.data(), bits.data(), bits.size() * 8);
      spread(floats_);
      return {};
    }
    case ColumnType::trace_id:
      if (coding == kRawIds && value_count_ <= reader.left() / 16) {
        raw_ids_ = reader.bytes(value_count_ * 16);
        return {};
      }
      if (coding != kIdRuns || !parse_trace_ids(reader)) return wrong("trace ids");
      if (trace_runs_.empty() && value_count_ > 0) spread(trace_ids_);
      return {};
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      break;
  }
  if (coding == kDictionary) {
    OBELISK_CHECK_OK(parse_dictionary(reader));
    spread(ids_);
    return {};
  }
  if (coding == kIdText && type_ == ColumnType::string) {
    coding_is_ids_ = true;
    set_wanted({});  // presence is that of the trace ids, which are whole
    return {};
  }
  if (coding == kMessage && type_ == ColumnType::string) {
    OBELISK_TRY(
        message::MessageBlock block,
        message::MessageBlock::parse(reader.bytes(reader.left()), value_count_, std::move(known_head_)));
    message_ = std::make_unique<message::MessageBlock>(std::move(block));
  } else {
    if (coding != kText) return wrong("unknown coding");
    OBELISK_CHECK_OK(parse_text(reader));
  }
  if (has_absent_) {
    value_of_row_.resize(present_.size());
    uint32_t next = static_cast<uint32_t>(wanted_values_.first);
    for (size_t row = 0; row < present_.size(); ++row) {
      value_of_row_[row] = next;
      next += present_[row];
    }
  }
  return {};
}

bool ColumnChunk::parse_parents(ByteReader& reader) {
  auto parents = std::make_shared<ParentRows>();
  if (!decode_parent_rows(reader, value_count_, *parents)) return false;
  auto begin = parents->distances.begin();
  parent_distances_.assign(begin + static_cast<ptrdiff_t>(wanted_values_.first),
                           begin + static_cast<ptrdiff_t>(wanted_values_.last));
  spread(parent_distances_);
  bool inside = true;
  for (size_t i = 0; i < parent_distances_.size(); ++i)
    inside &= held_first_ + i - static_cast<uint64_t>(parent_distances_[i]) < row_count_;
  parents_ = std::move(parents);
  return inside;
}

Result<void> ColumnChunk::set_span_ids(const ColumnChunk& span_ids) {
  OBELISK_ASSERT(parents_ != nullptr);
  std::vector<uint32_t> rows;
  rows.reserve(wanted_values_.last - wanted_values_.first);
  for (size_t row = wanted_rows_.first; row < wanted_rows_.last; ++row) {
    if (is_present(row)) rows.push_back(static_cast<uint32_t>(row));
  }
  std::vector<int64_t> parents;
  if (span_ids.ints_.size() != row_count_ ||
      !parents_->resolve(rows, wanted_values_.first, span_ids.ints_, parents))
    return wrong("parents without span ids");
  ints_.assign(parent_distances_.size(), 0);
  for (size_t i = 0; i < rows.size(); ++i) ints_[rows[i] - held_first_] = parents[i];
  parents_resolved_ = true;
  return {};
}

bool ColumnChunk::parse_trace_ids(ByteReader& reader) {
  uint64_t runs = reader.varint_up_to(std::min<uint64_t>(value_count_, reader.left() / 16));
  std::vector<int64_t> lengths(runs);
  if (!decode_integer_column(reader, runs, lengths.data())) return false;
  trace_runs_.reserve(runs);
  uint64_t covered = 0;
  for (int64_t length : lengths) {
    auto id = TraceId::from_bytes(reader.bytes(16));
    if (!id || length < 0 || static_cast<uint64_t>(length) > value_count_ - covered) return false;
    trace_runs_.push_back({*id, static_cast<uint32_t>(covered), static_cast<uint32_t>(length)});
    covered += static_cast<uint64_t>(length);
  }
  if (covered != value_count_) return false;
  if (!has_absent_) return true;
  static_cast<void>(trace_ids());  // one a value, to be spread over the rows
  trace_runs_.clear();
  return true;
}

const std::vector<TraceId>& ColumnChunk::trace_ids() const {
  if (id_source_ != nullptr) return id_source_->trace_ids();
  if (!trace_ids_.empty()) return trace_ids_;
  if (!raw_ids_.empty()) {
    trace_ids_.resize(value_count_);
    std::memcpy(trace_ids_.data(), raw_ids_.data(), raw_ids_.size());
    spread(trace_ids_);
    return trace_ids_;
  }
  trace_ids_.reserve(value_count_);
  for (const TraceRun& run : trace_runs_) trace_ids_.insert(trace_ids_.end(), run.row_count, run.id);
  return trace_ids_;
}

size_t ColumnChunk::row_of_value(size_t value) const {
  if (!has_absent_) return value;
  size_t row = 0;
  for (; row + 64 <= present_.size(); row += 64) {
    size_t here = count_marks(present_.data() + row, 64);
    if (value < here) break;
    value -= here;
  }
  for (; present_[row] == 0 || value > 0; ++row) value -= present_[row];
  return row;
}

void ColumnChunk::mark_trace_id(const TraceId& wanted, const std::vector<uint8_t>& candidates,
                                std::vector<uint8_t>& out) const {
  if (id_source_ != nullptr) return id_source_->mark_trace_id(wanted, candidates, out);
  // Half of an id is compared first.
  uint64_t half = 0;
  std::memcpy(&half, wanted.bytes.data(), 8);
  auto is_at = [&](const void* id) {
    uint64_t other = 0;
    std::memcpy(&other, id, 8);
    return other == half && std::memcmp(id, wanted.bytes.data(), 16) == 0;
  };
  if (!raw_ids_.empty()) {
    for (size_t value = 0; value < value_count_; ++value) {
      if (!is_at(raw_ids_.data() + value * 16)) continue;
      size_t row = row_of_value(value);
      if (candidates[row] != 0) out[row] = 1;
    }
    return;
  }
  const std::vector<TraceId>& ids = trace_ids();
  for (size_t row = 0; row < ids.size(); ++row) {
    if (is_at(ids[row].bytes.data()) && candidates[row] != 0 && is_present(row)) out[row] = 1;
  }
}

namespace {

// Lengths as offsets: one more than there are lengths; false when they are negative or too large.
bool read_offsets(ByteReader& reader, uint64_t count, std::vector<uint64_t>& offsets) {
  std::vector<int64_t> lengths(count);
  if (!decode_integer_column(reader, count, lengths.data())) return false;
  offsets.reserve(count + 1);
  offsets.push_back(0);
  for (int64_t length : lengths) {
    if (length < 0 || static_cast<uint64_t>(length) > kChunkTextBytesMax - offsets.back()) return false;
    offsets.push_back(offsets.back() + static_cast<uint64_t>(length));
  }
  return true;
}

}  // namespace

Result<void> ColumnChunk::parse_dictionary(ByteReader& reader) {
  has_dictionary_ = true;
  uint64_t count = reader.varint_up_to(kDictionaryEntriesMax);
  std::vector<uint64_t> offsets;
  if (!read_offsets(reader, count, offsets)) return wrong("dictionary lengths");
  PackedText packed_text = get_packed_text(reader, offsets.back());
  if (reader.failed()) return wrong("dictionary");
  OBELISK_TRY(std::string_view text, open_packed_text(packed_text, owners_));
  entries_.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    entries_.push_back(text.substr(offsets[i], offsets[i + 1] - offsets[i]));
  encoded_ids_ = reader.rest();
  std::vector<int64_t> ids;
  if (!read_integers(reader, ids)) return wrong("dictionary ids");
  ids_.resize(ids.size());
  bool inside = true;
  for (size_t i = 0; i < ids.size(); ++i) {
    inside &= static_cast<uint64_t>(ids[i]) < count;
    ids_[i] = static_cast<uint32_t>(ids[i]);
  }
  if (!inside) return wrong("dictionary id out of range");
  return {};
}

Result<void> ColumnChunk::count_entries(std::vector<uint64_t>& counts) const {
  OBELISK_ASSERT(has_dictionary_);
  counts.resize(entries_.size());
  ByteReader reader(encoded_ids_);
  if (!count_integer_column(reader, value_count_, counts)) return wrong("dictionary ids");
  return {};
}

Result<void> ColumnChunk::parse_text(ByteReader& reader) {
  if (!read_offsets(reader, value_count_, text_offsets_)) return wrong("text lengths");
  uint64_t page_count = reader.varint_up_to(std::min<uint64_t>(value_count_, reader.left()));
  uint64_t covered = 0;
  for (uint64_t i = 0; i < page_count; ++i) {
    TextPage page;
    page.first_value = covered;
    page.value_count = reader.varint_up_to(value_count_ - covered);
    covered += page.value_count;
    page.packed = get_packed_text(reader, text_offsets_[covered] - text_offsets_[page.first_value]);
    if (reader.failed() || page.value_count == 0) return wrong("text page");
    pages_.push_back(page);
  }
  if (covered != value_count_) return wrong("text pages do not cover the values");
  return {};
}

Result<void> ColumnChunk::load_page(TextPage& page) {
  if (page.text != nullptr) return {};
  OBELISK_TRY(std::string_view text, open_packed_text(page.packed, owners_));
  page.text = text.data();
  return {};
}

Result<void> ColumnChunk::gather_text(const std::vector<uint32_t>& rows, std::vector<std::string_view>& out) {
  size_t page_index = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!is_present(rows[i])) continue;
    uint64_t value = value_of_row_.empty() ? rows[i] : value_of_row_[rows[i] - held_first_];
    while (value >= pages_[page_index].first_value + pages_[page_index].value_count) ++page_index;
    TextPage& page = pages_[page_index];
    OBELISK_CHECK_OK(load_page(page));
    uint64_t begin = text_offsets_[value] - text_offsets_[page.first_value];
    out[i] = std::string_view(page.text + begin, text_offsets_[value + 1] - text_offsets_[value]);
  }
  return {};
}

Result<ColumnData> ColumnChunk::gather(const ColumnId& id, const std::vector<uint32_t>& rows) {
  ColumnData data;
  data.id = id;
  data.type = type_;
  auto take = [&](const auto& from, auto& to) {
    to.reserve(rows.size());
    for (uint32_t row : rows) to.push_back(from[row - held_first_]);
  };
  if (has_absent_) {
    take(present_, data.present);
    if (std::find(data.present.begin(), data.present.end(), 0) == data.present.end()) data.present.clear();
  }
  switch (type_) {
    case ColumnType::boolean:
    case ColumnType::int64:
      take(ints_, data.ints);
      break;
    case ColumnType::float64:
      take(floats_, data.floats);
      break;
    case ColumnType::trace_id:
      gather_trace_ids(rows, data.trace_ids);
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      data.strings.resize(rows.size());
      if (coding_is_ids_) {
        gather_id_text(rows, data.strings);
        break;
      }
      if (message_) {
        OBELISK_CHECK_OK(gather_message(rows, data.strings));
        break;
      }
      if (!has_dictionary_) {
        OBELISK_CHECK_OK(gather_text(rows, data.strings));
        break;
      }
      for (size_t i = 0; i < rows.size(); ++i) {
        if (is_present(rows[i])) data.strings[i] = entries_[ids_[rows[i] - held_first_]];
      }
  }
  return data;
}

Result<void> ColumnChunk::gather_message(const std::vector<uint32_t>& rows,
                                         std::vector<std::string_view>& out) {
  auto arena = std::make_shared<Arena>();
  if (!has_absent_) {
    OBELISK_CHECK_OK(message_->rebuild(rows, out.data(), *arena));
  } else {
    std::vector<uint32_t> values;
    for (uint32_t row : rows) {
      if (is_present(row)) values.push_back(value_of_row_[row - held_first_]);
    }
    std::vector<std::string_view> texts(values.size());
    OBELISK_CHECK_OK(message_->rebuild(values, texts.data(), *arena));
    size_t next = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (is_present(rows[i])) out[i] = texts[next++];
    }
  }
  built_bytes_ += arena->allocated_bytes();
  // Raw lines are views of pages that the block has opened by now.
  size_t known = owners_.size();
  for (const auto& owner : message_->owners()) {
    if (std::find(owners_.begin(), owners_.begin() + static_cast<ptrdiff_t>(known), owner) ==
        owners_.begin() + static_cast<ptrdiff_t>(known))
      owners_.push_back(owner);
  }
  owners_.push_back(std::move(arena));
  return {};
}

void ColumnChunk::gather_trace_ids(const std::vector<uint32_t>& rows, std::vector<TraceId>& out) const {
  out.resize(rows.size());
  if (trace_runs_.empty() && trace_ids_.empty()) {
    size_t value = 0, counted = 0;  // values before row `counted`
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!is_present(rows[i]) || raw_ids_.empty()) continue;
      value += !has_absent_ ? rows[i] - counted : count_marks(present_.data() + counted, rows[i] - counted);
      counted = rows[i];
      std::memcpy(out[i].bytes.data(), raw_ids_.data() + value * 16, 16);
    }
    return;
  }
  if (trace_runs_.empty()) {
    for (size_t i = 0; i < rows.size(); ++i) out[i] = trace_ids_[rows[i]];
    return;
  }
  auto run = trace_runs_.begin();
  for (size_t i = 0; i < rows.size(); ++i) {
    while (rows[i] >= run->first_row + run->row_count) ++run;
    out[i] = run->id;
  }
}

void ColumnChunk::gather_id_text(const std::vector<uint32_t>& rows, std::vector<std::string_view>& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (id_source_ == nullptr) return;
  std::vector<TraceId> ids;
  id_source_->gather_trace_ids(rows, ids);
  std::shared_ptr<char[]> text(new char[rows.size() * 32]);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!is_present(rows[i])) continue;
    char* digits = text.get() + i * 32;
    out[i] = {digits, 32};
    for (uint8_t byte : ids[i].bytes) {
      *digits++ = kDigits[byte >> 4];
      *digits++ = kDigits[byte & 15];
    }
  }
  built_bytes_ += rows.size() * 32;
  owners_.push_back(std::move(text));
}

Result<void> ColumnChunk::set_trace_ids(const ColumnChunk& ids) {
  if (ids.type_ != ColumnType::trace_id) return wrong("digits of trace ids without trace ids");
  present_ = ids.present_;
  has_absent_ = ids.has_absent_;
  value_count_ = ids.value_count_;
  id_source_ = &ids;
  return {};
}

void ColumnChunk::spread_marks(const std::vector<uint8_t>& of_values, std::vector<uint8_t>& of_rows) const {
  OBELISK_ASSERT(holds_all());
  if (!has_absent_) {
    for (size_t row = 0; row < of_rows.size(); ++row) of_rows[row] |= of_values[row];
    return;
  }
  size_t next = 0;
  for (size_t row = 0; row < of_rows.size(); ++row) {
    if (present_[row] != 0) of_rows[row] |= of_values[next++];
  }
}

std::vector<uint8_t> ColumnChunk::marks_of_values(const std::vector<uint8_t>& of_rows) const {
  OBELISK_ASSERT(holds_all());
  if (!has_absent_) return of_rows;
  std::vector<uint8_t> marks;
  marks.reserve(value_count_);
  for (size_t row = 0; row < of_rows.size(); ++row) {
    if (present_[row] != 0) marks.push_back(of_rows[row]);
  }
  return marks;
}

size_t ColumnChunk::memory_bytes() const {
  size_t total = present_.size() + (ints_.size() + parent_distances_.size()) * 8 + floats_.size() * 8 +
                 trace_ids_.size() * 16 + trace_runs_.size() * sizeof(TraceRun) + entries_.size() * 16 +
                 ids_.size() * 4 + text_offsets_.size() * 8 + value_of_row_.size() * 4;
  total += built_bytes_ + (message_ ? message_->memory_bytes() : 0);
  for (const TextPage& page : pages_) total += page.text != nullptr ? page.packed.plain_bytes : 0;
  return total;
}

}  // namespace obelisk
