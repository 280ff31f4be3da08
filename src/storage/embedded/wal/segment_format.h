#pragma once
// The bytes of a write-ahead log segment: a 64-byte header, then frames, each a 40-byte header and a payload,
// aligned to 8 bytes. Pure functions on bytes. Format: docs/formats/wal.md.
//
// A frame proves three things about itself: its checksum covers header and payload; its segment number tells
// it from a frame of the file's earlier life (segment files are recycled); `durable_through` says which
// frames were synced when it was written, so that a bad frame can be told from a torn tail: damage lies
// before something that was written later.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kFrameHeaderBytes = 40;
inline constexpr size_t kFrameAlignment = 8;
inline constexpr uint32_t kSegmentVersion = 1;
// A request larger than this is refused, so that recovery never trusts a larger length.
inline constexpr uint64_t kFramePayloadBytesMax = 512ull << 20;

struct SegmentHeader {
  uint64_t segment = 0;         // this segment's number: also in its file name
  uint64_t first_sequence = 0;  // of the first frame
  // The last sequence in the log when the segment was begun: where the segment before it ends. Less than
  // first_sequence - 1 when the log had lost its unsynced end and numbers were not given out twice.
  uint64_t follows = 0;
};

std::string encode_segment_header(const SegmentHeader& header);
// corrupt, or unsupported when the header is intact and of another version.
Result<SegmentHeader> parse_segment_header(std::string_view bytes);

struct Frame {
  uint64_t offset = 0;  // of its header in the segment
  uint64_t sequence = 0;
  uint64_t durable_through = 0;  // every frame up to this sequence was durable when this one was written
  std::string_view payload;
  uint64_t end() const;  // where the next frame begins
};

constexpr uint64_t frame_bytes(uint64_t payload_bytes) {
  return (kFrameHeaderBytes + payload_bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

// `payload_checksum` is checksum64(payload), computed where the payload was made.
void append_frame(std::string& out, uint64_t segment, uint64_t sequence, uint64_t durable_through,
                  std::string_view payload, uint64_t payload_checksum);
// The frame of `segment` that begins at `offset`, when a whole and undamaged one does.
std::optional<Frame> parse_frame(std::string_view segment_bytes, uint64_t offset, uint64_t segment);
// The first such frame at `offset` or later with a sequence of at least `sequence_min`.
std::optional<Frame> find_frame(std::string_view segment_bytes, uint64_t offset, uint64_t segment,
                                uint64_t sequence_min);

// "00000000000000a1.wal" and back; nullopt for other names.
std::string segment_file_name(uint64_t segment);
std::optional<uint64_t> segment_of_file_name(std::string_view name);

}  // namespace obelisk
