#include <fmt/format.h>

#include "base/json_writer.h"
#include "query/core/go_printf.h"
#include "query/core/go_template.h"
#include "query/core/query_escape.h"
#include "query/core/utf8_runes.h"

namespace obelisk {
namespace {

using Kind = TemplateValue::Kind;
using Value = Result<TemplateValue>;

Error failed(std::string message) {
  return make_error(ErrorCode::execution, std::move(message));
}

Value equals_any(TemplateArguments arguments, const TemplateScope&) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    OBELISK_TRY(bool same, template_equal(arguments[0], arguments[i]));
    if (same) return TemplateValue(true);
  }
  return TemplateValue(false);
}

Value not_equal(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(bool same, template_equal(arguments[0], arguments[1]));
  return TemplateValue(!same);
}

Value length(TemplateArguments arguments, const TemplateScope&) {
  const TemplateValue& value = arguments[0];
  switch (value.kind()) {
    case Kind::text:
      return TemplateValue(static_cast<int64_t>(value.text().size()));
    case Kind::list:
      return TemplateValue(static_cast<int64_t>(value.list().size()));
    case Kind::map:
      return TemplateValue(static_cast<int64_t>(value.map().size()));
    case Kind::object:
      return TemplateValue(static_cast<int64_t>(value.object().all().size()));
    default:
      return failed("len of type " + std::string(value.type_name()));
  }
}

Value index_one(const TemplateValue& value, const TemplateValue& key) {
  if (value.kind() == Kind::list || value.kind() == Kind::text) {
    if (key.kind() != Kind::integer)
      return failed("cannot index slice/array with type " + std::string(key.type_name()));
    size_t size = value.kind() == Kind::list ? value.list().size() : value.text().size();
    if (key.integer() < 0 || static_cast<uint64_t>(key.integer()) >= size) {
      return failed(fmt::format("index out of range: {}", key.integer()));
    }
    size_t at = static_cast<size_t>(key.integer());
    if (value.kind() == Kind::list) return value.list()[at];
    return TemplateValue(static_cast<int64_t>(static_cast<unsigned char>(value.text()[at])));
  }
  if (value.kind() == Kind::map || value.kind() == Kind::object) {
    if (key.kind() != Kind::text)
      return failed("value has type " + std::string(key.type_name()) + "; should be string");
    if (value.kind() == Kind::object) {
      std::optional<TemplateValue> found = value.object().field(key.text());
      return found ? std::move(*found) : value.object().missing();
    }
    auto found = value.map().find(key.text());
    return found == value.map().end() ? TemplateValue() : found->second;
  }
  if (value.is_nil()) return failed("index of untyped nil");
  return failed("can't index item of type " + std::string(value.type_name()));
}

Value index(TemplateArguments arguments, const TemplateScope&) {
  TemplateValue value = arguments[0];
  for (size_t i = 1; i < arguments.size(); ++i) {
    OBELISK_TRY(value, index_one(value, arguments[i]));
  }
  return value;
}

Value slice(TemplateArguments arguments, const TemplateScope&) {
  const TemplateValue& value = arguments[0];
  if (value.kind() != Kind::text && value.kind() != Kind::list) {
    return failed("can't slice item of type " + std::string(value.type_name()));
  }
  size_t size = value.kind() == Kind::text ? value.text().size() : value.list().size();
  size_t bounds[2] = {0, size};
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i].kind() != Kind::integer || arguments[i].integer() < 0 ||
        static_cast<uint64_t>(arguments[i].integer()) > size) {
      return failed("index out of range: " + arguments[i].to_text());
    }
    bounds[i - 1] = static_cast<size_t>(arguments[i].integer());
  }
  if (bounds[0] > bounds[1]) return failed(fmt::format("invalid slice index: {} > {}", bounds[0], bounds[1]));
  if (value.kind() == Kind::text) return TemplateValue(value.text().substr(bounds[0], bounds[1] - bounds[0]));
  auto first = value.list().begin();
  return TemplateValue(
      TemplateList(first + static_cast<long>(bounds[0]), first + static_cast<long>(bounds[1])));
}

// fmt.Sprint: a blank between two operands neither of which is text.
Value print(TemplateArguments arguments, const TemplateScope&) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0 && arguments[i].kind() != Kind::text && arguments[i - 1].kind() != Kind::text) out += ' ';
    if (arguments[i].is_nil())
      out += "<nil>";
    else
      arguments[i].append_to(out);
  }
  return TemplateValue(std::move(out));
}

Value println(TemplateArguments arguments, const TemplateScope&) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) out += ' ';
    if (arguments[i].is_nil())
      out += "<nil>";
    else
      arguments[i].append_to(out);
  }
  return TemplateValue(out + "\n");
}

Value printf(TemplateArguments arguments, const TemplateScope&) {
  if (arguments[0].kind() != Kind::text)
    return failed("wrong type for value; expected string; got " + std::string(arguments[0].type_name()));
  return TemplateValue(go_printf(arguments[0].text(), arguments.subspan(1)));
}

std::string joined(TemplateArguments arguments) {
  std::string out;
  for (const TemplateValue& argument : arguments) argument.append_to(out);
  return out;
}

Value html(TemplateArguments arguments, const TemplateScope&) {
  std::string out;
  for (char c : joined(arguments)) {
    switch (c) {
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\0':
        out += "\xEF\xBF\xBD";
        break;
      default:
        out += c;
    }
  }
  return TemplateValue(std::move(out));
}

Value js(TemplateArguments arguments, const TemplateScope&) {
  std::string out;
  for (char c : joined(arguments)) {
    unsigned char byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\'':
        out += "\\'";
        break;
      case '"':
        out += "\\\"";
        break;
      case '<':
        out += "\\u003C";
        break;
      case '>':
        out += "\\u003E";
        break;
      case '&':
        out += "\\u0026";
        break;
      case '=':
        out += "\\u003D";
        break;
      default:
        if (byte < 0x20)
          out += fmt::format("\\u{:04X}", byte);
        else
          out += c;
    }
  }
  return TemplateValue(std::move(out));
}

Value urlquery(TemplateArguments arguments, const TemplateScope&) {
  return TemplateValue(query_escape(joined(arguments)));
}

template <bool kSwapped, bool kNegated>
Value ordered(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(bool less, template_less(arguments[kSwapped ? 1 : 0], arguments[kSwapped ? 0 : 1]));
  return TemplateValue(less != kNegated);
}

Value less_or_equal(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(bool less, template_less(arguments[0], arguments[1]));
  if (less) return TemplateValue(true);
  OBELISK_TRY(bool same, template_equal(arguments[0], arguments[1]));
  return TemplateValue(same);
}

Value greater_or_equal(TemplateArguments arguments, const TemplateScope& scope) {
  TemplateValue swapped[2] = {arguments[1], arguments[0]};
  return less_or_equal(swapped, scope);
}

// and, or: reached only for the name; the engine evaluates them itself, argument by argument.
Value last(TemplateArguments arguments, const TemplateScope&) {
  return arguments.back();
}

}  // namespace

const TemplateFunctions& builtin_template_functions() {
  static const TemplateFunctions table{
      {"and", {1, -1, last}},
      {"or", {1, -1, last}},
      {"not",
       {1, 1,
        [](TemplateArguments a, const TemplateScope&) -> Value { return TemplateValue(!a[0].is_true()); }}},
      {"eq", {2, -1, equals_any}},
      {"ne", {2, 2, not_equal}},
      {"lt", {2, 2, ordered<false, false>}},
      {"le", {2, 2, less_or_equal}},
      {"gt", {2, 2, ordered<true, false>}},
      {"ge", {2, 2, greater_or_equal}},
      {"len", {1, 1, length}},
      {"index", {1, -1, index}},
      {"slice", {1, 3, slice}},
      {"print", {0, -1, print}},
      {"println", {0, -1, println}},
      {"printf", {1, -1, printf}},
      {"html", {1, -1, html}},
      {"js", {1, -1, js}},
      {"urlquery", {1, -1, urlquery}},
  };
  return table;
}

}  // namespace obelisk
