#pragma once
// The numbers in a message coding's bytes, shared by its encoder and decoder. Format:
// docs/formats/event_part.md, "Message coding".
#include <cstddef>
#include <cstdint>

namespace obelisk::message {

// What the values of one variable (a slot of a template) are.
enum class SlotKind : uint8_t {
  constant = 0,    // one text for all rows
  number = 1,      // decimal digits: natural width, or one width for all rows with leading zeros kept
  clock = 2,       // hh:mm:ss as seconds after the record's time of day
  hex = 3,         // lower-case hexadecimal digits, one even length, as bytes
  uuid = 4,        // 16 bytes
  dictionary = 5,  // few distinct texts
  text = 6,        // anything else
};

// How the numbers of a slot of kind number or clock lie.
enum class NumberCoding : uint8_t {
  frame = 0,       // packed differences to the smallest
  delta = 1,       // packed differences of neighbours, less the smallest difference
  dictionary = 2,  // few distinct numbers: their entry's number, one byte each, in the id stream
};

// Template 0 of every message block is the one variable that is a whole line: lines that fit no template.
inline constexpr size_t kRawTemplate = 0;

// Rows of a chunk are at most 2^20; more templates than this do not pay their columns.
inline constexpr size_t kTemplatesMax = 4096;
inline constexpr size_t kSlotsMax = 1 << 16;
// Of the id stream: one byte an entry number.
inline constexpr size_t kByteDictionaryMax = 256;
inline constexpr size_t kTextDictionaryMax = 4096;
// Decimal numbers are read as 64 bits without a sign.
inline constexpr size_t kNumberDigitsMax = 19;
// Raw lines are cut into pages of at least this many bytes.
inline constexpr size_t kRawPageBytes = 128 << 10;

// Which bytes occur in a text.
enum CharacterClass : uint8_t { kDigits = 1, kLowerHex = 2, kLowerOther = 4, kUpper = 8, kOther = 16 };

}  // namespace obelisk::message
