#pragma once
// What a message block says of its texts without its columns: the templates, how many rows each has, and for
// every variable its kind, range, lengths and dictionary. Small (a few hundred bytes a template), so parts
// keep it in memory and searches look here first. Immutable once parsed; any thread.
//
// Invariants (checked when parsed): as many slots as the skeletons have markers; the offsets of slots lie one
// after the other and end at body_bytes and ids_bytes (below 4 GiB); every template has a row.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/byte_reader.h"
#include "storage/embedded/events/message/message_format.h"

namespace obelisk::message {

// The CharacterClass bits of a text.
uint8_t classes_of(std::string_view text);

// A busy head has thousands of them, so they are kept small.
struct Slot {
  SlotKind kind = SlotKind::constant;
  NumberCoding coding = NumberCoding::frame;
  uint8_t digits = 0;   // number: 0 natural width, else the width; hex: how many
  uint8_t width = 0;    // bits of a packed number, length or entry number
  uint8_t classes = 0;  // CharacterClass bits of all its texts
  uint16_t entry_count = 0;
  uint16_t length_min = 0;  // of the text
  uint16_t length_max = 0;  // at most twice kTemplateLineBytesMax
  uint32_t details = 0;     // where in the head's bytes lie: the text of a constant, the texts or numbers of
                            // a dictionary, the first value and smallest difference of a delta
  uint32_t place = 0;       // where its bytes begin: in the id stream, when it is a dictionary of at most
                            // kByteDictionaryMax entries; else in the body
  uint32_t range = 0;       // number and clock: into ranges
};

struct TemplateHead {
  std::string_view skeleton;
  uint32_t row_count = 0;
  uint32_t first_slot = 0;
  uint32_t slot_count = 0;
  uint32_t length_max = 0;       // of a text of this template
  uint16_t slot_length_max = 0;  // of a text of one variable
  uint8_t slot_classes = 0;      // CharacterClass bits of all variables
  bool is_odd = false;           // a variable is not what its marker says (tokenizer.h)
  uint64_t skeleton_hash = 0;    // seeded anew by every process
};

struct MessageHead {
  bool clocks_relative = false;
  std::vector<TemplateHead> templates;  // number 0, the raw lines, has no skeleton
  std::vector<Slot> slots;
  // Of numbers and clocks: the smallest and the largest.
  struct Range {
    uint64_t low = 0;
    uint64_t high = 0;
  };
  std::vector<Range> ranges;
  uint64_t templated_rows = 0;
  uint64_t body_bytes = 0;
  uint64_t digit_bytes = 0;  // of them, at the end: the bytes of hexadecimal digits and UUIDs
  uint64_t ids_bytes = 0;
  uint64_t text_slots = 0;  // slots of kind text: their bytes follow one another in the text stream
  // What the views point into; 16 bytes longer than needed, so that short pieces may be copied 16 bytes at a
  // time.
  std::unique_ptr<char[]> bytes;
  size_t byte_count = 0;

  const Range& range_of(const Slot& slot) const { return ranges[slot.range]; }
  std::string_view constant_text(const Slot& slot) const {
    return {bytes.get() + slot.details, slot.length_max};
  }
  // The texts of a dictionary, in order: visit(text) goes on while it returns true.
  template <typename Visit>
  void for_each_entry(const Slot& slot, Visit&& visit) const {
    ByteReader reader = details_of(slot);
    for (uint32_t i = 0; i < slot.entry_count; ++i) {
      if (!visit(reader.text())) return;
    }
  }
  // A dictionary of numbers: all of them. A delta: the first value and the smallest difference.
  std::vector<uint64_t> numbers_of(const Slot& slot) const;
  size_t memory_bytes() const;

  static Result<std::shared_ptr<const MessageHead>> parse(std::string_view plain);

 private:
  ByteReader details_of(const Slot& slot) const {
    return ByteReader(std::string_view(bytes.get(), byte_count).substr(slot.details));
  }
};

}  // namespace obelisk::message
