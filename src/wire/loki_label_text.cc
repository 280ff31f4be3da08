#include "wire/loki_label_text.h"

#include <fmt/format.h>

namespace obelisk {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(char*& out, uint32_t code) {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *out++ = static_cast<char>(0xC0 | code >> 6);
    *out++ = static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *out++ = static_cast<char>(0xE0 | code >> 12);
    *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | code >> 18);
    *out++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (code & 0x3F));
  }
}

class LabelTextParser {
 public:
  LabelTextParser(std::string_view text, Arena& arena, std::vector<LabelRef>& labels)
      : text_(text), arena_(arena), labels_(labels) {}

  Result<void> parse() {
    skip_blanks();
    if (!take('{')) return fail("expected '{'");
    skip_blanks();
    while (!take('}')) {
      OBELISK_CHECK_OK(parse_label());
      skip_blanks();
      if (take(',')) {
        skip_blanks();
      } else if (peek() != '}') {
        return fail("expected ',' or '}'");
      }
    }
    skip_blanks();
    if (at_ != text_.size()) return fail("unexpected text after '}'");
    return {};
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n') ++at_;
  }
  Error fail(std::string_view reason) const {
    Error error = make_error(ErrorCode::parse_error,
                             fmt::format("error parsing labels '{}': {}", text_.substr(0, 256), reason));
    error.position = position_of(text_, at_);
    return error;
  }

  Result<void> parse_label() {
    size_t start = at_;
    if (!is_letter(peek())) return fail("expected a label name");
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    std::string_view name = text_.substr(start, at_ - start);
    skip_blanks();
    if (!take('=')) return fail("expected '='");
    skip_blanks();
    LabelRef label{name, {}};
    OBELISK_CHECK_OK(parse_value(label.value));
    labels_.push_back(label);
    return {};
  }

  Result<void> parse_value(std::string_view& value) {
    char quote = peek();
    if (quote != '"' && quote != '`') return fail("expected a value in quotes");
    size_t start = ++at_;
    bool escaped = false;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\') {
        escaped = true;
        ++at_;
      }
      ++at_;
    }
    if (at_ >= text_.size()) return fail("the value does not end");
    value = text_.substr(start, at_++ - start);
    return escaped ? unescape(value) : Result<void>();
  }

  // Go's escapes: no escape grows, so the raw size is enough.
  Result<void> unescape(std::string_view& value) {
    char* target = arena_.allocate(value.size());
    char* out = target;
    for (size_t i = 0; i < value.size();) {
      if (value[i] != '\\') {
        *out++ = value[i++];
        continue;
      }
      if (i + 1 >= value.size() || !unescape_one(value, i, out)) return fail("unknown escape in a value");
    }
    value = {target, static_cast<size_t>(out - target)};
    return {};
  }

  static bool unescape_one(std::string_view value, size_t& i, char*& out) {
    static constexpr std::string_view kNames = "abfnrtv\\\"'";
    static constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\\"'";
    char kind = value[i + 1];
    if (size_t found = kNames.find(kind); found != std::string_view::npos) {
      *out++ = kBytes[found];
      i += 2;
      return true;
    }
    size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0) return unescape_octal(value, i, out);
    uint32_t code = 0;
    if (!read_number(value.substr(i + 2), digits, 16, code)) return false;
    i += 2 + digits;
    if (kind == 'x') {
      *out++ = static_cast<char>(code);
    } else {
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
      append_utf8(out, code);
    }
    return true;
  }

  static bool unescape_octal(std::string_view value, size_t& i, char*& out) {
    uint32_t code = 0;
    if (!read_number(value.substr(i + 1), 3, 8, code) || code > 255) return false;
    *out++ = static_cast<char>(code);
    i += 4;
    return true;
  }

  static bool read_number(std::string_view text, size_t digits, uint32_t base, uint32_t& number) {
    if (text.size() < digits) return false;
    for (size_t i = 0; i < digits; ++i) {
      char c = text[i];
      uint32_t digit = is_digit(c)              ? static_cast<uint32_t>(c - '0')
                       : (c >= 'a' && c <= 'f') ? static_cast<uint32_t>(c - 'a' + 10)
                       : (c >= 'A' && c <= 'F') ? static_cast<uint32_t>(c - 'A' + 10)
                                                : 99;
      if (digit >= base) return false;
      number = number * base + digit;
    }
    return true;
  }

  const std::string_view text_;
  Arena& arena_;
  std::vector<LabelRef>& labels_;
  size_t at_ = 0;
};

}  // namespace

Result<void> parse_loki_label_text(std::string_view text, Arena& arena, std::vector<LabelRef>& labels) {
  return LabelTextParser(text, arena, labels).parse();
}

bool is_label_name(std::string_view name) {
  if (name.empty() || !is_letter(name[0])) return false;
  for (char c : name) {
    if (!is_letter(c) && !is_digit(c)) return false;
  }
  return true;
}

}  // namespace obelisk
