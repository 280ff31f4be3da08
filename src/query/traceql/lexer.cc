#include "query/traceql/lexer.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace obelisk::traceql {
namespace {

struct Symbol {
  std::string_view text;
  TokenKind kind;
};

// Longer ones first, so that the first that fits is the right one.
constexpr Symbol kSymbols[] = {
    {"!>>", TokenKind::not_descendant},
    {"!<<", TokenKind::not_ancestor},
    {"&>>", TokenKind::union_descendant},
    {"&<<", TokenKind::union_ancestor},
    {"&&", TokenKind::and_op},
    {"||", TokenKind::or_op},
    {"!=", TokenKind::not_equal},
    {"=~", TokenKind::regex},
    {"!~", TokenKind::not_regex},
    {">=", TokenKind::greater_equal},
    {"<=", TokenKind::less_equal},
    {">>", TokenKind::descendant},
    {"<<", TokenKind::ancestor},
    {"!>", TokenKind::not_child},
    {"!<", TokenKind::not_parent},
    {"&>", TokenKind::union_child},
    {"&<", TokenKind::union_parent},
    {"&~", TokenKind::union_sibling},
    {"{", TokenKind::open_brace},
    {"}", TokenKind::close_brace},
    {"(", TokenKind::open_paren},
    {")", TokenKind::close_paren},
    {",", TokenKind::comma},
    {"|", TokenKind::pipe},
    {"!", TokenKind::not_op},
    {"=", TokenKind::equal},
    {">", TokenKind::greater},
    {"<", TokenKind::less},
    {"~", TokenKind::sibling},
    {"+", TokenKind::plus},
    {"-", TokenKind::minus},
    {"*", TokenKind::star},
    {"/", TokenKind::slash},
    {"%", TokenKind::percent},
    {"^", TokenKind::caret},
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool ends_name(char c) {
  return is_blank(c) || std::string_view("{}()=~!<>&|^,").find(c) != std::string_view::npos;
}

std::optional<AttributeScope> scope_of(std::string_view word) {
  if (word == "span") return AttributeScope::span;
  if (word == "resource") return AttributeScope::resource;
  if (word == "event") return AttributeScope::event;
  if (word == "link") return AttributeScope::link;
  if (word == "instrumentation") return AttributeScope::instrumentation;
  return std::nullopt;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    for (;;) {
      OBELISK_CHECK_OK(skip_blanks_and_comments());
      OBELISK_TRY(Token token, next());
      tokens.push_back(std::move(token));
      if (tokens.back().kind == TokenKind::end) return tokens;
    }
  }

 private:
  bool at_end() const { return at_ >= query_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0'; }
  Error error(uint64_t offset, std::string_view message) const {
    return parse_error_at(query_, offset, message);
  }

  Result<void> skip_blanks_and_comments() {
    for (;;) {
      while (!at_end() && is_blank(peek())) ++at_;
      if (peek() != '/') return {};
      if (peek(1) == '/') {
        while (!at_end() && peek() != '\n') ++at_;
      } else if (peek(1) == '*') {
        size_t end = query_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return error(at_, "comment without end");
        at_ = end + 2;
      } else {
        return {};
      }
    }
  }

  Result<Token> next() {
    Token token;
    token.offset = at_;
    if (at_end()) return token;
    char c = peek();
    if (c == '"') return quoted(std::move(token));
    if (c == '`') return backquoted(std::move(token));
    if (is_digit(c) || is_fraction()) return number(std::move(token));
    if (c == '.') {
      ++at_;
      return attribute(std::move(token), AttributeScope::any);
    }
    if (is_letter(c)) return word(std::move(token));
    if (c == '=' && peek(1) == '=') return error(at_, "unexpected \"==\": values are compared by \"=\"");
    for (const Symbol& symbol : kSymbols) {
      if (!query_.substr(at_).starts_with(symbol.text)) continue;
      at_ += symbol.text.size();
      token.kind = symbol.kind;
      return token;
    }
    return error(at_, "unexpected character " + printable(c));
  }

  // ".99": a number without digits in front, as in quantile_over_time(duration, .99). ".5xx" is an attribute.
  bool is_fraction() const {
    if (peek() != '.' || !is_digit(peek(1))) return false;
    size_t digits = 1;
    while (is_digit(peek(digits))) ++digits;
    return at_ + digits >= query_.size() || ends_name(peek(digits));
  }

  static std::string printable(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7F ? fmt::format("'{}'", c) : fmt::format("0x{:02x}", byte);
  }

  std::string_view take_word() {
    size_t start = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    return query_.substr(start, at_ - start);
  }

  Result<Token> word(Token token) {
    std::string_view first = take_word();
    std::optional<AttributeScope> scope = scope_of(first);
    if (peek() == '.' && scope) {
      ++at_;
      return attribute(std::move(token), *scope);
    }
    if (peek() == '.' && first == "parent") {
      ++at_;
      token.of_parent = true;
      for (AttributeScope inner : {AttributeScope::span, AttributeScope::resource}) {
        std::string_view prefix = inner == AttributeScope::span ? "span." : "resource.";
        if (!query_.substr(at_).starts_with(prefix)) continue;
        at_ += prefix.size();
        return attribute(std::move(token), inner);
      }
      return attribute(std::move(token), AttributeScope::any);
    }
    token.kind = TokenKind::word;
    token.text = first;
    if (peek() == ':' && (scope || first == "trace")) {
      ++at_;
      token.text += ':';
      token.text += take_word();
    }
    return token;
  }

  Result<Token> attribute(Token token, AttributeScope scope) {
    token.kind = TokenKind::attribute;
    token.scope = scope;
    while (!at_end() && !ends_name(peek())) {
      if (peek() == '"') {
        OBELISK_CHECK_OK(quoted_name_part(token.text));
      } else {
        token.text += query_[at_++];
      }
    }
    if (token.text.empty()) return error(at_, "expected an attribute name");
    return token;
  }

  Result<void> quoted_name_part(std::string& out) {
    size_t start = at_++;
    for (; !at_end(); ++at_) {
      char c = peek();
      if (c == '"') {
        ++at_;
        return {};
      }
      if (c == '\\') {
        if (peek(1) != '"' && peek(1) != '\\')
          return error(at_, "only \\\" and \\\\ are escapes in an attribute name");
        c = query_[++at_];
      }
      out += c;
    }
    return error(start, "quoted attribute name without end");
  }

  Result<Token> backquoted(Token token) {
    size_t end = query_.find('`', at_ + 1);
    if (end == std::string_view::npos) return error(at_, "string without end");
    token.kind = TokenKind::string;
    token.text = query_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return token;
  }

  Result<Token> quoted(Token token) {
    token.kind = TokenKind::string;
    ++at_;
    while (!at_end() && peek() != '\n') {
      char c = query_[at_++];
      if (c == '"') return token;
      if (c != '\\') {
        token.text += c;
        continue;
      }
      OBELISK_CHECK_OK(escape(token.text));
    }
    return error(token.offset, "string without end");
  }

  // After the backslash: Go's escapes.
  Result<void> escape(std::string& out) {
    size_t start = at_ - 1;
    char c = peek();
    ++at_;
    switch (c) {
      case 'a':
        out += '\a';
        return {};
      case 'b':
        out += '\b';
        return {};
      case 'f':
        out += '\f';
        return {};
      case 'n':
        out += '\n';
        return {};
      case 'r':
        out += '\r';
        return {};
      case 't':
        out += '\t';
        return {};
      case 'v':
        out += '\v';
        return {};
      case '\\':
        out += '\\';
        return {};
      case '"':
        out += '"';
        return {};
      case 'x':
        return numeric_escape(out, start, 2, 16);
      case 'u':
        return numeric_escape(out, start, 4, 16);
      case 'U':
        return numeric_escape(out, start, 8, 16);
      default:
        if (c >= '0' && c <= '7') {
          --at_;
          return numeric_escape(out, start, 3, 8);
        }
        return error(start, "unknown escape sequence in string");
    }
  }

  Result<void> numeric_escape(std::string& out, size_t start, int digits, int base) {
    uint32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      char c = peek();
      int digit = is_digit(c)              ? c - '0'
                  : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                  : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                           : 99;
      if (digit >= base) return error(start, "malformed escape sequence in string");
      code = code * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
    }
    bool is_byte = digits <= 3;
    if (is_byte ? code > 0xFF : code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return error(start, "escape sequence is no character");
    }
    if (is_byte) {
      out += static_cast<char>(code);
    } else {
      append_utf8(out, code);
    }
    return {};
  }

  Result<Token> number(Token token) {
    size_t start = at_;
    bool plain = true;  // only digits and dots so far: an exponent may still follow
    while (!at_end()) {
      char c = peek();
      bool exponent_sign = (c == '+' || c == '-') && at_ > start &&
                           (query_[at_ - 1] == 'e' || query_[at_ - 1] == 'E') && exponent_may_be_signed_;
      bool micro = static_cast<unsigned char>(c) >= 0x80;  // µs
      if (!is_digit(c) && !is_letter(c) && c != '.' && !exponent_sign && !micro) break;
      exponent_may_be_signed_ = plain && (c == 'e' || c == 'E') && (is_digit(peek(1)) || is_digit(peek(2)));
      plain = plain && (is_digit(c) || c == '.');
      ++at_;
    }
    exponent_may_be_signed_ = false;
    return classify_number(std::move(token), query_.substr(start, at_ - start));
  }

  Result<Token> classify_number(Token token, std::string_view text) const {
    if (text.find_first_not_of("0123456789") == std::string_view::npos) {
      std::optional<int64_t> value = parse_int64(text);
      if (!value) return error(token.offset, "integer does not fit 64 bits");
      token.kind = TokenKind::integer;
      token.integer = *value;
      return token;
    }
    if (text.find_first_not_of("0123456789.eE+-") == std::string_view::npos) {
      std::optional<double> value = parse_float(text);
      if (!value) return error(token.offset, fmt::format("bad number \"{}\"", text));
      token.kind = TokenKind::floating;
      token.number = *value;
      return token;
    }
    Result<int64_t> nanos = parse_go_duration(text);
    if (!nanos.ok()) nanos = parse_prometheus_duration(text);
    if (!nanos.ok())
      return error(token.offset, fmt::format("bad number or duration \"{}\"", replace_invalid_utf8(text)));
    token.kind = TokenKind::duration;
    token.integer = *nanos;
    return token;
  }

  std::string_view query_;
  size_t at_ = 0;
  bool exponent_may_be_signed_ = false;
};

}  // namespace

Error parse_error_at(std::string_view query, uint64_t offset, std::string_view message) {
  Position position = position_of(query, offset);
  return Error{ErrorCode::parse_error,
               fmt::format("parse error at line {}, col {}: {}", position.line, position.column, message),
               position};
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "end of query";
    case TokenKind::string:
      return "a string";
    case TokenKind::integer:
    case TokenKind::floating:
      return "a number";
    case TokenKind::duration:
      return "a duration";
    case TokenKind::word:
      return fmt::format("\"{}\"", token.text);
    case TokenKind::attribute:
      return fmt::format("attribute \"{}\"", replace_invalid_utf8(token.text));
    default:
      break;
  }
  for (const Symbol& symbol : kSymbols) {
    if (symbol.kind == token.kind) return fmt::format("\"{}\"", symbol.text);
  }
  return "?";
}

Result<std::vector<Token>> tokenize(std::string_view query) {
  return Lexer(query).run();
}

}  // namespace obelisk::traceql
