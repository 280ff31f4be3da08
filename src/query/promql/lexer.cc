#include "query/promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/text.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  TokenList run() {
    Result<void> read = read_all();
    if (read.ok()) return {std::move(tokens_), std::nullopt};
    begin_ = query_.size();
    add(TokenKind::invalid, 0);
    return {std::move(tokens_), read.error()};
  }

 private:
  Result<void> read_all() {
    for (;;) {
      skip_blanks();
      begin_ = at_;
      if (at_ == query_.size()) break;
      OBELISK_CHECK_OK(next());
    }
    if (in_braces_) return error(at_, "unexpected end of input inside braces");
    if (in_brackets_) return error(at_, "unexpected end of input in duration expression");
    if (paren_depth_ > 0) return error(at_, "unclosed left parenthesis");
    add(TokenKind::end, 0);
    return {};
  }

  char peek(size_t ahead = 0) const { return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0'; }
  Error error(uint64_t offset, std::string message) const {
    return parse_error(query_, offset, std::move(message));
  }

  void skip_blanks() {
    while (at_ < query_.size()) {
      if (is_blank(query_[at_])) {
        ++at_;
      } else if (query_[at_] == '#') {
        while (at_ < query_.size() && query_[at_] != '\n') ++at_;
      } else {
        break;
      }
    }
  }

  // Adds a token of the next `length` bytes.
  void add(TokenKind kind, size_t length) {
    at_ = begin_ + length;
    tokens_.push_back({kind, static_cast<uint32_t>(begin_), static_cast<uint32_t>(at_),
                       std::string(query_.substr(begin_, length)), 0, in_braces_});
  }

  Result<void> next() {
    char c = peek();
    if (!in_brackets_ && (c == '"' || c == '\'' || c == '`')) return lex_string();
    if (in_braces_) return lex_in_braces(c);
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return lex_number();
    if (in_brackets_ && c != ':') return lex_in_brackets(c);
    if (is_alpha(c) || (c == ':' && !in_brackets_)) return lex_identifier();
    return lex_operator(c);
  }

  // Arithmetic of durations: no strings, no other words, no nesting of brackets or braces.
  Result<void> lex_in_brackets(char c) {
    static constexpr std::string_view kPunctuation = "]()+-*/%^,";
    if (is_alpha(c)) {
      size_t length = 0;
      while (is_alpha(peek(length))) ++length;
      std::string_view word = query_.substr(at_, length);
      for (std::string_view known : {"step", "range", "min_of", "max_of"}) {
        if (!equals_ignoring_case(word, known)) continue;
        add(TokenKind::identifier, length);
        return {};
      }
    } else if (kPunctuation.find(c) != std::string_view::npos) {
      return lex_operator(c);
    }
    return error(at_, fmt::format("unexpected character in duration expression: {}", quote_character(0)));
  }

  Result<void> lex_in_braces(char c) {
    if (is_alpha(c)) {
      size_t length = 0;
      while (is_alpha(peek(length)) || is_digit(peek(length))) ++length;
      add(TokenKind::identifier, length);
      return {};
    }
    switch (c) {
      case '{':
        return error(at_, "unexpected left brace '{'");
      case '}':
        in_braces_ = false;
        add(TokenKind::right_brace, 1);
        return {};
      case ',':
        add(TokenKind::comma, 1);
        return {};
      case '=':
        if (peek(1) == '~') {
          add(TokenKind::match, 2);
        } else {
          add(TokenKind::assign, 1);
        }
        return {};
      case '!':
        if (peek(1) == '~') {
          add(TokenKind::not_match, 2);
        } else if (peek(1) == '=') {
          add(TokenKind::not_equal, 2);
        } else {
          return error(at_,
                       fmt::format("unexpected character after '!' inside braces: {}", quote_character(1)));
        }
        return {};
      default:
        return error(at_, fmt::format("unexpected character inside braces: {}", quote_character(0)));
    }
  }

  std::string quote_character(size_t ahead) const {
    if (at_ + ahead >= query_.size()) return "end of input";
    size_t length = 1;
    while (at_ + ahead + length < query_.size() &&
           (static_cast<unsigned char>(query_[at_ + ahead + length]) & 0xC0) == 0x80) {
      ++length;
    }
    return "'" + replace_invalid_utf8(query_.substr(at_ + ahead, length)) + "'";
  }

  Result<void> lex_identifier() {
    size_t length = 0;
    while (is_alpha(peek(length)) || is_digit(peek(length)) || (peek(length) == ':' && !in_brackets_))
      ++length;
    add(TokenKind::identifier, length);
    return {};
  }

  Result<void> lex_number() {
    size_t length = number_length();
    // Letters that follow belong to it: a duration, or nonsense that is told as a whole.
    size_t whole = length;
    while (is_alpha(peek(whole)) || is_digit(peek(whole))) ++whole;
    std::string_view text = query_.substr(at_, whole);
    if (whole == length) {
      std::optional<double> value = parse_number(text);
      if (!value) return error(at_, fmt::format("bad number or duration syntax: \"{}\"", text));
      add(TokenKind::number, whole);
      tokens_.back().number = *value;
      return {};
    }
    Result<int64_t> nanos = parse_prometheus_duration(text);
    if (!nanos.ok()) return error(at_, fmt::format("bad number or duration syntax: \"{}\"", text));
    add(TokenKind::duration, whole);
    tokens_.back().number = static_cast<double>(*nanos / 1'000'000) / 1000;
    return {};
  }

  size_t number_length() const {
    size_t length = 0;
    auto take_digits = [&](auto accepts) {
      while (accepts(peek(length)) || (peek(length) == '_' && length > 0 && accepts(peek(length + 1))))
        ++length;
    };
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      length = 2;
      take_digits([](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
      return length;
    }
    take_digits(is_digit);
    if (peek(length) == '.') {
      ++length;
      take_digits(is_digit);
    }
    if (peek(length) == 'e' || peek(length) == 'E') {
      size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 1 : 0;
      if (is_digit(peek(length + 1 + sign))) {
        length += 1 + sign;
        take_digits(is_digit);
      }
    }
    return length;
  }

  // As Go reads an integer literal (a leading 0 means octal) or else a float.
  static std::optional<double> parse_number(std::string_view text) {
    std::string digits;
    for (char c : text) {
      if (c != '_') digits += c;
    }
    bool hexadecimal = digits.size() > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (hexadecimal) {
      if (digits.size() == 2 || digits.size() > 18) return std::nullopt;
      return static_cast<double>(std::stoull(digits.substr(2), nullptr, 16));
    }
    bool octal = digits.size() > 1 && digits[0] == '0' &&
                 digits.find_first_not_of("01234567") == std::string::npos && digits.size() <= 22;
    if (octal) return static_cast<double>(std::stoull(digits, nullptr, 8));
    return parse_float(digits);
  }

  // Why the escape at `at` is none. `text` ends with the quote, which is a character like any other to an
  // escape.
  static std::string escape_fault(std::string_view text, size_t at) {
    size_t next = at + 1;
    if (next >= text.size()) return "escape sequence not terminated";
    char letter = text[next];
    bool is_octal = letter >= '0' && letter <= '7';
    size_t digits = is_octal ? 3 : letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (digits == 0) return "unknown escape sequence " + unicode_name(text.substr(next));
    if (!is_octal) ++next;
    for (size_t end = next + digits; next < end; ++next) {
      if (next >= text.size()) return "escape sequence not terminated";
      char c = text[next];
      bool fits = is_octal ? c >= '0' && c <= '7' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
      if (!fits)
        return fmt::format("illegal character {} in escape sequence", unicode_name(text.substr(next)));
    }
    return "escape sequence is an invalid Unicode code point";
  }

  // The first character as U+0071 'q'.
  static std::string unicode_name(std::string_view text) {
    auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
    size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
    if (length > text.size() || !is_valid_utf8(text.substr(0, length))) return "U+FFFD '\uFFFD'";
    uint32_t rune = length == 1 ? byte(0) : byte(0) & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) rune = rune << 6 | (byte(i) & 0x3F);
    if (rune < 0x20 || rune == 0x7F) return fmt::format("U+{:04X}", rune);
    return fmt::format("U+{:04X} '{}'", rune, text.substr(0, length));
  }

  Result<void> lex_string() {
    char quote = peek();
    size_t end = at_ + 1;
    if (quote == '`') {
      end = query_.find('`', end);
      if (end == std::string_view::npos) return error(begin_, "unterminated raw string");
    } else {
      while (end < query_.size() && query_[end] != quote) {
        if (query_[end] == '\n') return error(begin_, "unterminated quoted string");
        end += query_[end] == '\\' ? 2 : 1;
      }
      if (end >= query_.size()) return error(begin_, "unterminated quoted string");
    }
    std::string_view inside = query_.substr(begin_ + 1, end - begin_ - 1);
    if (quote == '`') {
      add(TokenKind::string, end + 1 - begin_);
      tokens_.back().text = inside;
      return {};
    }
    size_t failed_at = 0;
    std::optional<std::string> text = unescape_go_string(inside, quote, &failed_at);
    if (!text) return error(begin_, escape_fault(query_.substr(begin_ + 1, end - begin_), failed_at));
    add(TokenKind::string, end + 1 - begin_);
    tokens_.back().text = std::move(*text);
    return {};
  }

  Result<void> lex_operator(char c) {
    char after = peek(1);
    switch (c) {
      case '(':
        ++paren_depth_;
        add(TokenKind::left_paren, 1);
        return {};
      case ')':
        // As the reference, which has taken the token when it counts it.
        if (--paren_depth_ < 0) return error(at_ + 1, "unexpected right parenthesis ')'");
        add(TokenKind::right_paren, 1);
        return {};
      case '{':
        in_braces_ = true;
        add(TokenKind::left_brace, 1);
        return {};
      case '}':
        return error(at_, "unexpected character: '}'");
      case '[':
        in_brackets_ = true;
        colon_seen_ = false;
        add(TokenKind::left_bracket, 1);
        return {};
      case ']':
        if (!in_brackets_) return error(at_, "unexpected right bracket ']'");
        in_brackets_ = false;
        add(TokenKind::right_bracket, 1);
        return {};
      case ':':
        if (colon_seen_) return error(at_, "unexpected colon ':'");
        colon_seen_ = true;
        add(TokenKind::colon, 1);
        return {};
      case ',':
        add(TokenKind::comma, 1);
        return {};
      case '@':
        add(TokenKind::at, 1);
        return {};
      case '+':
        add(TokenKind::add, 1);
        return {};
      case '-':
        add(TokenKind::sub, 1);
        return {};
      case '*':
        add(TokenKind::mul, 1);
        return {};
      case '/':
        add(TokenKind::div, 1);
        return {};
      case '%':
        add(TokenKind::mod, 1);
        return {};
      case '^':
        add(TokenKind::pow, 1);
        return {};
      case '=':
        if (after == '=') {
          add(TokenKind::equal, 2);
        } else if (after == '~') {
          return error(at_, "unexpected character after '=': '~'");
        } else {
          add(TokenKind::assign, 1);
        }
        return {};
      case '!':
        if (after != '=') {
          std::string found = at_ + 1 < query_.size() ? quote_character(1) : "'\uFFFD'";
          return error(at_, "unexpected character after '!': " + found);
        }
        add(TokenKind::not_equal, 2);
        return {};
      case '<':
        if (after == '/') {
          add(TokenKind::trim_upper, 2);
        } else if (after == '=') {
          add(TokenKind::less_equal, 2);
        } else {
          add(TokenKind::less, 1);
        }
        return {};
      case '>':
        if (after == '/') {
          add(TokenKind::trim_lower, 2);
        } else if (after == '=') {
          add(TokenKind::greater_equal, 2);
        } else {
          add(TokenKind::greater, 1);
        }
        return {};
      default:
        return error(at_, fmt::format("unexpected character: {}", quote_character(0)));
    }
  }

  std::string_view query_;
  size_t at_ = 0;
  size_t begin_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool colon_seen_ = false;  // since the bracket
  int paren_depth_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Error parse_error(std::string_view query, uint64_t offset, std::string message) {
  if (query.empty())  // where nothing is there is no place
    return Error{ErrorCode::parse_error, "unknown position: parse error: " + message, std::nullopt};
  return Error{ErrorCode::parse_error, std::move(message), position_of(query, offset)};
}

namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view one) { return equals_ignoring_case(word, one); });
}

std::string describe_word(const Token& token) {
  std::string quoted = quote_go_string(token.text);
  if (token.in_braces) return "identifier " + quoted;
  if (is_one_of(token.text, {"and", "or", "unless", "atan2"})) return fmt::format("<op:{}>", token.text);
  if (is_one_of(token.text, {"bool", "by", "without", "on", "ignoring", "group_left", "group_right", "offset",
                             "anchored", "smoothed", "fill", "fill_left", "fill_right"}))
    return fmt::format("<{}>", token.text);
  if (is_one_of(token.text, {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk",
                             "bottomk", "count_values", "quantile", "limitk", "limit_ratio"}))
    return fmt::format("<aggr:{}>", token.text);
  if (is_one_of(token.text, {"start", "end", "step", "range", "min_of", "max_of"})) return quoted;
  if (is_one_of(token.text, {"inf", "nan"})) return "number " + quoted;
  bool has_colon = token.text.find(':') != std::string::npos;
  return (has_colon ? "metric identifier " : "identifier ") + quoted;
}

// At most ten characters of it.
std::string quote_beginning(std::string_view text) {
  constexpr size_t kCharacters = 10;
  if (text.size() <= kCharacters) return quote_go_string(text);
  size_t length = 0;
  for (size_t characters = 0; length < text.size(); ++length) {
    bool begins = (static_cast<unsigned char>(text[length]) & 0xC0) != 0x80;
    if (begins && characters++ == kCharacters) break;
  }
  return quote_go_string(text.substr(0, length)) + "...";
}

}  // namespace

std::string describe(const Token& token, std::string_view query) {
  std::string_view written = query.substr(token.begin, token.end - token.begin);
  switch (token.kind) {
    case TokenKind::end:
      return "end of input";
    case TokenKind::identifier:
      return describe_word(token);
    case TokenKind::number:
      return "number " + quote_beginning(written);
    case TokenKind::duration:
      return "duration " + quote_beginning(written);
    case TokenKind::string:
      return "string " + quote_beginning(written);
    case TokenKind::add:
    case TokenKind::sub:
    case TokenKind::mul:
    case TokenKind::div:
    case TokenKind::mod:
    case TokenKind::pow:
    case TokenKind::equal:
    case TokenKind::not_equal:
    case TokenKind::less:
    case TokenKind::less_equal:
    case TokenKind::greater:
    case TokenKind::greater_equal:
    case TokenKind::trim_upper:
    case TokenKind::trim_lower:
    case TokenKind::match:
    case TokenKind::not_match:
      return fmt::format("<op:{}>", token.text);
    default:
      return fmt::format("\"{}\"", token.text);
  }
}

Result<std::vector<Token>> tokenize(std::string_view query) {
  if (query.size() > kQueryBytesMax) {
    return parse_error(query.substr(0, 1), 0,
                       fmt::format("the query is longer than {} bytes", kQueryBytesMax));
  }
  TokenList list = Lexer(query).run();
  if (list.fault) return std::move(*list.fault);
  return std::move(list.tokens);
}

TokenList tokenize_to_fault(std::string_view query) {
  if (query.size() > kQueryBytesMax) {
    Token nothing;
    nothing.kind = TokenKind::invalid;
    return {{nothing}, tokenize(query).error()};
  }
  return Lexer(query).run();
}

}  // namespace obelisk::promql
