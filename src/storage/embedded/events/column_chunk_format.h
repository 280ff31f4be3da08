#pragma once
// The numbers in a column chunk's bytes, shared by its encoder and decoder. docs/formats/event_part.md,
// "Column chunk".
#include <cstddef>
#include <cstdint>

namespace obelisk::chunk_format {

enum Presence : uint8_t { kAll = 0, kBitmap = 1, kPositions = 2 };
enum Coding : uint8_t {
  kIntegers = 0,
  kRawIds = 1,
  kIdRuns = 2,
  kDictionary = 3,
  kText = 4,
  kMessage = 5,
  kIdText = 6,
  kParentRows = 7
};

// A dictionary larger than this is slower to build and search than text.
inline constexpr size_t kDictionaryEntriesMax = 1 << 16;

}  // namespace obelisk::chunk_format
