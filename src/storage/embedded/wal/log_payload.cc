// The payload of a frame: whose request it is and its batches.
#include <fmt/format.h>

#include "codec/byte_reader.h"
#include "codec/varint.h"
#include "plan/batch_codec.h"
#include "plan/sample_frame.h"
#include "storage/embedded/wal/write_ahead_log.h"

namespace obelisk {

void append_log_payload_head(const Tenant& tenant, size_t batch_count, std::string& out) {
  append_text(out, tenant);
  append_varint(out, batch_count);
}

std::string encode_log_payload(const Tenant& tenant, const std::vector<Batch>& batches) {
  std::string out;
  append_log_payload_head(tenant, batches.size(), out);
  // Kept by the thread: filling fresh memory costs more than what is written into it.
  constexpr size_t kKeptBytesMax = 8 << 20;
  thread_local std::string encoded;
  for (const Batch& batch : batches) {
    encoded.clear();
    // Not compressed: zstd -1 costs 3 s/GB, the disk takes the bytes at a fraction of that.
    encode_batch(batch, BatchCompression::none, encoded);
    out.reserve(out.size() + encoded.size() + 10);
    append_text(out, encoded);
  }
  if (encoded.capacity() > kKeptBytesMax) std::string().swap(encoded);
  return out;
}

Result<LogPayload> decode_log_payload(std::string_view payload) {
  ByteReader reader(payload);
  LogPayload result;
  result.tenant = std::string(reader.text());
  uint64_t count = reader.varint_up_to(reader.left());
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    std::string_view bytes = reader.text();
    (is_sample_frame(bytes) ? result.sample_frames : result.batches).push_back(bytes);
  }
  if (!reader.at_end())
    return make_error(ErrorCode::corrupt, fmt::format("log payload: wrong before byte {}", reader.offset()));
  return result;
}

}  // namespace obelisk
