#pragma once
// The parts of gRPC's protocol that sit on HTTP/2: status codes, length-prefixed messages, timeouts, and the
// encoding of status texts. Pure functions and one incremental parser; no I/O.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

enum class GrpcStatus : uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// The status that tells a gRPC client what an Error means: it retries unavailable and resource_exhausted.
GrpcStatus grpc_status_of(ErrorCode code);

// One flag byte (0) and the length, big endian: what precedes an uncompressed message.
std::string grpc_message_prefix(size_t message_bytes);

// "10S", "250m": the value of grpc-timeout in nanoseconds; nullopt when malformed (at most 8 digits and a
// unit).
std::optional<int64_t> parse_grpc_timeout(std::string_view text);

// Bytes outside the printable ASCII range, and '%', as %XX.
std::string encode_grpc_status_text(std::string_view text);

struct GrpcFrame {
  bool compressed = false;
  std::string bytes;
};

// Cuts a stream of bytes into messages. Memory follows what has arrived, not what a length prefix claims: at
// most kReserveBytesMax is reserved ahead.
class GrpcFrameParser {
 public:
  static constexpr size_t kReserveBytesMax = size_t{1} << 20;
  static constexpr size_t kMessagesMax =
      1024;  // an empty message costs more memory than its 5 bytes on the wire
  explicit GrpcFrameParser(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // Error too_large when a prefix claims more than the limit or there are too many messages, invalid_argument
  // on an unknown flag.
  Result<void> feed(std::string_view bytes);
  // True between messages: the end of the stream is allowed here.
  bool at_boundary() const { return prefix_bytes_ == 0; }
  std::vector<GrpcFrame> take_frames() { return std::move(frames_); }
  size_t frame_count() const { return frames_.size(); }

 private:
  size_t message_bytes_max_;
  unsigned char prefix_[5] = {};
  size_t prefix_bytes_ = 0;  // 5 while a message is being collected
  uint32_t length_ = 0;
  GrpcFrame current_;
  std::vector<GrpcFrame> frames_;
};

}  // namespace obelisk
