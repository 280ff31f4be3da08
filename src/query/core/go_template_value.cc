#include "query/core/go_template_value.h"

#include "query/core/go_printf.h"
#include "query/core/go_time.h"

namespace obelisk {

TemplateValue TemplateObject::missing() const {
  return {};
}

bool TemplateValue::is_true() const {
  switch (kind()) {
    case Kind::nil:
      return false;
    case Kind::boolean:
      return boolean();
    case Kind::integer:
      return integer() != 0;
    case Kind::real:
      return real() != 0;
    case Kind::text:
      return !text().empty();
    case Kind::time:
      return true;
    case Kind::list:
      return !list().empty();
    case Kind::map:
      return !map().empty();
    case Kind::object:
      return true;
  }
  return false;
}

void TemplateValue::append_to(std::string& out) const {
  switch (kind()) {
    case Kind::nil:
      out += "<no value>";
      break;
    case Kind::boolean:
      out += boolean() ? "true" : "false";
      break;
    case Kind::integer:
      out += std::to_string(integer());
      break;
    case Kind::real:
      out += go_format_float(real());
      break;
    case Kind::text:
      out += text();
      break;
    case Kind::time:
      out += format_go_time(time(), "2006-01-02 15:04:05.999999999 -0700 UTC");
      break;
    case Kind::list: {
      out += '[';
      bool first = true;
      for (const TemplateValue& element : list()) {
        if (!first) out += ' ';
        first = false;
        element.append_to(out);
      }
      out += ']';
      break;
    }
    case Kind::map:
    case Kind::object: {
      TemplateMap copied;
      if (kind() == Kind::object) copied = object().all();
      out += "map[";
      bool first = true;
      for (const auto& [name, element] : kind() == Kind::object ? copied : map()) {
        if (!first) out += ' ';
        first = false;
        out += name;
        out += ':';
        element.append_to(out);
      }
      out += ']';
      break;
    }
  }
}

std::string TemplateValue::to_text() const {
  std::string out;
  append_to(out);
  return out;
}

std::string_view TemplateValue::type_name() const {
  static constexpr std::string_view kNames[] = {"nil",       "bool",          "int", "float64", "string",
                                                "time.Time", "[]interface{}", "map", "map"};
  return kNames[static_cast<int>(kind())];
}

Result<bool> template_equal(const TemplateValue& a, const TemplateValue& b) {
  using Kind = TemplateValue::Kind;
  if (a.is_nil() || b.is_nil()) return a.is_nil() && b.is_nil();
  if (a.kind() != b.kind()) return make_error(ErrorCode::execution, "incompatible types for comparison");
  switch (a.kind()) {
    case Kind::boolean:
      return a.boolean() == b.boolean();
    case Kind::integer:
      return a.integer() == b.integer();
    case Kind::real:
      return a.real() == b.real();
    case Kind::text:
      return a.text() == b.text();
    case Kind::time:
      return a.time() == b.time();
    default:
      return make_error(ErrorCode::execution, "non-comparable type " + std::string(a.type_name()));
  }
}

Result<bool> template_less(const TemplateValue& a, const TemplateValue& b) {
  using Kind = TemplateValue::Kind;
  if (a.kind() != b.kind()) return make_error(ErrorCode::execution, "incompatible types for comparison");
  switch (a.kind()) {
    case Kind::integer:
      return a.integer() < b.integer();
    case Kind::real:
      return a.real() < b.real();
    case Kind::text:
      return a.text() < b.text();
    default:
      return make_error(ErrorCode::execution, "invalid type for comparison");
  }
}

}  // namespace obelisk
