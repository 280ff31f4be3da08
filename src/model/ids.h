#pragma once
// Trace and span ids (W3C Trace Context level 1, section 3.2.2). All zero means "none".
#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace obelisk {

struct TraceId {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const TraceId&) const = default;
  bool is_none() const { return *this == TraceId{}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  std::string to_hex() const;
  // Exactly 16 bytes.
  static std::optional<TraceId> from_bytes(std::string_view raw);
  // 1 to 32 hexadecimal digits, left-padded with zeros as Tempo and Jaeger accept them.
  static std::optional<TraceId> from_hex(std::string_view text);
};

struct SpanId {
  uint64_t value = 0;  // the eight bytes read as a big-endian number
  auto operator<=>(const SpanId&) const = default;
  bool is_none() const { return value == 0; }
  std::string to_hex() const;
  std::string to_bytes() const;
  // Exactly 8 bytes.
  static std::optional<SpanId> from_bytes(std::string_view raw);
  static std::optional<SpanId> from_hex(std::string_view text);  // 1 to 16 digits
};

}  // namespace obelisk

template <>
struct std::hash<obelisk::TraceId> {
  size_t operator()(const obelisk::TraceId& id) const {
    uint64_t high = 0;
    uint64_t low = 0;
    std::memcpy(&high, id.bytes.data(), 8);
    std::memcpy(&low, id.bytes.data() + 8, 8);
    return (high * 0x9E3779B97F4A7C15u) ^
           low;  // ids are random already; this only guards against zero halves
  }
};
