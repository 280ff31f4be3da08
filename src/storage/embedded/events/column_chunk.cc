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
  chunk.known_head_ = std::move(head);
  if (owner) chunk.owners_.push_back(std::move(owner));
  ByteReader reader(bytes);
  if (!chunk.parse_presence(reader, row_count)) return wrong("presence");
  chunk.set_wanted(wanted, row_count);
  OBELISK_CHECK_OK(chunk.parse_values(reader, row_count));
  if (!reader.at_end()) return wrong("bytes left over");
  return chunk;
}

void ColumnChunk::set_wanted(RowSpan rows, size_t row_count) {
  wanted_rows_.last = std::min(rows.last, row_count);
  wanted_rows_.first = std::min(rows.first, wanted_rows_.last);
  auto values_before = [&](size_t row) {
    if (row == row_count) return value_count_;
    return present_.empty() ? row : count_marks(present_.data(), row);
  };
  wanted_values_ = {values_before(wanted_rows_.first), values_before(wanted_rows_.last)};
}

// One a value; the wanted ones are read.
bool ColumnChunk::read_integers(ByteReader& reader, std::vector<int64_t>& values) const {
  values.resize(value_count_);
  return decode_integer_column(reader, value_count_, wanted_values_.first, wanted_values_.last,
                               values.data());
}

bool ColumnChunk::is_text() const {
  return is_text_type(type_);
}

std::string_view ColumnChunk::coding_name() const {
  static constexpr std::string_view kNames[] = {"integers", "raw ids", "id runs", "dictionary",
                                                "text",     "message", "id text", "parent rows"};
  return kNames[coding_];  // parse() has let no other through
}

bool ColumnChunk::parse_presence(ByteReader& reader, size_t row_count) {
  value_count_ = row_count;
  switch (reader.u8()) {
    case kAll:
      return !reader.failed();
    case kBitmap: {
      std::string_view bits = reader.bytes((row_count + 7) / 8);
      if (reader.failed()) return false;
      present_.resize(row_count);
      value_count_ = 0;
      for (size_t row = 0; row < row_count; row += 8) {
        // Bit i of the byte becomes byte i.
        uint64_t spread = static_cast<uint8_t>(bits[row / 8]) * uint64_t{0x0101010101010101};
        spread = (spread & 0x8040201008040201) + 0x7f7f7f7f7f7f7f7f;
        spread = (spread >> 7) & 0x0101010101010101;
        size_t count = std::min<size_t>(8, row_count - row);
        std::memcpy(present_.data() + row, &spread, count);
        if (count < 8) spread &= (uint64_t{1} << (8 * count)) - 1;
        value_count_ += static_cast<size_t>(__builtin_popcountll(spread));
      }
      return true;
    }
    case kPositions: {
      value_count_ = reader.varint_up_to(row_count);
      std::vector<int64_t> rows(value_count_);
      if (!decode_integer_column(reader, value_count_, rows.data())) return false;
      present_.resize(row_count);
      int64_t before = -1;
      for (int64_t row : rows) {
        if (row <= before || row >= static_cast<int64_t>(row_count)) return false;
        present_[static_cast<size_t>(row)] = 1;
        before = row;
      }
      return true;
    }
    default:
      return false;
  }
}

template <typename T>
void ColumnChunk::spread(std::vector<T>& values, size_t row_count) const {
  if (present_.empty()) return;
  std::vector<T> all(row_count);
  if (values.empty()) {
    values = std::move(all);
    return;
  }
  // Which rows have a value cannot be guessed: every row takes the next one, and those without lose it.
  size_t next = wanted_values_.first, last = values.size() - 1;
  for (size_t row = wanted_rows_.first; row < wanted_rows_.last; ++row) {
    all[row] = values[std::min(next, last)];
    next += present_[row];
  }
  for (size_t row = wanted_rows_.first; row < wanted_rows_.last; ++row)
    clear_unless(present_[row] != 0, all[row]);
  values = std::move(all);
}

Result<void> ColumnChunk::parse_values(ByteReader& reader, size_t row_count) {
  uint8_t coding = coding_ = reader.u8();
  switch (type_) {
    case ColumnType::boolean:
    case ColumnType::int64:
      if (coding == kParentRows && type_ == ColumnType::int64) {
        if (!parse_parents(reader, row_count)) return wrong("parents");
        return {};
      }
      if (coding != kIntegers || !read_integers(reader, ints_)) return wrong("integers");
      spread(ints_, row_count);
      return {};
    case ColumnType::float64: {
      std::vector<int64_t> bits;
      if (coding != kIntegers || !read_integers(reader, bits)) return wrong("doubles");
      floats_.resize(value_count_);
      if (value_count_ > 0) std::memcpy(floats_.data(), bits.data(), bits.size() * 8);
      spread(floats_, row_count);
      return {};
    }
    case ColumnType::trace_id:
      if (coding == kRawIds && value_count_ <= reader.left() / 16) {
        raw_ids_ = reader.bytes(value_count_ * 16);
        return {};
      }
      if (coding != kIdRuns || !parse_trace_ids(reader)) return wrong("trace ids");
      if (trace_runs_.empty() && value_count_ > 0) spread(trace_ids_, row_count);
      return {};
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      break;
  }
  if (coding == kDictionary) {
    OBELISK_CHECK_OK(parse_dictionary(reader));
    spread(ids_, row_count);
    return {};
  }
  if (coding == kIdText && type_ == ColumnType::string) {
    coding_is_ids_ = true;
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
  if (!present_.empty()) {
    value_of_row_.resize(row_count);
    uint32_t next = 0;
    for (size_t row = 0; row < row_count; ++row) {
      value_of_row_[row] = next;
      next += present_[row];
    }
  }
  return {};
}

bool ColumnChunk::parse_parents(ByteReader& reader, size_t row_count) {
  auto parents = std::make_shared<ParentRows>();
  if (!decode_parent_rows(reader, value_count_, *parents)) return false;
  parent_distances_ = parents->distances;
  spread(parent_distances_, row_count);
  bool inside = true;
  for (size_t row = wanted_rows_.first; row < wanted_rows_.last; ++row)
    inside &= uint64_t{row} - static_cast<uint64_t>(parent_distances_[row]) < row_count;
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
  if (span_ids.ints_.size() != parent_distances_.size() ||
      !parents_->resolve(rows, wanted_values_.first, span_ids.ints_, parents))
    return wrong("parents without span ids");
  ints_.assign(parent_distances_.size(), 0);
  for (size_t i = 0; i < rows.size(); ++i) ints_[rows[i]] = parents[i];
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
  if (present_.empty()) return true;
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
    spread(trace_ids_, present_.empty() ? value_count_ : present_.size());
    return trace_ids_;
  }
  trace_ids_.reserve(value_count_);
  for (const TraceRun& run : trace_runs_) trace_ids_.insert(trace_ids_.end(), run.row_count, run.id);
  return trace_ids_;
}

size_t ColumnChunk::row_of_value(size_t value) const {
  if (present_.empty()) return value;
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
  ids_.resize(value_count_);
  bool inside = true;
  for (size_t i = wanted_values_.first; i < wanted_values_.last; ++i) {
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
    uint64_t value = value_of_row_.empty() ? rows[i] : value_of_row_[rows[i]];
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
    for (uint32_t row : rows) to.push_back(from[row]);
  };
  if (!present_.empty()) {
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
        if (is_present(rows[i])) data.strings[i] = entries_[ids_[rows[i]]];
      }
  }
  return data;
}

Result<void> ColumnChunk::gather_message(const std::vector<uint32_t>& rows,
                                         std::vector<std::string_view>& out) {
  auto arena = std::make_shared<Arena>();
  if (present_.empty()) {
    OBELISK_CHECK_OK(message_->rebuild(rows, out.data(), *arena));
  } else {
    std::vector<uint32_t> values;
    for (uint32_t row : rows) {
      if (present_[row] != 0) values.push_back(value_of_row_[row]);
    }
    std::vector<std::string_view> texts(values.size());
    OBELISK_CHECK_OK(message_->rebuild(values, texts.data(), *arena));
    size_t next = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (present_[rows[i]] != 0) out[i] = texts[next++];
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
      value +=
          present_.empty() ? rows[i] - counted : count_marks(present_.data() + counted, rows[i] - counted);
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
  value_count_ = ids.value_count_;
  id_source_ = &ids;
  return {};
}

void ColumnChunk::spread_marks(const std::vector<uint8_t>& of_values, std::vector<uint8_t>& of_rows) const {
  if (present_.empty()) {
    for (size_t row = 0; row < of_rows.size(); ++row) of_rows[row] |= of_values[row];
    return;
  }
  size_t next = 0;
  for (size_t row = 0; row < of_rows.size(); ++row) {
    if (present_[row] != 0) of_rows[row] |= of_values[next++];
  }
}

std::vector<uint8_t> ColumnChunk::marks_of_values(const std::vector<uint8_t>& of_rows) const {
  if (present_.empty()) return of_rows;
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
