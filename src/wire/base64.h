#pragma once
// Base64 (RFC 4648). Encoding pads; decoding takes the standard and the URL alphabet, with or without
// padding, as protobuf's JSON mapping asks of readers. Pure functions.
#include <optional>
#include <string>
#include <string_view>

namespace obelisk {

std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace obelisk
