#include "query/logql/line_regex.h"

#include "query/logql/lexer.h"
#include "query/logql/regex_error.h"

namespace obelisk::logql {

Result<std::shared_ptr<const Regex>> compile_line_regex(std::string_view pattern) {
  std::string go_form;
  // Regex lets `.` match line ends. Only a pattern with a dot can tell; others stay as they are, so that
  // Regex can recognise literals.
  if (pattern.find('.') != std::string_view::npos) go_form = "(?-s)";
  for (size_t i = 0; i < pattern.size(); ++i) {
    std::string_view rest = pattern.substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      go_form += rest.substr(0, 2);
      ++i;
    } else if (rest.starts_with("(?<") && rest.size() > 3 && rest[3] != '=' && rest[3] != '!') {
      go_form += "(?P<";
      i += 2;
    } else {
      go_form += rest[0];
    }
  }
  Result<std::shared_ptr<const Regex>> regex = Regex::compile(go_form, Regex::Mode::searching);
  if (!regex.ok()) return parse_error(regex_error_text(pattern, regex.error()));
  return regex;
}

}  // namespace obelisk::logql
