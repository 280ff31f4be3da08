#pragma once
// One variable of one template: its values in all rows, coded. Pure; buffers are kept by the thread.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/embedded/events/message/message_format.h"
#include "storage/embedded/events/message/token_value.h"

namespace obelisk::message {

// Where a slot's pieces go. The head describes the slot, the body holds packed bits and bytes that are read
// one by one without decompression, the two streams are compressed as wholes; the bytes of hexadecimal digits
// and UUIDs are, too, where they repeat.
struct SlotStreams {
  std::string head;
  std::string ids;
  std::string text;
  std::string body;
  std::string bytes;

  void clear() {
    head.clear();
    ids.clear();
    text.clear();
    body.clear();
    bytes.clear();
  }
};

void encode_word_slot(std::span<const TokenValue> values, SlotStreams& out);
void encode_uuid_slot(std::span<const TokenValue> values, SlotStreams& out);
// `offsets`: seconds after the record's time of day, 0 to 86,399.
void encode_clock_slot(std::span<const uint64_t> offsets, SlotStreams& out);

}  // namespace obelisk::message
