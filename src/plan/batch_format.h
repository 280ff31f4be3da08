#pragma once
// Numbers of the batch format that writer and reader share. docs/formats/wal.md, "Batch".
#include <cstddef>
#include <cstdint>

namespace obelisk::batch_format {

inline constexpr uint8_t kVersion = 3;
inline constexpr uint8_t kFlagZstd = 1;

enum Coding : uint8_t {
  kRaw = 0,         // 8 or 16 bytes a value; booleans as bits; texts: their lengths, then their bytes
  kFrame = 1,       // integers: the smallest, then the differences to it
  kDelta = 2,       // integers: the first, the smallest step, then the differences of the steps to it
  kConstant = 3,    // doubles: one value
  kDictionary = 4,  // texts and trace ids: entries, then their numbers
};

inline constexpr size_t kDictionaryEntriesMax = 1 << 16;

}  // namespace obelisk::batch_format
