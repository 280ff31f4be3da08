#include "storage/embedded/events/message/message_block.h"

#include <algorithm>
#include <cstring>

#include "codec/bit_packing.h"
#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/integer_column.h"
#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/message/slot_text.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

constexpr int64_t kNanosPerDay = 86'400'000'000'000;
constexpr uint64_t kTextBytesMax = 1ull << 30;  // of one chunk (column_chunk.h)
// Texts are put together in pieces of this size; a longer one gets its own.
constexpr size_t kArenaPieceBytes = 64 << 10;
// Literal pieces are copied 16 bytes at a time, so this much may be written beyond a text's end.
constexpr size_t kSlackBytes = 16;
// Counting what precedes a value takes some microseconds, numbering all values a hundred.
constexpr size_t kFewValues = 24;

Error wrong(std::string_view what) {
  return make_error(ErrorCode::corrupt, "message block: " + std::string(what));
}

uint64_t second_of_day(int64_t unix_nanos) {
  int64_t nanos = unix_nanos % kNanosPerDay;
  if (nanos < 0) nanos += kNanosPerDay;
  return static_cast<uint64_t>(nanos / 1'000'000'000);
}

// Both sides have kSlackBytes to spare.
inline char* put_piece(std::string_view piece, char* out) {
  std::memcpy(out, piece.data(), 16);
  if (piece.size() > 16) std::memcpy(out + 16, piece.data() + 16, piece.size() - 16);
  return out + piece.size();
}

}  // namespace

Result<MessageBlock> MessageBlock::parse(std::string_view bytes, size_t value_count,
                                         std::shared_ptr<const MessageHead> head) {
  MessageBlock block;
  block.value_count_ = value_count;
  ByteReader reader(bytes);
  uint64_t head_bytes = reader.varint_up_to(kTextBytesMax);
  PackedText packed_head = get_packed_text(reader, head_bytes);
  if (reader.failed()) return wrong("head");
  if (head == nullptr) {
    std::vector<std::shared_ptr<const void>> owners;  // the head copies what it keeps
    OBELISK_TRY(std::string_view plain, open_packed_text(packed_head, owners));
    OBELISK_TRY(head, MessageHead::parse(plain));
  }
  block.head_ = std::move(head);
  PackedText low = get_packed_text(reader, value_count);
  bool two_planes = block.head_->templates.size() > 256;
  block.planes_ = TemplatePlanes(low, two_planes ? get_packed_text(reader, value_count) : PackedText());
  block.packed_ids_ = get_packed_text(reader, reader.varint_up_to(kTextBytesMax));
  block.packed_text_ = get_packed_text(reader, reader.varint_up_to(kTextBytesMax));
  if (reader.failed() || block.packed_ids_.plain_bytes != block.head_->ids_bytes) return wrong("streams");
  OBELISK_CHECK_OK(block.parse_raw(reader));
  if (block.raw_count() + block.head_->templated_rows != value_count) return wrong("rows do not add up");
  OBELISK_CHECK_OK(block.parse_body(reader));
  block.deltas_.resize(block.head_->slots.size());
  block.entries_.resize(block.head_->slots.size());
  return block;
}

// Packed numbers, and bytes of digits behind them, or before them where they are compressed.
Result<void> MessageBlock::parse_body(ByteReader& reader) {
  uint64_t packed_digits = reader.varint_up_to(kTextBytesMax);
  uint64_t numbers = head_->body_bytes - head_->digit_bytes;
  if (packed_digits == 0) {
    if (reader.failed() || reader.left() != head_->body_bytes) return wrong("length of the body");
    body_ = reader.rest();
    digits_ = body_.substr(numbers);
    digits_loaded_ = true;
    return {};
  }
  packed_digits_ = reader.text();
  if (reader.failed() || packed_digits != head_->digit_bytes || reader.left() != numbers)
    return wrong("length of the body");
  body_ = reader.rest();
  return {};
}

Result<void> MessageBlock::load_digits() {
  if (digits_loaded_) return {};
  std::shared_ptr<char[]> digits(new char[head_->digit_bytes]);
  OBELISK_CHECK_OK(zstd_decompress(packed_digits_, head_->digit_bytes, digits.get()));
  digits_ = {digits.get(), head_->digit_bytes};
  digits_loaded_ = true;
  memory_bytes_ += digits_.size();
  owners_.push_back(std::move(digits));
  return {};
}

Result<void> MessageBlock::parse_raw(ByteReader& reader) {
  uint64_t count = reader.varint_up_to(value_count_);
  if (reader.failed()) return wrong("raw lines");
  if (count == 0) return {};
  std::vector<int64_t> lengths(count);
  if (!decode_integer_column(reader, count, lengths.data())) return wrong("raw lengths");
  raw_offsets_.reserve(count + 1);
  raw_offsets_.push_back(0);
  for (int64_t length : lengths) {
    if (length < 0 || static_cast<uint64_t>(length) > kTextBytesMax - raw_offsets_.back())
      return wrong("raw lengths");
    raw_offsets_.push_back(raw_offsets_.back() + static_cast<uint64_t>(length));
  }
  uint64_t page_count = reader.varint_up_to(std::min<uint64_t>(count, reader.left()));
  uint64_t covered = 0;
  for (uint64_t i = 0; i < page_count; ++i) {
    RawPage page;
    page.first = covered;
    page.count = reader.varint_up_to(count - covered);
    covered += page.count;
    page.packed = get_packed_text(reader, raw_offsets_[covered] - raw_offsets_[page.first]);
    if (reader.failed() || page.count == 0) return wrong("raw page");
    raw_pages_.push_back(std::move(page));
  }
  memory_bytes_ += raw_offsets_.size() * 8;
  return covered == count ? Result<void>() : wrong("raw pages do not cover the lines");
}

Result<const TemplateNumbers*> MessageBlock::template_numbers() {
  if (numbers_ != nullptr) return numbers_.get();
  if (known_ != nullptr) {
    OBELISK_TRY(numbers_, known_->numbers());
  } else {
    auto numbers = std::make_shared<TemplateNumbers>();
    OBELISK_TRY(*numbers, planes_.open(head_->templates.size()));
    numbers_ = std::move(numbers);
  }
  if (numbers_->count != value_count_) return wrong("template numbers");
  memory_bytes_ += numbers_->memory_bytes();
  return numbers_.get();
}

Result<void> MessageBlock::load_ordinals() {
  if (!ordinals_.empty()) return {};
  OBELISK_TRY(const TemplateNumbers* numbers, template_numbers());
  std::vector<uint32_t> next(head_->templates.size());
  std::vector<uint32_t> ordinals(value_count_);
  for (size_t i = 0; i < value_count_; ++i) ordinals[i] = next[numbers->at(i)]++;
  for (size_t number = 0; number < next.size(); ++number) {
    if (next[number] != rows_of(number)) return wrong("template numbers");
  }
  ordinals_ = std::move(ordinals);
  memory_bytes_ += value_count_ * 4;
  return {};
}

uint64_t MessageBlock::rows_of(size_t number) const {
  return number == kRawTemplate ? raw_count() : head_->templates[number].row_count;
}

// The ordinals of few values: what precedes each is counted.
Result<std::vector<uint32_t>> MessageBlock::count_ordinals(std::span<const uint32_t> values) {
  OBELISK_TRY(const TemplateNumbers* numbers, template_numbers());
  std::vector<uint32_t> ordinals;
  for (uint32_t value : values) {
    ordinals.push_back(static_cast<uint32_t>(numbers->count_before(value)));
    if (ordinals.back() >= rows_of(numbers->at(value))) return wrong("template numbers");
  }
  return ordinals;
}

Result<const std::vector<uint32_t>*> MessageBlock::ordinals() {
  OBELISK_CHECK_OK(load_ordinals());
  return &ordinals_;
}

Result<void> MessageBlock::load_ids() {
  if (ids_loaded_) return {};
  OBELISK_TRY(ids_, open_packed_text(packed_ids_, owners_));
  memory_bytes_ += ids_.size();
  ids_loaded_ = true;
  return {};
}

// An entry number beyond the last entry is one that was damaged, and is read as the last.
size_t MessageBlock::entry_at(const Slot& slot, uint32_t ordinal) const {
  size_t id = slot.kind == SlotKind::dictionary && slot.entry_count > kByteDictionaryMax
                  ? unpack(body_.data() + slot.place, slot.width, ordinal)
                  : static_cast<uint8_t>(ids_[slot.place + ordinal]);
  return std::min<size_t>(id, slot.entry_count - size_t{1});
}

Result<void> MessageBlock::load_text_slots() {
  if (!text_slots_.empty()) return {};
  if (head_->text_slots == 0) return packed_text_.plain_bytes == 0 ? Result<void>() : wrong("text stream");
  OBELISK_TRY(text_, open_packed_text(packed_text_, owners_));
  std::vector<std::unique_ptr<TextSlot>> slots(head_->slots.size());
  uint64_t begin = 0;
  for (const TemplateHead& one : head_->templates) {
    for (uint32_t i = one.first_slot; i < one.first_slot + one.slot_count; ++i) {
      const Slot& slot = head_->slots[i];
      if (slot.kind != SlotKind::text) continue;
      auto texts = std::make_unique<TextSlot>();
      texts->begin = begin;
      texts->offsets.resize(one.row_count + 1);
      uint64_t end = 0;
      for (uint32_t row = 0; row < one.row_count; ++row) {
        uint64_t length = slot.length_min + unpack(body_.data() + slot.place, slot.width, row);
        end += length;
        if (length > slot.length_max || begin + end > text_.size()) return wrong("text lengths");
        texts->offsets[row + 1] = static_cast<uint32_t>(end);
      }
      begin += end;
      memory_bytes_ += texts->offsets.size() * 4;
      slots[i] = std::move(texts);
    }
  }
  if (begin != text_.size()) return wrong("text stream");
  memory_bytes_ += text_.size();
  text_slots_ = std::move(slots);
  return {};
}

const std::vector<uint64_t>& MessageBlock::deltas_of(size_t slot_index, uint32_t rows) {
  std::unique_ptr<std::vector<uint64_t>>& values = deltas_[slot_index];
  if (values) return *values;
  const Slot& slot = head_->slots[slot_index];
  values = std::make_unique<std::vector<uint64_t>>(rows);
  std::vector<uint64_t> start = head_->numbers_of(slot);
  uint64_t value = (*values)[0] = start[0];
  for (uint32_t row = 1; row < rows; ++row) {
    value += unpack(body_.data() + slot.place, slot.width, row - 1) + start[1];
    (*values)[row] = value;
  }
  memory_bytes_ += rows * 8;
  return *values;
}

const std::vector<uint64_t>& MessageBlock::numbers_of(const Slot& slot, size_t slot_index) {
  std::unique_ptr<std::vector<uint64_t>>& numbers = deltas_[slot_index];
  if (!numbers) {
    numbers = std::make_unique<std::vector<uint64_t>>(head_->numbers_of(slot));
    memory_bytes_ += numbers->size() * 8;
  }
  return *numbers;
}

const std::vector<std::string_view>& MessageBlock::entries_of(const Slot& slot, size_t slot_index) {
  std::unique_ptr<std::vector<std::string_view>>& entries = entries_[slot_index];
  if (!entries) {
    entries = std::make_unique<std::vector<std::string_view>>();
    entries->reserve(slot.entry_count);
    head_->for_each_entry(slot, [&](std::string_view entry) {
      entries->push_back(entry);
      return true;
    });
    memory_bytes_ += entries->size() * sizeof(std::string_view);
  }
  return *entries;
}

uint64_t MessageBlock::number_of(const Slot& slot, size_t slot_index, uint32_t rows, uint32_t ordinal) {
  // Beyond `high` only when damaged: kept within the length that was promised.
  switch (slot.coding) {
    case NumberCoding::frame:
      return std::min(head_->range_of(slot).low + unpack(body_.data() + slot.place, slot.width, ordinal),
                      head_->range_of(slot).high);
    case NumberCoding::dictionary:
      return numbers_of(slot, slot_index)[entry_at(slot, ordinal)];
    case NumberCoding::delta:
      break;
  }
  uint64_t value = deltas_of(slot_index, rows)[ordinal];
  return std::clamp(value, head_->range_of(slot).low, head_->range_of(slot).high);
}

inline char* MessageBlock::put_slot(size_t slot_index, const TemplateHead& one, uint32_t value,
                                    uint32_t ordinal, char* out) {
  const Slot& slot = head_->slots[slot_index];
  switch (slot.kind) {
    case SlotKind::constant:
      return put_piece(head_->constant_text(slot), out);
    case SlotKind::number:
      if (slot.coding == NumberCoding::frame) {  // what most are
        const MessageHead::Range& range = head_->range_of(slot);
        uint64_t value = range.low + unpack(body_.data() + slot.place, slot.width, ordinal);
        return put_number(std::min(value, range.high), slot.digits, out);
      }
      return put_number(number_of(slot, slot_index, one.row_count, ordinal), slot.digits, out);
    case SlotKind::clock: {
      uint64_t seconds = number_of(slot, slot_index, one.row_count, ordinal);
      if (head_->clocks_relative) seconds += second_of_day(times_[value]);
      return put_clock(seconds % 86'400, out);
    }
    case SlotKind::hex: {
      size_t bytes = slot.digits / 2;
      return put_hex(digits_of(slot) + ordinal * bytes, bytes, out);
    }
    case SlotKind::uuid:
      return put_uuid(digits_of(slot) + ordinal * size_t{16}, out);
    case SlotKind::dictionary:
      return put_piece(entries_of(slot, slot_index)[entry_at(slot, ordinal)], out);
    case SlotKind::text: {
      const TextSlot& texts = *text_slots_[slot_index];
      size_t length = texts.offsets[ordinal + 1] - texts.offsets[ordinal];
      std::memcpy(out, text_.data() + texts.begin + texts.offsets[ordinal], length);
      return out + length;
    }
  }
  return out;
}

char* MessageBlock::put_text(const TemplateHead& one, uint32_t value, uint32_t ordinal, char* out) {
  const char* at = one.skeleton.data();
  const char* end = at + one.skeleton.size();
  size_t slot = one.first_slot;
  while (at < end) {
    if (is_marker(*at)) {
      out = put_slot(slot++, one, value, ordinal, out);
      ++at;
      continue;
    }
    const char* literal = at;
    do ++at;
    while (at < end && !is_marker(*at));
    out = put_piece({literal, static_cast<size_t>(at - literal)}, out);
  }
  return out;
}

Result<std::string_view> MessageBlock::raw_text(uint64_t index) {
  auto after = std::upper_bound(raw_pages_.begin(), raw_pages_.end(), index,
                                [](uint64_t wanted, const RawPage& page) { return wanted < page.first; });
  RawPage& page = *(after - 1);
  if (page.text == nullptr) {
    OBELISK_TRY(std::string_view text, open_packed_text(page.packed, owners_));
    page.text = text.data();
    memory_bytes_ += page.packed.compressed ? text.size() : 0;
  }
  return std::string_view(page.text + (raw_offsets_[index] - raw_offsets_[page.first]),
                          raw_offsets_[index + 1] - raw_offsets_[index]);
}

// What the variables of these templates are read from.
Result<void> MessageBlock::load_streams_of(std::span<const uint32_t> values) {
  OBELISK_TRY(const TemplateNumbers* numbers, template_numbers());
  std::vector<uint8_t> seen(head_->templates.size());
  for (uint32_t value : values) {
    uint16_t number = numbers->at(value);
    if (number == kRawTemplate || seen[number] != 0) continue;
    seen[number] = 1;
    const TemplateHead& one = head_->templates[number];
    for (uint32_t i = one.first_slot; i < one.first_slot + one.slot_count; ++i) {
      const Slot& slot = head_->slots[i];
      bool is_clock = slot.kind == SlotKind::clock;
      bool is_number = is_clock || slot.kind == SlotKind::number;
      if (is_clock && head_->clocks_relative && times_ == nullptr) {
        if (!times_source_) return wrong("clock times without a time column");
        OBELISK_TRY(times_, times_source_());
      }
      if (slot.kind == SlotKind::dictionary || (is_number && slot.coding == NumberCoding::dictionary))
        OBELISK_CHECK_OK(load_ids());
      if (slot.kind == SlotKind::hex || slot.kind == SlotKind::uuid) OBELISK_CHECK_OK(load_digits());
      if (slot.kind == SlotKind::text) OBELISK_CHECK_OK(load_text_slots());
    }
  }
  return {};
}

Result<void> MessageBlock::rebuild(std::span<const uint32_t> values, std::string_view* out, Arena& arena) {
  if (values.empty()) return {};
  OBELISK_CHECK_OK(load_streams_of(values));
  std::vector<uint32_t> few;
  if (values.size() <= kFewValues && ordinals_.empty()) {
    OBELISK_TRY(few, count_ordinals(values));
  } else {
    OBELISK_CHECK_OK(load_ordinals());
  }
  char* free = nullptr;
  size_t left = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t value = values[i];
    uint16_t number = numbers_->at(value);
    uint32_t ordinal = few.empty() ? ordinals_[value] : few[i];
    if (number == kRawTemplate) {
      OBELISK_TRY(out[i], raw_text(ordinal));
      continue;
    }
    const TemplateHead& one = head_->templates[number];
    size_t needed = one.length_max + kSlackBytes;
    if (left < needed) {
      left = std::max(kArenaPieceBytes, needed);
      free = arena.allocate(left);
    }
    char* end = put_text(one, value, ordinal, free);
    size_t length = static_cast<size_t>(end - free);
    out[i] = {free, length};
    free += length;
    left -= length;
  }
  return {};
}

}  // namespace obelisk::message
