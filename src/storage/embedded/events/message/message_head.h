#pragma once
// What a message block says of its texts without its columns: the templates, how many rows each has, and for
// every variable its kind, range, lengths and dictionary. Small (a few hundred bytes a template), so parts
// keep it in memory and searches look here first. Immutable once parsed; any thread.
//
// Invariants (checked when parsed): as many slots as the skeletons have markers; the offsets of slots lie one
// after the other and end at body_bytes and ids_bytes; every template has a row.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/embedded/events/message/message_format.h"

namespace obelisk::message {

struct Slot {
  SlotKind kind = SlotKind::constant;
  NumberCoding coding = NumberCoding::frame;
  uint8_t digits = 0;        // number: 0 natural width, else the width; hex: how many
  uint8_t width = 0;         // bits of a packed number, length or entry number
  uint8_t classes = 0;       // text: CharacterClass bits
  uint32_t first_entry = 0;  // constant and dictionary: into entries; number dictionaries: into numbers
  uint32_t entry_count = 0;
  uint32_t length_min = 0;  // of the text
  uint32_t length_max = 0;
  uint64_t low = 0;  // number and clock
  uint64_t high = 0;
  uint64_t first = 0;  // delta
  int64_t delta_low = 0;
  uint64_t body = 0;  // where its bytes begin in the body
  uint64_t ids = 0;   // and in the id stream
};

struct TemplateHead {
  std::string_view skeleton;
  uint32_t row_count = 0;
  uint32_t first_slot = 0;
  uint32_t slot_count = 0;
  uint32_t length_max = 0;     // of a text of this template
  uint64_t skeleton_hash = 0;  // seeded anew by every process
};

struct MessageHead {
  bool clocks_relative = false;
  std::vector<TemplateHead> templates;  // number 0, the raw lines, has no skeleton
  std::vector<Slot> slots;
  std::vector<std::string_view> entries;
  std::vector<uint64_t> numbers;
  uint64_t templated_rows = 0;
  uint64_t body_bytes = 0;
  uint64_t ids_bytes = 0;
  uint64_t text_slots = 0;  // slots of kind text: their bytes follow one another in the text stream
  // What the views point into; 16 bytes longer than needed, so that short pieces may be copied 16 bytes at a
  // time.
  std::unique_ptr<char[]> bytes;
  size_t byte_count = 0;

  size_t memory_bytes() const;

  static Result<std::shared_ptr<const MessageHead>> parse(std::string_view plain);
};

}  // namespace obelisk::message
