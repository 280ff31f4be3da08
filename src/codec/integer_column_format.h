#pragma once
// The numbers in an integer column's bytes, shared by its encoder and decoders. docs/formats/event_part.md,
// "Integer column".
#include <cstddef>
#include <cstdint>

namespace obelisk::integer_column_format {

enum Coding : uint8_t {
  kConstant = 0,
  kFrame = 1,
  kDelta = 2,
  kDictionary = 3,
  kPatched = 4,
  kRuns = 5,
  kCodes = 6
};
inline constexpr size_t kPatchedBlock = 128;
inline constexpr size_t kDictionaryEntriesMax = 4096;

}  // namespace obelisk::integer_column_format
