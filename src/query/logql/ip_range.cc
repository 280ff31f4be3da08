#include "query/logql/ip_range.h"

#include <arpa/inet.h>

#include <cstring>

#include "base/text.h"

namespace obelisk::logql {
namespace {

bool is_v4_character(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}
bool is_address_character(char c) {
  return is_v4_character(c) || c == ':' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The address with all bits behind the prefix set to `fill`.
IpAddress masked(IpAddress address, int prefix_bits, bool fill) {
  size_t size = address.is_v6 ? 16 : 4;
  for (size_t i = 0; i < size; ++i) {
    int kept = prefix_bits - static_cast<int>(i) * 8;
    uint8_t mask = kept >= 8 ? 0xFF : kept <= 0 ? 0 : static_cast<uint8_t>(0xFF << (8 - kept));
    address.bytes[i] =
        static_cast<uint8_t>((address.bytes[i] & mask) | (fill ? static_cast<uint8_t>(~mask) : 0));
  }
  return address;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  char buffer[INET6_ADDRSTRLEN + 1] = {};
  std::memcpy(buffer, text.data(), text.size());
  IpAddress address;
  address.is_v6 = text.find(':') != std::string_view::npos;
  if (inet_pton(address.is_v6 ? AF_INET6 : AF_INET, buffer, address.bytes.data()) != 1) return std::nullopt;
  return address;
}

Result<IpRange> IpRange::parse(std::string_view pattern) {
  auto invalid = [&] { return make_error(ErrorCode::parse_error, "ip: invalid pattern"); };
  IpRange range;
  if (size_t dash = pattern.find('-'); dash != std::string_view::npos) {
    std::optional<IpAddress> low = parse_ip(trim(pattern.substr(0, dash)));
    std::optional<IpAddress> high = parse_ip(trim(pattern.substr(dash + 1)));
    if (!low || !high || low->is_v6 != high->is_v6 || high->bytes < low->bytes) return invalid();
    range.low_ = *low;
    range.high_ = *high;
    return range;
  }
  size_t slash = pattern.find('/');
  std::optional<IpAddress> address = parse_ip(trim(pattern.substr(0, slash)));
  if (!address) return invalid();
  int bits = address->is_v6 ? 128 : 32;
  if (slash != std::string_view::npos) {
    std::optional<int64_t> prefix = parse_int64(trim(pattern.substr(slash + 1)));
    if (!prefix || *prefix < 0 || *prefix > bits) return invalid();
    bits = static_cast<int>(*prefix);
  }
  range.low_ = masked(*address, bits, false);
  range.high_ = masked(*address, bits, true);
  return range;
}

bool IpRange::contains(const IpAddress& address) const {
  return address.is_v6 == low_.is_v6 && low_.bytes <= address.bytes && address.bytes <= high_.bytes;
}

bool IpRange::found_in(std::string_view text) const {
  for (size_t i = 0; i < text.size();) {
    if (!is_address_character(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && is_address_character(text[end])) ++end;
    std::string_view run = text.substr(i, end - i);
    i = end;
    if (low_.is_v6) {
      while (!run.empty() && run.back() == '.') run.remove_suffix(1);
      if (std::optional<IpAddress> address = parse_ip(run); address && contains(*address)) return true;
      continue;
    }
    // IPv4 inside the run: 10.0.0.7:80 has a port, a.b.c.d may be followed by a full stop.
    for (size_t j = 0; j < run.size();) {
      if (!is_v4_character(run[j])) {
        ++j;
        continue;
      }
      size_t stop = j;
      while (stop < run.size() && is_v4_character(run[stop])) ++stop;
      std::string_view candidate = run.substr(j, stop - j);
      while (!candidate.empty() && candidate.back() == '.') candidate.remove_suffix(1);
      if (std::optional<IpAddress> address = parse_ip(candidate); address && contains(*address)) return true;
      j = stop;
    }
  }
  return false;
}

}  // namespace obelisk::logql
