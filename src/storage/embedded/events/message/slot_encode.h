#pragma once
// One variable of one template: its values in all rows, coded. Pure.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/embedded/events/message/message_format.h"

namespace obelisk::message {

// Where a slot's pieces go. The head describes the slot, the body holds packed bits and bytes that are read
// one by one without decompression, the two streams are compressed as wholes.
struct SlotStreams {
  std::string head;
  std::string ids;
  std::string text;
  std::string body;
};

// Values lie `stride` apart, so that the rows of a template need not be turned into columns first.
struct SlotValues {
  const uint64_t* packed = nullptr;  // pack_value() of the first
  size_t stride = 1;
  size_t count = 0;

  std::string_view operator[](size_t index) const {
    uint64_t value = packed[index * stride];
    return {reinterpret_cast<const char*>(value & ((uint64_t{1} << 48) - 1)), value >> 48};
  }
};
// A text of at most 65,535 bytes as one word: addresses of user space have 47 bits on x86-64.
inline uint64_t pack_value(const char* text, size_t length) {
  return reinterpret_cast<uint64_t>(text) | static_cast<uint64_t>(length) << 48;
}

void encode_word_slot(const SlotValues& values, SlotStreams& out);
void encode_uuid_slot(const SlotValues& values, SlotStreams& out);
// `offsets`: seconds after the record's time of day, 0 to 86,399.
void encode_clock_slot(std::span<const uint64_t> offsets, SlotStreams& out);

}  // namespace obelisk::message
