#pragma once
// Address ranges of ip("..."): one address, a CIDR block, or `a-b`, in IPv4 or IPv6; and addresses found
// inside text. Immutable, safe from any thread.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace obelisk::logql {

struct IpAddress {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};  // network order; IPv4 in the first four
  bool operator==(const IpAddress&) const = default;
};
std::optional<IpAddress> parse_ip(std::string_view text);

class IpRange {
 public:
  // Error: ip: invalid pattern.
  static Result<IpRange> parse(std::string_view pattern);

  bool contains(const IpAddress& address) const;
  // Whether any address that stands in the text is inside.
  bool found_in(std::string_view text) const;

 private:
  IpAddress low_;
  IpAddress high_;
};

}  // namespace obelisk::logql
