#pragma once
// An address to listen on, as configuration writes it. Pure function.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

struct ListenAddress {
  std::string host;  // an IPv4 or IPv6 address, without brackets
  uint16_t port = 0;
};

// "127.0.0.1:4319", "[::1]:0", "localhost:4319" (the IPv4 loopback).
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace obelisk
