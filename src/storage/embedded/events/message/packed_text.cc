#include "storage/embedded/events/message/packed_text.h"

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

// zstd frames below this size do not pay.
constexpr size_t kCompressBytesMin = 128;
// Of one text, decompressed: as much as a chunk may hold (column_chunk.h).
constexpr uint64_t kPlainBytesMax = 1ull << 30;

}  // namespace

void put_packed_text(std::string_view text, std::string& out) {
  std::string packed;
  if (text.size() >= kCompressBytesMin) zstd_compress(text, packed);
  bool pays = !packed.empty() && packed.size() < text.size() / 8 * 7;
  out.push_back(pays ? 1 : 0);
  append_text(out, pays ? std::string_view(packed) : text);
}

PackedText get_packed_text(ByteReader& reader, uint64_t plain_bytes) {
  PackedText packed;
  packed.compressed = reader.u8() != 0;
  packed.stored = reader.text();
  packed.plain_bytes = plain_bytes;
  return packed;
}

Result<std::string_view> open_packed_text(const PackedText& packed,
                                          std::vector<std::shared_ptr<const void>>& owners) {
  if (!packed.compressed) {
    if (packed.stored.size() == packed.plain_bytes) return packed.stored;
    return make_error(ErrorCode::corrupt, "packed text: wrong length");
  }
  if (packed.plain_bytes > kPlainBytesMax)
    return make_error(ErrorCode::corrupt, "packed text: more than a chunk may hold");
  std::shared_ptr<char[]> text(new char[packed.plain_bytes]);
  OBELISK_CHECK_OK(zstd_decompress(packed.stored, packed.plain_bytes, text.get()));
  owners.push_back(text);
  return std::string_view(text.get(), packed.plain_bytes);
}

}  // namespace obelisk
