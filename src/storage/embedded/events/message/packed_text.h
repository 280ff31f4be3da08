#pragma once
// Bytes that may be compressed: u8 whether they are, their stored length, the bytes. The plain length is
// known from elsewhere. Used by every coding of text in event parts.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

void put_packed_text(std::string_view text, std::string& out);

// Where it is and how, to be read when it is needed.
struct PackedText {
  bool compressed = false;
  std::string_view stored;
  uint64_t plain_bytes = 0;
};
// The reader fails when the bytes end early.
PackedText get_packed_text(class ByteReader& reader, uint64_t plain_bytes);
// A view of the stored bytes, or of decompressed ones that are added to `owners`.
Result<std::string_view> open_packed_text(const PackedText& packed,
                                          std::vector<std::shared_ptr<const void>>& owners);

}  // namespace obelisk
