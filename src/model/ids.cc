#include "model/ids.h"

#include "base/text.h"
#include "model/id_hex.h"

namespace obelisk {
namespace {

std::optional<std::string> padded_from_hex(std::string_view text, size_t digits) {
  if (text.empty() || text.size() > digits) return std::nullopt;
  return from_hex(std::string(digits - text.size(), '0') + std::string(text));
}

}  // namespace

std::string TraceId::to_hex() const {
  return obelisk::to_hex(view());
}

std::optional<TraceId> TraceId::from_bytes(std::string_view raw) {
  if (raw.size() != 16) return std::nullopt;
  TraceId id;
  std::memcpy(id.bytes.data(), raw.data(), 16);
  return id;
}

std::optional<TraceId> TraceId::from_hex(std::string_view text) {
  if (text.empty() || text.size() > 32) return std::nullopt;
  TraceId id;  // one of every record that is ingested: no strings on the way
  if (text.size() == 32) return get_hex(text.data(), id) ? std::optional<TraceId>(id) : std::nullopt;
  size_t at = 32 - text.size();
  for (char c : text) {
    uint8_t lower = static_cast<uint8_t>(c) | 0x20;
    unsigned digit = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : lower - 'a' + 10u;
    if ((c < '0' || c > '9') && (lower < 'a' || lower > 'f')) return std::nullopt;
    id.bytes[at / 2] = static_cast<uint8_t>(id.bytes[at / 2] | digit << (at % 2 == 0 ? 4 : 0));
    ++at;
  }
  return id;
}

std::string SpanId::to_bytes() const {
  std::string raw(8, '\0');
  for (int i = 0; i < 8; ++i) raw[static_cast<size_t>(i)] = static_cast<char>(value >> (56 - 8 * i));
  return raw;
}

std::string SpanId::to_hex() const {
  return obelisk::to_hex(to_bytes());
}

std::optional<SpanId> SpanId::from_bytes(std::string_view raw) {
  if (raw.size() != 8) return std::nullopt;
  SpanId id;
  std::memcpy(&id.value, raw.data(), 8);
  id.value = __builtin_bswap64(id.value);
  return id;
}

std::optional<SpanId> SpanId::from_hex(std::string_view text) {
  std::optional<std::string> raw = padded_from_hex(text, 16);
  return raw ? from_bytes(*raw) : std::nullopt;
}

}  // namespace obelisk
