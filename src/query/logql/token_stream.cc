#include "query/logql/token_stream.h"

#include <fmt/format.h>

#include "base/text.h"
#include "query/logql/literals.h"

namespace obelisk::logql {

Error TokenStream::unexpected(std::initializer_list<std::string_view> expecting) const {
  std::string message = "syntax error: unexpected " + token_name(peek());
  std::string_view joint = ", expecting ";
  for (std::string_view name : expecting) {
    message += joint;
    message += name;
    joint = " or ";
  }
  return failure(message);
}

Result<void> TokenStream::expect_symbol(std::string_view text) {
  if (!take_symbol(text)) return unexpected({text});
  return {};
}

Result<std::string> TokenStream::expect_string() {
  if (!is(TokenKind::string)) return unexpected({"STRING"});
  return take().text;
}

Result<std::string> TokenStream::expect_name() {
  if (!is_name()) return unexpected({"IDENTIFIER"});
  return take().text;
}

Result<double> TokenStream::expect_number() {
  bool negative = is_symbol("-");
  if (negative || is_symbol("+")) take();
  if (!is(TokenKind::number)) return unexpected({"NUMBER"});
  OBELISK_TRY(double value, literal_number(take().text));
  return negative ? -value : value;
}

Result<void> TokenStream::enter() {
  if (++depth_ > kDepthMax) return failure(fmt::format("nested more than {} deep", kDepthMax));
  return {};
}

Result<double> literal_number(std::string_view text) {
  Result<double> value = parse_number_value(text);
  if (value.ok()) return value;
  return parse_error("unable to parse literal as a float: " + value.error().message);
}

}  // namespace obelisk::logql
