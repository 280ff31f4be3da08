#include "storage/embedded/events/message/message_block.h"

#include <algorithm>
#include <cstring>

#include "codec/bit_packing.h"
#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/integer_column.h"
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

// Packed numbers, then bytes of digits: as they lie, or put together where the latter are compressed.
Result<void> MessageBlock::parse_body(ByteReader& reader) {
  uint64_t packed_digits = reader.varint_up_to(kTextBytesMax);
  if (packed_digits == 0) {
    if (reader.failed() || reader.left() != head_->body_bytes) return wrong("length of the body");
    body_ = reader.rest();
    return {};
  }
  std::string_view packed = reader.text();
  uint64_t numbers = head_->body_bytes - head_->digit_bytes;
  if (reader.failed() || packed_digits != head_->digit_bytes || reader.left() != numbers)
    return wrong("length of the body");
  constexpr size_t kReadBeyond = 8;
  std::shared_ptr<char[]> body(new char[head_->body_bytes + kReadBeyond]);
  std::memcpy(body.get(), reader.rest().data(), numbers);
  OBELISK_CHECK_OK(zstd_decompress(packed, packed_digits, body.get() + numbers));
  std::memset(body.get() + head_->body_bytes, 0, kReadBeyond);
  body_ = {body.get(), head_->body_bytes};
  memory_bytes_ += head_->body_bytes;
  owners_.push_back(std::move(body));
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
  if (numbers_.count == 0 && value_count_ > 0) {
    OBELISK_TRY(numbers_, planes_.open());
    memory_bytes_ += numbers_.memory_bytes();
  }
  return &numbers_;
}

Result<void> MessageBlock::load_ordinals() {
  if (!ordinals_.empty()) return {};
  OBELISK_TRY(const TemplateNumbers* numbers, template_numbers());
  std::vector<uint32_t> next(head_->templates.size());
  std::vector<uint32_t> ordinals(value_count_);
  for (size_t i = 0; i < value_count_; ++i) {
    uint16_t number = numbers->at(i);
    if (number >= next.size()) return wrong("template numbers");
    ordinals[i] = next[number]++;
  }
  for (size_t number = 0; number < next.size(); ++number) {
    uint64_t wanted = number == kRawTemplate ? raw_count() : head_->templates[number].row_count;
    if (next[number] != wanted) return wrong("template numbers");
  }
  ordinals_ = std::move(ordinals);
  memory_bytes_ += value_count_ * 4;
  return {};
}

Result<const std::vector<uint32_t>*> MessageBlock::ordinals() {
  OBELISK_CHECK_OK(load_ordinals());
  return &ordinals_;
}

Result<void> MessageBlock::load_ids() {
  if (ids_loaded_) return {};
  OBELISK_TRY(ids_, open_packed_text(packed_ids_, owners_));
  // Entry numbers are bounded here, once.
  for (const TemplateHead& one : head_->templates) {
    for (uint32_t i = one.first_slot; i < one.first_slot + one.slot_count; ++i) {
      const Slot& slot = head_->slots[i];
      bool in_stream = slot.kind == SlotKind::dictionary
                           ? slot.entry_count <= kByteDictionaryMax
                           : (slot.kind == SlotKind::number || slot.kind == SlotKind::clock) &&
                                 slot.coding == NumberCoding::dictionary;
      if (!in_stream || slot.entry_count == 256) continue;
      uint8_t largest = 0;
      for (char id : ids_.substr(slot.place, one.row_count))
        largest = std::max(largest, static_cast<uint8_t>(id));
      if (largest >= slot.entry_count) return wrong("entry number");
    }
  }
  memory_bytes_ += ids_.size();
  ids_loaded_ = true;
  return {};
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
      return numbers_of(slot, slot_index)[static_cast<uint8_t>(ids_[slot.place + ordinal])];
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
      return put_hex(body_.data() + slot.place + ordinal * bytes, bytes, out);
    }
    case SlotKind::uuid:
      return put_uuid(body_.data() + slot.place + ordinal * size_t{16}, out);
    case SlotKind::dictionary: {
      uint64_t id = slot.entry_count <= kByteDictionaryMax
                        ? static_cast<uint8_t>(ids_[slot.place + ordinal])
                        : std::min<uint64_t>(unpack(body_.data() + slot.place, slot.width, ordinal),
                                             slot.entry_count - 1);
      return put_piece(entries_of(slot, slot_index)[id], out);
    }
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

Result<void> MessageBlock::rebuild(std::span<const uint32_t> values, std::string_view* out, Arena& arena) {
  if (values.empty()) return {};
  if (head_->clocks_relative && times_ == nullptr) {
    if (!times_source_) return wrong("clock times without a time column");
    OBELISK_TRY(times_, times_source_());
  }
  OBELISK_CHECK_OK(load_ordinals());
  OBELISK_CHECK_OK(load_ids());
  OBELISK_CHECK_OK(load_text_slots());
  char* free = nullptr;
  size_t left = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t value = values[i];
    uint16_t number = numbers_.at(value);
    if (number == kRawTemplate) {
      OBELISK_TRY(out[i], raw_text(ordinals_[value]));
      continue;
    }
    const TemplateHead& one = head_->templates[number];
    size_t needed = one.length_max + kSlackBytes;
    if (left < needed) {
      left = std::max(kArenaPieceBytes, needed);
      free = arena.allocate(left);
    }
    char* end = put_text(one, value, ordinals_[value], free);
    size_t length = static_cast<size_t>(end - free);
    out[i] = {free, length};
    free += length;
    left -= length;
  }
  return {};
}

}  // namespace obelisk::message
