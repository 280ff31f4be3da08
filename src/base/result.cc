#include "base/result.h"

#include <fmt/format.h>

namespace obelisk {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::parse_error:
      return "parse_error";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::execution:
      return "execution";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unauthenticated:
      return "unauthenticated";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::io:
      return "io";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Position position_of(std::string_view text, uint64_t offset) {
  Position position{offset, 1, 1};
  uint64_t end = offset < text.size() ? offset : text.size();
  for (uint64_t i = 0; i < end; ++i) {
    if (text[i] == '\n') {
      ++position.line;
      position.column = 1;
    } else {
      ++position.column;
    }
  }
  return position;
}

std::string Error::to_string() const {
  if (!position) return fmt::format("{}: {}", error_code_name(code), message);
  return fmt::format("{}: {} (line {}, column {})", error_code_name(code), message, position->line,
                     position->column);
}

Error Error::with_context(std::string_view context) const {
  return Error{code, fmt::format("{}: {}", context, message), position};
}

}  // namespace obelisk
