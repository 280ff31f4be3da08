#include "query/logql/regex_error.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace obelisk::logql {

std::string regex_error_text(std::string_view pattern, const Error& error) {
  // RE2's phrases and Go's for the same faults.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPhrases{{
      {"missing )", "missing closing )"},
      {"missing ]", "missing closing ]"},
      {"unexpected )", "unexpected )"},
      {"trailing \\", "trailing backslash at end of expression"},
      {"no argument for repetition operator", "missing argument to repetition operator"},
      {"bad repetition operator", "invalid nested repetition operator"},
  }};
  std::string reason = error.message;
  if (size_t at = reason.rfind("\": "); at != std::string::npos) reason.erase(0, at + 3);
  for (const auto& [ours, go] : kPhrases) {
    if (reason.starts_with(ours))
      return fmt::format("error parsing regexp: {}: `{}`", go, pattern.substr(0, 256));
  }
  return "error parsing regexp: " + reason;
}

}  // namespace obelisk::logql
