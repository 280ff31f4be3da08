#include "storage/embedded/events/message/message_head.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "codec/bit_packing.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

// A chunk's rows (part_format.h); a larger count is damage.
constexpr uint64_t kRowsMax = 1 << 20;

// Verdicts are remembered by this hash (text_predicate.h), so nobody may be able to make two skeletons
// collide.
uint64_t hash_seed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return static_cast<uint64_t>(device()) << 32 | device();
  }();
  return seed;
}

class HeadParser {
 public:
  HeadParser(MessageHead& head, std::string_view bytes) : head_(head), reader_(bytes) {}

  bool parse() {
    uint8_t relative = reader_.u8();
    if (relative > 1) return false;
    head_.clocks_relative = relative == 1;
    uint64_t count = reader_.varint_up_to(kTemplatesMax);
    if (count == 0) return false;
    head_.templates.resize(1);
    for (uint64_t i = 1; i < count; ++i) {
      if (!parse_template()) return false;
    }
    // Bytes of digits lie behind everything else.
    for (Slot& slot : head_.slots) {
      if (slot.kind == SlotKind::hex || slot.kind == SlotKind::uuid)
        slot.place += static_cast<uint32_t>(head_.body_bytes);
    }
    head_.body_bytes += head_.digit_bytes;
    return reader_.at_end() && fits();
  }

 private:
  // Offsets are kept in 32 bits.
  bool fits() const { return head_.body_bytes <= UINT32_MAX && head_.ids_bytes <= UINT32_MAX; }

  bool parse_template() {
    TemplateHead& one = head_.templates.emplace_back();
    one.skeleton = reader_.text();
    one.row_count = static_cast<uint32_t>(reader_.varint_up_to(kRowsMax));
    one.first_slot = static_cast<uint32_t>(head_.slots.size());
    if (reader_.failed() || one.row_count == 0 || one.skeleton.size() > kTemplateLineBytesMax) return false;
    one.skeleton_hash = checksum64(one.skeleton, hash_seed());
    head_.templated_rows += one.row_count;
    uint64_t length = one.skeleton.size();
    for (char marker : one.skeleton) {
      if (!is_marker(marker)) continue;
      if (head_.slots.size() == kSlotsMax) return false;
      if (!fits()) return false;
      Slot slot;
      slot.place = static_cast<uint32_t>(head_.body_bytes);
      if (!parse_slot(slot, one.row_count)) return false;
      length += slot.length_max;
      one.slot_length_max = std::max(one.slot_length_max, slot.length_max);
      one.slot_classes |= slot.classes;
      one.is_odd = one.is_odd || is_odd(marker, slot);
      head_.slots.push_back(slot);
    }
    one.slot_count = static_cast<uint32_t>(head_.slots.size()) - one.first_slot;
    one.length_max = static_cast<uint32_t>(std::min<uint64_t>(length, UINT32_MAX));
    return length < (1u << 30) && !reader_.failed();
  }

  static bool is_odd(char marker, const Slot& slot) {
    if (marker == kWordMarker) return (slot.classes & kOther) != 0 || slot.length_min == 0;
    uint16_t length = marker == kClockMarker ? 8 : 36;
    return slot.length_min != length || slot.length_max != length;
  }

  bool parse_slot(Slot& slot, uint64_t rows) {
    uint8_t kind = reader_.u8();
    if (kind > static_cast<uint8_t>(SlotKind::text)) return false;
    slot.kind = static_cast<SlotKind>(kind);
    switch (slot.kind) {
      case SlotKind::constant:
        return parse_entries(slot, 1);
      case SlotKind::number:
        slot.digits = reader_.u8();
        if (slot.digits > kNumberDigitsMax) return false;
        if (!parse_numbers(slot, rows)) return false;
        slot.classes = kDigits;
        slot.length_min = std::max<uint16_t>(slot.digits, digit_count(head_.ranges.back().low));
        // No value is rebuilt as more than `high`.
        slot.length_max = std::max<uint16_t>(slot.digits, digit_count(head_.ranges.back().high));
        return true;
      case SlotKind::clock:
        slot.length_min = slot.length_max = 8;
        slot.classes = kDigits | kOther;
        return parse_numbers(slot, rows) && head_.ranges.back().high < 86'400;
      case SlotKind::hex:
        slot.digits = reader_.u8();
        if (slot.digits == 0 || slot.digits > 128 || slot.digits % 2 != 0) return false;
        slot.length_min = slot.length_max = slot.digits;
        slot.classes = kDigits | kLowerHex;
        slot.place = static_cast<uint32_t>(head_.digit_bytes);
        head_.digit_bytes += rows * slot.digits / 2;
        return true;
      case SlotKind::uuid:
        slot.length_min = slot.length_max = 36;
        slot.classes = kDigits | kLowerHex | kOther;
        slot.place = static_cast<uint32_t>(head_.digit_bytes);
        head_.digit_bytes += rows * 16;
        return true;
      case SlotKind::dictionary: {
        uint64_t count = reader_.varint_up_to(kTextDictionaryMax);
        if (count == 0 || !parse_entries(slot, count)) return false;
        if (count <= kByteDictionaryMax) {
          slot.place = static_cast<uint32_t>(head_.ids_bytes);
          head_.ids_bytes += rows;
        } else {
          slot.width = static_cast<uint8_t>(width_of(count - 1));
          head_.body_bytes += packed_bytes(rows, slot.width);
        }
        return true;
      }
      case SlotKind::text: {
        uint64_t low = reader_.varint_up_to(kTemplateLineBytesMax);
        uint64_t range = reader_.varint_up_to(kTemplateLineBytesMax);
        slot.length_min = static_cast<uint16_t>(low);
        slot.length_max = static_cast<uint16_t>(low + range);
        slot.classes = reader_.u8();
        slot.width = static_cast<uint8_t>(width_of(range));
        head_.body_bytes += packed_bytes(rows, slot.width);
        ++head_.text_slots;
        return !reader_.failed();
      }
    }
    return false;
  }

  bool parse_entries(Slot& slot, uint64_t count) {
    slot.details = static_cast<uint32_t>(reader_.offset());
    slot.entry_count = static_cast<uint16_t>(count);
    slot.length_min = UINT16_MAX;
    for (uint64_t i = 0; i < count; ++i) {
      std::string_view entry = reader_.text();
      if (reader_.failed() || entry.size() > kTemplateLineBytesMax) return false;
      slot.length_min = std::min(slot.length_min, static_cast<uint16_t>(entry.size()));
      slot.length_max = std::max(slot.length_max, static_cast<uint16_t>(entry.size()));
      slot.classes |= classes_of(entry);
      // A constant is read without its length.
      if (slot.kind == SlotKind::constant)
        slot.details = static_cast<uint32_t>(reader_.offset() - entry.size());
    }
    return true;
  }

  bool parse_numbers(Slot& slot, uint64_t rows) {
    slot.range = static_cast<uint32_t>(head_.ranges.size());
    uint64_t low = reader_.varint(), range = reader_.varint(), high = 0;
    if (__builtin_add_overflow(low, range, &high)) return false;
    head_.ranges.push_back({low, high});
    uint8_t coding = reader_.u8();
    if (coding > static_cast<uint8_t>(NumberCoding::dictionary)) return false;
    slot.coding = static_cast<NumberCoding>(coding);
    switch (slot.coding) {
      case NumberCoding::frame:
        slot.width = reader_.u8();
        head_.body_bytes += packed_bytes(rows, slot.width);
        return slot.width == width_of(range);
      case NumberCoding::delta:
        slot.details = static_cast<uint32_t>(reader_.offset());
        reader_.varint();
        reader_.signed_varint();
        slot.width = reader_.u8();
        head_.body_bytes += packed_bytes(rows - 1, slot.width);
        return slot.width <= 64;
      case NumberCoding::dictionary: {
        uint64_t count = reader_.varint_up_to(kByteDictionaryMax);
        slot.details = static_cast<uint32_t>(reader_.offset());
        slot.entry_count = static_cast<uint16_t>(count);
        uint64_t value = 0;
        for (uint64_t i = 0; i < count; ++i) {
          if (__builtin_add_overflow(value, reader_.varint(), &value)) return false;
          if (value < low || value > high) return false;
        }
        slot.place = static_cast<uint32_t>(head_.ids_bytes);
        head_.ids_bytes += rows;
        return count > 0 && !reader_.failed();
      }
    }
    return false;
  }

  static uint16_t digit_count(uint64_t value) {
    uint16_t count = 1;
    while (value >= 10) {
      value /= 10;
      ++count;
    }
    return count;
  }

  MessageHead& head_;
  ByteReader reader_;
};

constexpr std::array<uint8_t, 256> kClassOfByte = [] {
  std::array<uint8_t, 256> classes{};
  for (int byte = 0; byte < 256; ++byte) {
    bool digit = byte >= '0' && byte <= '9', lower = byte >= 'a' && byte <= 'z';
    bool upper = byte >= 'A' && byte <= 'Z';
    classes[static_cast<size_t>(byte)] = digit                  ? kDigits
                                         : lower && byte <= 'f' ? kLowerHex
                                         : lower                ? kLowerOther
                                         : upper                ? kUpper
                                                                : kOther;
  }
  return classes;
}();

}  // namespace

uint8_t classes_of(std::string_view text) {
  uint8_t classes = 0;
  for (char c : text) classes |= kClassOfByte[static_cast<uint8_t>(c)];
  return classes;
}

Result<std::shared_ptr<const MessageHead>> MessageHead::parse(std::string_view plain) {
  auto head = std::make_shared<MessageHead>();
  head->byte_count = plain.size();
  head->bytes.reset(new char[plain.size() + 16]);
  std::memcpy(head->bytes.get(), plain.data(), plain.size());
  std::memset(head->bytes.get() + plain.size(), 0, 16);
  if (!HeadParser(*head, {head->bytes.get(), plain.size()}).parse())
    return make_error(ErrorCode::corrupt, "message block: head");
  head->templates.shrink_to_fit();
  head->slots.shrink_to_fit();
  head->ranges.shrink_to_fit();
  return std::shared_ptr<const MessageHead>(std::move(head));
}

std::vector<uint64_t> MessageHead::numbers_of(const Slot& slot) const {
  ByteReader reader = details_of(slot);
  if (slot.coding == NumberCoding::delta) {
    uint64_t first = reader.varint();
    return {first, static_cast<uint64_t>(reader.signed_varint())};
  }
  std::vector<uint64_t> numbers(slot.entry_count);
  uint64_t value = 0;
  for (uint64_t& number : numbers) number = value += reader.varint();
  return numbers;
}

size_t MessageHead::memory_bytes() const {
  return sizeof(*this) + templates.capacity() * sizeof(TemplateHead) + slots.capacity() * sizeof(Slot) +
         ranges.capacity() * sizeof(Range) + byte_count + 16;
}

}  // namespace obelisk::message
