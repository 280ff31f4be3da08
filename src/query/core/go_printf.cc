#include "query/core/go_printf.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "query/core/utf8_runes.h"

namespace obelisk {
namespace {

using Kind = TemplateValue::Kind;

struct Directive {
  bool plus = false, minus = false, sharp = false, space = false, zero = false;
  int width = -1;
  int precision = -1;
  char verb = 'v';
};

// C++ and Go agree on at least two exponent digits.
std::string format_real(double value, char verb, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  bool upper = verb == 'E' || verb == 'G';
  char lower = static_cast<char>(upper ? verb + 32 : verb);
  if (lower == 'g' && precision < 0) {
    std::string out = go_format_float(value);
    if (upper) {
      for (char& c : out) c = c == 'e' ? 'E' : c;
    }
    return out;
  }
  if (precision < 0) precision = 6;
  std::array<char, 512> small;
  auto style = lower == 'e'   ? std::chars_format::scientific
               : lower == 'g' ? std::chars_format::general
                              : std::chars_format::fixed;
  std::string out;
  auto [end, code] = std::to_chars(small.data(), small.data() + small.size(), value, style, precision);
  if (code == std::errc()) {
    out.assign(small.data(), end);
  } else {
    out.resize(static_cast<size_t>(precision) + 400);
    auto [wide_end, wide_code] = std::to_chars(out.data(), out.data() + out.size(), value, style, precision);
    out.resize(wide_code == std::errc() ? static_cast<size_t>(wide_end - out.data()) : 0);
  }
  if (upper) {
    for (char& c : out) c = c == 'e' ? 'E' : c;
  }
  return out;
}

std::string bad_verb(char verb, const TemplateValue& value) {
  std::string out = "%!";
  out += verb;
  out += '(';
  if (value.is_nil()) {
    out += "<nil>";
  } else {
    out += value.type_name();
    out += '=';
    value.append_to(out);
  }
  return out + ')';
}

std::string in_base(uint64_t magnitude, int base, bool upper) {
  std::array<char, 66> buffer;
  auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base);
  std::string out(buffer.data(), end);
  if (upper) {
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  }
  return out;
}

// Sign, digits and zero padding of a number whose digits are ready.
std::string signed_digits(bool negative, std::string digits, const Directive& directive) {
  std::string sign = negative ? "-" : directive.plus ? "+" : directive.space ? " " : "";
  if (directive.zero && !directive.minus && directive.width > 0) {
    size_t wanted = static_cast<size_t>(directive.width);
    if (sign.size() + digits.size() < wanted) digits.insert(0, wanted - sign.size() - digits.size(), '0');
  }
  return sign + digits;
}

std::string format_integer(const Directive& directive, int64_t value) {
  bool negative = value < 0;
  uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  std::string digits;
  switch (directive.verb) {
    case 'v':
    case 'd':
      digits = in_base(magnitude, 10, false);
      break;
    case 'b':
      digits = in_base(magnitude, 2, false);
      break;
    case 'o':
      digits = in_base(magnitude, 8, false);
      break;
    case 'x':
    case 'X':
      digits = in_base(magnitude, 16, directive.verb == 'X');
      if (directive.sharp) digits.insert(0, directive.verb == 'X' ? "0X" : "0x");
      break;
    case 'c': {
      std::string rune;
      append_rune(rune, value < 0 || value > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(value));
      return rune;
    }
    case 'q': {
      std::string rune;
      append_rune(rune, value < 0 || value > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(value));
      return "'" + rune + "'";
    }
    case 'U':
      return fmt::format("U+{:04X}", magnitude);
    default:
      return bad_verb(directive.verb, TemplateValue(value));
  }
  if (directive.precision >= 0 && digits.size() < static_cast<size_t>(directive.precision)) {
    digits.insert(0, static_cast<size_t>(directive.precision) - digits.size(), '0');
  }
  return signed_digits(negative, std::move(digits), directive);
}

std::string format_text(const Directive& directive, std::string_view text) {
  switch (directive.verb) {
    case 'v':
    case 's': {
      if (directive.precision < 0) return std::string(text);
      return std::string(rune_prefix(text, static_cast<size_t>(directive.precision)));
    }
    case 'q':
      return go_quote(text);
    case 'x':
    case 'X': {
      std::string out = to_hex(text);
      if (directive.verb == 'X') {
        for (char& c : out) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
      }
      return out;
    }
    default:
      return bad_verb(directive.verb, TemplateValue(text));
  }
}

std::string format_value(const Directive& directive, const TemplateValue& value) {
  if (directive.verb == 'T') return std::string(value.type_name());
  switch (value.kind()) {
    case Kind::nil:
      return directive.verb == 'v' ? "<nil>" : bad_verb(directive.verb, value);
    case Kind::boolean:
      if (directive.verb == 'v' || directive.verb == 't') return value.boolean() ? "true" : "false";
      return bad_verb(directive.verb, value);
    case Kind::integer:
      return format_integer(directive, value.integer());
    case Kind::real: {
      static constexpr std::string_view kVerbs = "vfFgGeE";
      if (kVerbs.find(directive.verb) == std::string_view::npos) return bad_verb(directive.verb, value);
      char verb = directive.verb == 'v' ? 'g' : directive.verb == 'F' ? 'f' : directive.verb;
      std::string digits = format_real(value.real(), verb, directive.precision);
      if (std::isnan(value.real()) || std::isinf(value.real())) return digits;
      bool negative = digits[0] == '-';
      if (negative) digits.erase(0, 1);
      return signed_digits(negative, std::move(digits), directive);
    }
    case Kind::text:
      return format_text(directive, value.text());
    default:
      if (directive.verb == 'v' || directive.verb == 's') return value.to_text();
      if (directive.verb == 'q') return go_quote(value.to_text());
      if (value.kind() == Kind::list) {
        std::string out = "[";
        for (const TemplateValue& element : value.list()) {
          if (out.size() > 1) out += ' ';
          out += format_value(directive, element);
        }
        return out + "]";
      }
      return bad_verb(directive.verb, value);
  }
}

void append_padded(std::string& out, const std::string& text, const Directive& directive) {
  size_t length = rune_count(text);
  size_t padding = directive.width > 0 && static_cast<size_t>(directive.width) > length
                       ? static_cast<size_t>(directive.width) - length
                       : 0;
  if (directive.minus) {
    out += text;
    out.append(padding, ' ');
  } else {
    out.append(padding, directive.zero ? '0' : ' ');
    out += text;
  }
}

}  // namespace

std::string go_format_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 40> buffer;
  auto [end, code] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  std::string scientific(buffer.data(), end);
  size_t e = scientific.find('e');
  int exponent = std::atoi(scientific.c_str() + e + 1);
  // With the shortest digits strconv decides as if the precision were 6.
  if (value != 0 && (exponent < -4 || exponent >= 6)) return scientific;
  std::array<char, 400> fixed;
  auto [fixed_end, fixed_code] =
      std::to_chars(fixed.data(), fixed.data() + fixed.size(), value, std::chars_format::fixed);
  return std::string(fixed.data(), fixed_end);
}

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    Rune rune = decode_rune(text.substr(i));
    std::string_view bytes = text.substr(i, rune.length);
    i += rune.length;
    if (!rune.valid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
      continue;
    }
    switch (rune.value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\v':
        out += "\\v";
        break;
      default:
        if (rune.value < 0x20 || rune.value == 0x7F) {
          out += fmt::format("\\x{:02x}", static_cast<uint32_t>(rune.value));
        } else {
          out += bytes;
        }
    }
  }
  return out + "\"";
}

std::string go_printf(std::string_view format, std::span<const TemplateValue> arguments) {
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    Directive directive;
    for (++i; i < format.size(); ++i) {
      char c = format[i];
      if (c == '+')
        directive.plus = true;
      else if (c == '-')
        directive.minus = true;
      else if (c == '#')
        directive.sharp = true;
      else if (c == ' ')
        directive.space = true;
      else if (c == '0')
        directive.zero = true;
      else
        break;
    }
    auto number = [&](int& target) {
      if (i < format.size() && format[i] == '*') {
        ++i;
        if (next < arguments.size() && arguments[next].kind() == Kind::integer) {
          int64_t value = arguments[next].integer();
          if (value < 0) {
            directive.minus = true;
            value = -value;
          }
          target = static_cast<int>(value < 0 || value > kPrintfWidthMax ? kPrintfWidthMax : value);
        }
        ++next;
        return;
      }
      while (i < format.size() && format[i] >= '0' && format[i] <= '9') {
        if (target < 0) target = 0;
        target = std::min(target * 10 + (format[i] - '0'), kPrintfWidthMax);
        ++i;
      }
    };
    number(directive.width);
    if (i < format.size() && format[i] == '.') {
      ++i;
      directive.precision = 0;
      number(directive.precision);
    }
    if (i >= format.size()) {
      out += "%!(NOVERB)";
      break;
    }
    directive.verb = format[i];
    if (directive.verb == '%') {
      out += '%';
    } else if (next >= arguments.size()) {
      out += "%!";
      out += directive.verb;
      out += "(MISSING)";
    } else {
      append_padded(out, format_value(directive, arguments[next++]), directive);
    }
  }
  if (next < arguments.size()) {
    out += "%!(EXTRA ";
    for (size_t i = next; i < arguments.size(); ++i) {
      if (i > next) out += ", ";
      if (arguments[i].is_nil()) {
        out += "<nil>";
      } else {
        out += arguments[i].type_name();
        out += '=';
        arguments[i].append_to(out);
      }
    }
    out += ')';
  }
  return out;
}

}  // namespace obelisk
