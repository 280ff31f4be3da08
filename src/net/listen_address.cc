#include "net/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <optional>

#include "base/text.h"

namespace obelisk {

Result<ListenAddress> parse_listen_address(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return make_error(ErrorCode::invalid_argument, fmt::format("listen address \"{}\": {}", text, why));
  };
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("no port (expected address:port)");
  std::optional<uint64_t> port = parse_uint64(text.substr(colon + 1));
  if (!port || *port > UINT16_MAX) return bad("the port must be a number from 0 to 65535");
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) return bad("no address (127.0.0.1 for this machine only, 0.0.0.0 for every network)");
  in6_addr parsed;
  if (inet_pton(AF_INET, host.c_str(), &parsed) != 1 && inet_pton(AF_INET6, host.c_str(), &parsed) != 1)
    return bad("the address must be an IP address or localhost");
  return ListenAddress{std::move(host), static_cast<uint16_t>(*port)};
}

}  // namespace obelisk
