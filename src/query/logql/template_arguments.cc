#include "query/logql/template_arguments.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"

namespace obelisk::logql::template_arguments {

using Kind = TemplateValue::Kind;

Error failed(std::string message) {
  return make_error(ErrorCode::execution, std::move(message));
}

Result<std::string_view> text_at(TemplateArguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::text) return std::string_view(arguments[i].text());
  return failed(fmt::format("wrong type for value; expected string; got {}", arguments[i].type_name()));
}

Result<int64_t> integer_at(TemplateArguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::integer) return arguments[i].integer();
  return failed(fmt::format("wrong type for value; expected int; got {}", arguments[i].type_name()));
}

int64_t to_integer(const TemplateValue& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Kind::integer:
      return value.integer();
    case Kind::real:
      if (!(std::fabs(value.real()) < 9.2e18)) return 0;
      return static_cast<int64_t>(value.real());
    case Kind::text: {
      std::string_view text = value.text();
      if (size_t point = text.find('.'); point != std::string_view::npos &&
                                         text.find_first_not_of('0', point + 1) == std::string_view::npos) {
        text = text.substr(0, point);
      }
      return parse_int64(text).value_or(0);
    }
    default:
      return 0;
  }
}

double to_real(const TemplateValue& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Kind::integer:
      return static_cast<double>(value.integer());
    case Kind::real:
      return value.real();
    case Kind::text:
      return parse_float(value.text()).value_or(0);
    default:
      return 0;
  }
}

}  // namespace obelisk::logql::template_arguments
