#include "net/grpc_framing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"

namespace obelisk {

GrpcStatus grpc_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::parse_error:
    case ErrorCode::corrupt:
      return GrpcStatus::invalid_argument;
    case ErrorCode::unsupported:
      return GrpcStatus::unimplemented;
    case ErrorCode::execution:
      return GrpcStatus::failed_precondition;
    case ErrorCode::not_found:
      return GrpcStatus::not_found;
    case ErrorCode::too_large:
      return GrpcStatus::invalid_argument;
    case ErrorCode::unauthenticated:
      return GrpcStatus::unauthenticated;
    case ErrorCode::cancelled:
      return GrpcStatus::cancelled;
    case ErrorCode::timeout:
      return GrpcStatus::deadline_exceeded;
    case ErrorCode::overloaded:
      return GrpcStatus::unavailable;
    case ErrorCode::no_space:
      return GrpcStatus::unavailable;
    case ErrorCode::unavailable:
      return GrpcStatus::unavailable;
    case ErrorCode::io:
    case ErrorCode::internal:
      return GrpcStatus::internal;
  }
  return GrpcStatus::internal;
}

std::string grpc_message_prefix(size_t message_bytes) {
  OBELISK_ASSERT(message_bytes <= UINT32_MAX);
  auto length = static_cast<uint32_t>(message_bytes);
  std::string prefix(5, '\0');
  for (int i = 0; i < 4; ++i) prefix[1 + i] = static_cast<char>(length >> (24 - 8 * i));
  return prefix;
}

std::optional<int64_t> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::optional<uint64_t> amount = parse_uint64(text.substr(0, text.size() - 1));
  if (!amount) return std::nullopt;
  auto count = static_cast<int64_t>(*amount);  // at most 8 digits
  switch (text.back()) {
    case 'n':
      return count;
    case 'u':
      return count * 1'000;
    case 'm':
      return count * kNanosPerMilli;
    case 'S':
      return count * kNanosPerSecond;
    case 'M':
      return count * 60 * kNanosPerSecond;
    // 99,999,999 hours overflow 64-bit nanoseconds; ten years are as good as no deadline.
    case 'H':
      return std::min<int64_t>(count, 24 * 3650) * 3600 * kNanosPerSecond;
    default:
      return std::nullopt;
  }
}

std::string encode_grpc_status_text(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      encoded.push_back(c);
    } else {
      auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

Result<void> GrpcFrameParser::feed(std::string_view bytes) {
  for (;;) {
    while (prefix_bytes_ < 5 && !bytes.empty()) {
      prefix_[prefix_bytes_++] = static_cast<unsigned char>(bytes[0]);
      bytes.remove_prefix(1);
      if (prefix_bytes_ < 5) continue;
      if (prefix_[0] > 1)
        return make_error(ErrorCode::invalid_argument,
                          fmt::format("unknown gRPC message flag {}", prefix_[0]));
      length_ =
          uint32_t{prefix_[1]} << 24 | uint32_t{prefix_[2]} << 16 | uint32_t{prefix_[3]} << 8 | prefix_[4];
      if (length_ > message_bytes_max_)
        return make_error(ErrorCode::too_large,
                          fmt::format("gRPC message of {} bytes is over the limit of {} bytes", length_,
                                      message_bytes_max_));
      current_.compressed = prefix_[0] == 1;
      current_.bytes.reserve(std::min<size_t>(length_, kReserveBytesMax));
    }
    if (prefix_bytes_ < 5) return {};
    size_t take = std::min<size_t>(bytes.size(), length_ - current_.bytes.size());
    current_.bytes.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (current_.bytes.size() < length_) return {};
    if (frames_.size() == kMessagesMax)
      return make_error(ErrorCode::too_large,
                        fmt::format("more than {} messages in one gRPC request", kMessagesMax));
    frames_.push_back(std::exchange(current_, {}));
    prefix_bytes_ = 0;
  }
}

}  // namespace obelisk
