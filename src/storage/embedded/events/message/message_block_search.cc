// Rows whose variable passes a test, without putting texts together (MessageBlock::mark_slot).
#include <algorithm>
#include <array>
#include <cstring>

#include "codec/bit_packing.h"
#include "storage/embedded/events/message/message_block.h"
#include "storage/embedded/events/message/needle_search.h"
#include "storage/embedded/events/message/slot_text.h"

namespace obelisk::message {
namespace {

void raise(uint8_t& held, uint8_t mark) {
  held = std::max(held, mark);
}

// Tests texts of at most 64 bytes that lie in a buffer of 80.
class ShortTextTest {
 public:
  explicit ShortTextTest(const SlotTest& test)
      : relation_(test.relation), piece_(test.piece), short_(piece_.size() <= 8) {
    char bytes[8] = {};
    std::memcpy(bytes, piece_.data(), std::min<size_t>(piece_.size(), 8));
    std::memcpy(&word_, bytes, 8);
    mask_ = piece_.size() >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * piece_.size())) - 1;
  }

  bool holds(const char* text, size_t length) const {
    if (length < piece_.size()) return false;
    size_t last = length - piece_.size();
    switch (relation_) {
      case Relation::contains:
        for (size_t at = 0; at <= last; ++at) {
          if (is_at(text + at)) return true;
        }
        return false;
      case Relation::starts:
        return is_at(text);
      case Relation::ends:
        return is_at(text + last);
      case Relation::equals:
        return last == 0 && is_at(text);
    }
    return false;
  }

 private:
  bool is_at(const char* text) const {
    uint64_t word = 0;
    std::memcpy(&word, text, 8);
    if ((word & mask_) != word_) return false;
    return short_ || std::memcmp(text + 8, piece_.data() + 8, piece_.size() - 8) == 0;
  }

  const Relation relation_;
  const std::string_view piece_;
  const bool short_;
  uint64_t word_ = 0;
  uint64_t mask_ = 0;
};

constexpr size_t kBufferBytes = 64 + 16;

}  // namespace

Result<void> MessageBlock::mark_slot(size_t number, const SlotTest& test, uint8_t mark,
                                     std::vector<uint8_t>& marks) {
  const TemplateHead& one = head_->templates[number];
  const Slot& slot = head_->slots[test.slot];
  switch (slot.kind) {
    case SlotKind::number:
      if (slot.coding == NumberCoding::dictionary) OBELISK_CHECK_OK(load_ids());
      mark_numbers(one, test, mark, marks.data());
      return {};
    case SlotKind::clock:
      // Few needles are part of a clock time and of nothing else.
      for (uint8_t& held : marks) held = std::max<uint8_t>(held, 1);
      return {};
    case SlotKind::hex:
    case SlotKind::uuid:
      OBELISK_CHECK_OK(load_digits());
      mark_bytes(one, test, mark, marks.data());
      return {};
    case SlotKind::dictionary:
      if (slot.entry_count <= kByteDictionaryMax) OBELISK_CHECK_OK(load_ids());
      mark_entries(one, test, mark, marks.data());
      return {};
    case SlotKind::text:
      OBELISK_CHECK_OK(load_text_slots());
      mark_texts(one, test, mark, marks.data());
      return {};
    case SlotKind::constant:
      break;  // text, not a variable (needle_search.h)
  }
  return {};
}

void MessageBlock::mark_numbers(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks) {
  const Slot& slot = head_->slots[test.slot];
  const char* body = body_.data() + slot.place;
  ShortTextTest holds(test);
  char digits[kBufferBytes];
  auto passes = [&](uint64_t value) {
    return holds.holds(digits, static_cast<size_t>(put_number(value, slot.digits, digits) - digits));
  };
  if (slot.coding == NumberCoding::dictionary) {
    std::array<uint8_t, 256> of_id{};
    const std::vector<uint64_t>& numbers = numbers_of(slot, test.slot);
    for (size_t i = 0; i < 256; ++i)  // a damaged entry number is read as the last
      of_id[i] = i < numbers.size() ? (passes(numbers[i]) ? mark : uint8_t{0}) : of_id[i - 1];
    const char* ids = ids_.data() + slot.place;
    for (uint32_t row = 0; row < one.row_count; ++row)
      raise(marks[row], of_id[static_cast<uint8_t>(ids[row])]);
    return;
  }
  const auto [low, high] = head_->range_of(slot);
  bool is_frame = slot.coding == NumberCoding::frame;
  if (test.relation == Relation::equals) {
    std::optional<uint64_t> wanted = number_written_as(*head_, slot, test.piece);
    if (!wanted) return;
    // A value beyond `high` is one that was damaged, and is read as `high`.
    if (is_frame && *wanted < high) {
      uint64_t offset = *wanted - low;
      for (uint32_t row = 0; row < one.row_count; ++row) {
        if (unpack(body, slot.width, row) == offset) raise(marks[row], mark);
      }
      return;
    }
    for (uint32_t row = 0; row < one.row_count; ++row) {
      if (number_of(slot, test.slot, one.row_count, row) == *wanted) raise(marks[row], mark);
    }
    return;
  }
  if (is_frame) {
    for (uint32_t row = 0; row < one.row_count; ++row) {
      if (passes(std::min(low + unpack(body, slot.width, row), high))) raise(marks[row], mark);
    }
    return;
  }
  for (uint32_t row = 0; row < one.row_count; ++row) {
    if (passes(number_of(slot, test.slot, one.row_count, row))) raise(marks[row], mark);
  }
}

void MessageBlock::mark_bytes(const TemplateHead& one, const SlotTest& test, uint8_t mark,
                              uint8_t* marks) const {
  const Slot& slot = head_->slots[test.slot];
  const char* body = digits_of(slot);
  std::string text(slot.length_max + size_t{16}, '\0');
  bool is_uuid = slot.kind == SlotKind::uuid;
  size_t bytes = is_uuid ? 16 : slot.digits / 2;
  if (slot.length_max > 64) {
    for (uint32_t row = 0; row < one.row_count; ++row) {
      put_hex(body + row * bytes, bytes, text.data());
      if (relates({text.data(), slot.length_max}, test.relation, test.piece)) raise(marks[row], mark);
    }
    return;
  }
  ShortTextTest holds(test);
  for (uint32_t row = 0; row < one.row_count; ++row) {
    if (is_uuid) {
      put_uuid(body + row * bytes, text.data());
    } else {
      put_hex(body + row * bytes, bytes, text.data());
    }
    if (holds.holds(text.data(), slot.length_max)) raise(marks[row], mark);
  }
}

void MessageBlock::mark_entries(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks) {
  const Slot& slot = head_->slots[test.slot];
  const std::vector<std::string_view>& entries = entries_of(slot, test.slot);
  std::vector<uint8_t> of_entry(std::max<size_t>(slot.entry_count, 256));
  for (size_t i = 0; i < of_entry.size(); ++i)  // a damaged entry number is read as the last
    of_entry[i] = i < slot.entry_count ? (relates(entries[i], test.relation, test.piece) ? mark : uint8_t{0})
                                       : of_entry[i - 1];
  if (slot.entry_count <= kByteDictionaryMax) {
    const char* ids = ids_.data() + slot.place;
    for (uint32_t row = 0; row < one.row_count; ++row)
      raise(marks[row], of_entry[static_cast<uint8_t>(ids[row])]);
    return;
  }
  const char* body = body_.data() + slot.place;
  for (uint32_t row = 0; row < one.row_count; ++row)
    raise(marks[row], of_entry[std::min<uint64_t>(unpack(body, slot.width, row), slot.entry_count - 1u)]);
}

// Looks for the piece in all texts at once, then which of them a find lies in.
void MessageBlock::mark_texts(const TemplateHead& one, const SlotTest& test, uint8_t mark,
                              uint8_t* marks) const {
  const TextSlot& texts = *text_slots_[test.slot];
  const char* begin = text_.data() + texts.begin;
  const char* end = begin + texts.offsets[one.row_count];
  const char* at = begin;
  uint32_t row = 0;
  if (test.piece.empty()) {
    for (; row < one.row_count; ++row) {
      if (texts.offsets[row + 1] == texts.offsets[row]) raise(marks[row], mark);
    }
    return;
  }
  while (at < end) {
    const void* hit = memmem(at, static_cast<size_t>(end - at), test.piece.data(), test.piece.size());
    if (hit == nullptr) return;
    uint32_t offset = static_cast<uint32_t>(static_cast<const char*>(hit) - begin);
    auto after = std::upper_bound(texts.offsets.begin() + row + 1, texts.offsets.end(), offset);
    row = static_cast<uint32_t>(after - texts.offsets.begin()) - 1;
    std::string_view text(begin + texts.offsets[row], texts.offsets[row + 1] - texts.offsets[row]);
    if (relates(text, test.relation, test.piece)) raise(marks[row], mark);
    // A find across the end of a text says nothing of the next one.
    bool inside = offset + test.piece.size() <= texts.offsets[row + 1];
    at = inside ? begin + texts.offsets[row + 1] : static_cast<const char*>(hit) + 1;
  }
}

}  // namespace obelisk::message
