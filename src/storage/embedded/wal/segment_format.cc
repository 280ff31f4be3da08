#include "storage/embedded/wal/segment_format.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr std::string_view kSegmentMagic("OBLKWAL\n", 8);
constexpr uint32_t kFrameMark = 0x4d52464f;  // "OFRM" in the file
constexpr size_t kCheckedHeaderBytes = kFrameHeaderBytes - 8;

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  append_fixed<uint32_t>(out, kSegmentVersion);
  append_fixed<uint32_t>(out, kSegmentHeaderBytes);
  append_fixed(out, header.segment);
  append_fixed(out, header.first_sequence);
  append_fixed(out, header.follows);
  out.resize(kSegmentHeaderBytes - 8);
  append_fixed(out, checksum64(out));
  return out;
}

Result<SegmentHeader> parse_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) {
    return make_error(ErrorCode::corrupt, "not a write-ahead log segment");
  }
  ByteReader reader(bytes.substr(kSegmentMagic.size(), kSegmentHeaderBytes - kSegmentMagic.size()));
  uint32_t version = reader.u32();
  reader.u32();
  SegmentHeader header;
  header.segment = reader.u64();
  header.first_sequence = reader.u64();
  header.follows = reader.u64();
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + kSegmentHeaderBytes - 8, 8);
  if (checksum != checksum64(bytes.substr(0, kSegmentHeaderBytes - 8))) {
    return make_error(ErrorCode::corrupt, "checksum of the segment header");
  }
  if (version != kSegmentVersion) {
    return make_error(
        ErrorCode::unsupported,
        fmt::format("write-ahead log of format version {}, this server reads {}", version, kSegmentVersion));
  }
  return header;
}

uint64_t Frame::end() const {
  return offset + frame_bytes(payload.size());
}

void append_frame(std::string& out, uint64_t segment, uint64_t sequence, uint64_t durable_through,
                  std::string_view payload, uint64_t payload_checksum) {
  OBELISK_ASSERT(payload.size() <= kFramePayloadBytesMax);
  size_t start = out.size();
  append_fixed(out, kFrameMark);
  append_fixed(out, static_cast<uint32_t>(payload.size()));
  append_fixed(out, sequence);
  append_fixed(out, durable_through);
  append_fixed(out, segment);
  append_fixed(out, checksum64(std::string_view(out).substr(start, kCheckedHeaderBytes), payload_checksum));
  out.append(payload);
  out.resize(start + frame_bytes(payload.size()));
}

std::optional<Frame> parse_frame(std::string_view segment_bytes, uint64_t offset, uint64_t segment) {
  if (offset > segment_bytes.size() || segment_bytes.size() - offset < kFrameHeaderBytes) return std::nullopt;
  std::string_view header = segment_bytes.substr(offset, kFrameHeaderBytes);
  ByteReader reader(header);
  if (reader.u32() != kFrameMark) return std::nullopt;
  uint64_t length = reader.u32();
  Frame frame;
  frame.offset = offset;
  frame.sequence = reader.u64();
  frame.durable_through = reader.u64();
  if (reader.u64() != segment) return std::nullopt;
  uint64_t checksum = reader.u64();
  if (length > segment_bytes.size() - offset - kFrameHeaderBytes) return std::nullopt;
  frame.payload = segment_bytes.substr(offset + kFrameHeaderBytes, length);
  if (checksum64(header.substr(0, kCheckedHeaderBytes), checksum64(frame.payload)) != checksum)
    return std::nullopt;
  return frame;
}

std::optional<Frame> find_frame(std::string_view segment_bytes, uint64_t offset, uint64_t segment,
                                uint64_t sequence_min) {
  for (; offset + kFrameHeaderBytes <= segment_bytes.size(); offset += kFrameAlignment) {
    uint32_t mark = 0;
    std::memcpy(&mark, segment_bytes.data() + offset, sizeof mark);
    if (mark != kFrameMark) continue;
    if (auto frame = parse_frame(segment_bytes, offset, segment); frame && frame->sequence >= sequence_min)
      return frame;
  }
  return std::nullopt;
}

std::string segment_file_name(uint64_t segment) {
  return fmt::format("{:016x}.wal", segment);
}

std::optional<uint64_t> segment_of_file_name(std::string_view name) {
  if (name.size() != 20 || !name.ends_with(".wal")) return std::nullopt;
  uint64_t segment = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + 16, segment, 16);
  if (error != std::errc() || end != name.data() + 16) return std::nullopt;
  return segment;
}

}  // namespace obelisk
