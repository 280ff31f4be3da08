#include "storage/embedded/events/message/message_head.h"

#include <algorithm>
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
    return reader_.at_end();
  }

 private:
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
      Slot slot;
      slot.body = head_.body_bytes;
      slot.ids = head_.ids_bytes;
      if (!parse_slot(slot, one.row_count)) return false;
      length += slot.length_max;
      head_.slots.push_back(slot);
    }
    one.slot_count = static_cast<uint32_t>(head_.slots.size()) - one.first_slot;
    one.length_max = static_cast<uint32_t>(std::min<uint64_t>(length, UINT32_MAX));
    return length < (1u << 30) && !reader_.failed();
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
        slot.length_min = slot.digits != 0 ? slot.digits : digit_count(slot.low);
        // A damaged value may be longer than its column's width.
        slot.length_max = slot.digits != 0 ? 20 : digit_count(slot.high);
        return true;
      case SlotKind::clock:
        slot.length_min = slot.length_max = 8;
        return parse_numbers(slot, rows) && slot.high < 86'400;
      case SlotKind::hex:
        slot.digits = reader_.u8();
        if (slot.digits == 0 || slot.digits > 128 || slot.digits % 2 != 0) return false;
        slot.length_min = slot.length_max = slot.digits;
        head_.body_bytes += rows * slot.digits / 2;
        return true;
      case SlotKind::uuid:
        slot.length_min = slot.length_max = 36;
        head_.body_bytes += rows * 16;
        return true;
      case SlotKind::dictionary: {
        uint64_t count = reader_.varint_up_to(kTextDictionaryMax);
        if (count == 0 || !parse_entries(slot, count)) return false;
        if (count <= kByteDictionaryMax) {
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
        slot.length_min = static_cast<uint32_t>(low);
        slot.length_max = static_cast<uint32_t>(low + range);
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
    slot.first_entry = static_cast<uint32_t>(head_.entries.size());
    slot.entry_count = static_cast<uint32_t>(count);
    slot.length_min = UINT32_MAX;
    for (uint64_t i = 0; i < count; ++i) {
      std::string_view entry = reader_.text();
      if (reader_.failed() || entry.size() > kTemplateLineBytesMax) return false;
      slot.length_min = std::min(slot.length_min, static_cast<uint32_t>(entry.size()));
      slot.length_max = std::max(slot.length_max, static_cast<uint32_t>(entry.size()));
      head_.entries.push_back(entry);
    }
    return true;
  }

  bool parse_numbers(Slot& slot, uint64_t rows) {
    slot.low = reader_.varint();
    uint64_t range = reader_.varint();
    if (__builtin_add_overflow(slot.low, range, &slot.high)) return false;
    uint8_t coding = reader_.u8();
    if (coding > static_cast<uint8_t>(NumberCoding::dictionary)) return false;
    slot.coding = static_cast<NumberCoding>(coding);
    switch (slot.coding) {
      case NumberCoding::frame:
        slot.width = reader_.u8();
        head_.body_bytes += packed_bytes(rows, slot.width);
        return slot.width == width_of(range);
      case NumberCoding::delta:
        slot.first = reader_.varint();
        slot.delta_low = reader_.signed_varint();
        slot.width = reader_.u8();
        head_.body_bytes += packed_bytes(rows - 1, slot.width);
        return slot.width <= 64;
      case NumberCoding::dictionary: {
        uint64_t count = reader_.varint_up_to(kByteDictionaryMax);
        slot.first_entry = static_cast<uint32_t>(head_.numbers.size());
        slot.entry_count = static_cast<uint32_t>(count);
        uint64_t value = 0;
        for (uint64_t i = 0; i < count; ++i) {
          if (__builtin_add_overflow(value, reader_.varint(), &value)) return false;
          if (value < slot.low || value > slot.high) return false;
          head_.numbers.push_back(value);
        }
        head_.ids_bytes += rows;
        return count > 0 && !reader_.failed();
      }
    }
    return false;
  }

  static uint32_t digit_count(uint64_t value) {
    uint32_t count = 1;
    while (value >= 10) {
      value /= 10;
      ++count;
    }
    return count;
  }

  MessageHead& head_;
  ByteReader reader_;
};

}  // namespace

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
  head->entries.shrink_to_fit();
  return std::shared_ptr<const MessageHead>(std::move(head));
}

size_t MessageHead::memory_bytes() const {
  return sizeof(*this) + templates.capacity() * sizeof(TemplateHead) + slots.capacity() * sizeof(Slot) +
         entries.capacity() * sizeof(std::string_view) + numbers.capacity() * 8 + byte_count + 16;
}

}  // namespace obelisk::message
