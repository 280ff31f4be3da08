#include "query/logql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "query/core/utf8_runes.h"
#include "query/logql/literals.h"

namespace obelisk::logql {
namespace {

constexpr std::array<std::string_view, 22> kKeywords{
    "by",         "without", "on",     "ignoring", "group_left", "group_right", "bool",         "offset",
    "unwrap",     "json",    "logfmt", "regexp",   "pattern",    "unpack",      "label_format", "line_format",
    "decolorize", "drop",    "keep",   "or",       "and",        "unless"};

constexpr std::array<std::string_view, 33> kFunctions{"rate",
                                                      "rate_counter",
                                                      "count_over_time",
                                                      "bytes_rate",
                                                      "bytes_over_time",
                                                      "avg_over_time",
                                                      "sum_over_time",
                                                      "min_over_time",
                                                      "max_over_time",
                                                      "stdvar_over_time",
                                                      "stddev_over_time",
                                                      "quantile_over_time",
                                                      "first_over_time",
                                                      "last_over_time",
                                                      "absent_over_time",
                                                      "sum",
                                                      "avg",
                                                      "max",
                                                      "min",
                                                      "count",
                                                      "stddev",
                                                      "stdvar",
                                                      "bottomk",
                                                      "topk",
                                                      "approx_topk",
                                                      "sort",
                                                      "sort_desc",
                                                      "label_replace",
                                                      "vector",
                                                      "bytes",
                                                      "duration",
                                                      "duration_seconds",
                                                      "ip"};

// Longest first.
constexpr std::array<std::string_view, 28> kSymbols{
    "==", "!=", "=~", "!~", "|=", "|~", "|>", "!>", ">=", "<=", "=", "|", ">", "<",
    "+",  "-",  "*",  "/",  "%",  "^",  ",",  "(",  ")",  "{",  "}", "[", "]", "."};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_word(char c) {
  return is_letter(c) || is_digit(c);
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  Result<std::vector<Token>> run() {
    for (;;) {
      skip_blanks();
      if (at_ >= query_.size()) break;
      Token token;
      token.offset = at_;
      OBELISK_CHECK_OK(next(token));
      tokens_.push_back(std::move(token));
    }
    Token end;
    end.offset = query_.size();
    tokens_.push_back(std::move(end));
    return std::move(tokens_);
  }

 private:
  void skip_blanks() {
    while (at_ < query_.size()) {
      if (is_space(query_[at_])) {
        ++at_;
      } else if (query_[at_] == '#') {
        size_t end = query_.find('\n', at_);
        at_ = end == std::string_view::npos ? query_.size() : end;
      } else {
        return;
      }
    }
  }

  Result<void> next(Token& token) {
    char c = query_[at_];
    if (c == '"' || c == '`') return string_token(token);
    if (is_digit(c) || (c == '.' && at_ + 1 < query_.size() && is_digit(query_[at_ + 1])))
      return number_token(token);
    if (c == '[') return range_token(token);
    if (is_letter(c)) return word_token(token);
    if (query_.substr(at_).starts_with("--") && at_ + 2 < query_.size() && is_letter(query_[at_ + 2])) {
      size_t end = at_ + 2;
      while (end < query_.size() && (is_word(query_[end]) || query_[end] == '-')) ++end;
      token.kind = TokenKind::parser_flag;
      token.text = query_.substr(at_, end - at_);
      if (token.text != "--strict" && token.text != "--keep-empty") {
        return parse_error_at(query_, at_, fmt::format("unknown parser flag {}", token.text));
      }
      at_ = end;
      return {};
    }
    for (std::string_view symbol : kSymbols) {
      if (!query_.substr(at_).starts_with(symbol)) continue;
      token.kind = TokenKind::symbol;
      token.text = symbol;
      at_ += symbol.size();
      return {};
    }
    return parse_error_at(
        query_, at_,
        fmt::format("unexpected character '{}'", query_.substr(at_, decode_rune(query_.substr(at_)).length)));
  }

  Result<void> word_token(Token& token) {
    size_t end = at_;
    while (end < query_.size() && is_word(query_[end])) ++end;
    token.text = query_.substr(at_, end - at_);
    at_ = end;
    std::string lower = to_lower(token.text);
    if (std::find(kFunctions.begin(), kFunctions.end(), lower) != kFunctions.end() && call_follows()) {
      token.kind = TokenKind::function;
      token.text = lower;
    } else if (std::find(kKeywords.begin(), kKeywords.end(), lower) != kKeywords.end()) {
      token.kind = TokenKind::keyword;
      token.text = lower;
    } else {
      token.kind = TokenKind::identifier;
    }
    return {};
  }

  // "(" follows, or by/without with its parenthesis: then the word before is a function.
  bool call_follows() const {
    size_t i = at_;
    auto skip = [&] {
      while (i < query_.size() && is_space(query_[i])) ++i;
    };
    skip();
    if (i < query_.size() && query_[i] == '(') return true;
    size_t begin = i;
    while (i < query_.size() && is_word(query_[i])) ++i;
    std::string word = to_lower(query_.substr(begin, i - begin));
    if (word != "by" && word != "without") return false;
    skip();
    return i < query_.size() && query_[i] == '(';
  }

  Result<void> number_token(Token& token) {
    // The number as Go's scanner reads it; then what may follow it.
    size_t end = at_;
    bool based = query_[end] == '0' && end + 1 < query_.size() &&
                 std::string_view("xXbBoO").find(query_[end + 1]) != std::string_view::npos;
    if (based) {
      end += 2;
      while (end < query_.size() && (is_word(query_[end]) || query_[end] == '.' ||
                                     ((query_[end] == '-' || query_[end] == '+') &&
                                      (query_[end - 1] == 'p' || query_[end - 1] == 'P')))) {
        ++end;
      }
    } else {
      while (end < query_.size() && (is_digit(query_[end]) || query_[end] == '.')) ++end;
      size_t exponent = end;
      if (exponent < query_.size() && (query_[exponent] == 'e' || query_[exponent] == 'E')) {
        ++exponent;
        if (exponent < query_.size() && (query_[exponent] == '+' || query_[exponent] == '-')) ++exponent;
        size_t digits = exponent;
        while (digits < query_.size() && is_digit(query_[digits])) ++digits;
        if (digits > exponent) end = digits;
      }
      if (unit_token(token, end)) return {};
    }
    token.kind = TokenKind::number;
    token.text = query_.substr(at_, end - at_);
    at_ = end;
    return {};
  }

  bool unit_token(Token& token, size_t end) {
    auto extend = [&](auto accepts) {
      size_t to = end;
      while (to < query_.size()) {
        Rune rune = decode_rune(query_.substr(to));
        if (!accepts(rune.value)) break;
        to += rune.length;
      }
      return to;
    };
    size_t to = extend([](char32_t r) {
      return (r >= '0' && r <= '9') || r == '.' || r == 'n' || r == 'u' || r == 0xB5 || r == 0x3BC ||
             r == 'm' || r == 's' || r == 'h' || r == 'd' || r == 'w' || r == 'y';
    });
    std::string_view text = query_.substr(at_, to - at_);
    if (to > end) {
      if (Result<int64_t> nanos = parse_duration_literal(text); nanos.ok()) {
        token.kind = TokenKind::duration;
        token.text = text;
        token.nanos = *nanos;
        at_ = to;
        return true;
      }
    }
    // A size with its unit written out, in any case of letters ("2kb"), before the forms that may stop at a
    // prefix ("2k").
    to = extend([](char32_t r) {
      return (r >= '0' && r <= '9') || r == '.' ||
             (r < 128 &&
              std::string_view("bBiIkKmMgGtTpP").find(static_cast<char>(r)) != std::string_view::npos);
    });
    bool ends_with_unit = to > end && (query_[to - 1] == 'b' || query_[to - 1] == 'B');
    bool word_ends = to == query_.size() || !is_word(query_[to]);
    if (ends_with_unit && word_ends && take_size(token, to)) return true;
    to = extend([](char32_t r) {
      return (r >= '0' && r <= '9') || r == '.' || r == 'B' || r == 'i' || r == 'K' || r == 'k' || r == 'M' ||
             r == 'G' || r == 'T' || r == 'P' || r == 'E';
    });
    return to > end && take_size(token, to);
  }

  bool take_size(Token& token, size_t to) {
    std::string_view text = query_.substr(at_, to - at_);
    Result<uint64_t> size = parse_bytes(text);
    if (!size.ok()) return false;
    token.kind = TokenKind::bytes;
    token.text = text;
    token.size = *size;
    at_ = to;
    return true;
  }

  Result<void> range_token(Token& token) {
    size_t close = query_.find(']', at_);
    if (close == std::string_view::npos)
      return parse_error_at(query_, at_, "missing closing ']' in duration");
    std::string_view inside = trim(query_.substr(at_ + 1, close - at_ - 1));
    Result<int64_t> nanos = parse_duration_literal(inside);
    if (!nanos.ok()) {
      std::string_view message = nanos.error().message;
      if (message.starts_with("time: ")) message.remove_prefix(6);
      return parse_error_at(query_, at_, message);
    }
    if (*nanos <= 0)
      return parse_error_at(query_, at_, fmt::format("a range must be longer than 0: [{}]", inside));
    token.kind = TokenKind::range;
    token.text = inside;
    token.nanos = *nanos;
    at_ = close + 1;
    return {};
  }

  Result<void> string_token(Token& token) {
    token.kind = TokenKind::string;
    char quote = query_[at_];
    size_t begin = at_++;
    if (quote == '`') {
      size_t close = query_.find('`', at_);
      if (close == std::string_view::npos) return parse_error_at(query_, begin, "literal not terminated");
      token.text = query_.substr(at_, close - at_);
      std::erase(token.text, '\r');
      at_ = close + 1;
      return {};
    }
    while (at_ < query_.size() && query_[at_] != '"') {
      if (query_[at_] == '\n') return parse_error_at(query_, begin, "literal not terminated");
      if (query_[at_] == '\\') {
        OBELISK_CHECK_OK(escape(token.text, begin));
      } else {
        token.text += query_[at_++];
      }
    }
    if (at_ >= query_.size()) return parse_error_at(query_, begin, "literal not terminated");
    ++at_;
    return {};
  }

  Result<void> escape(std::string& out, size_t begin) {
    size_t start = at_++;
    if (at_ >= query_.size()) return parse_error_at(query_, begin, "literal not terminated");
    char kind = query_[at_++];
    static constexpr std::string_view kNames = "abfnrtv\\\"";
    static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"";
    if (size_t known = kNames.find(kind); known != std::string_view::npos) {
      out += kValues[known];
      return {};
    }
    size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    int base = 16;
    if (kind >= '0' && kind <= '7') {
      digits = 3;
      base = 8;
      --at_;
    }
    if (digits == 0 || at_ + digits > query_.size())
      return parse_error_at(query_, start, "invalid char escape");
    uint64_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      char d = query_[at_++];
      int digit = is_digit(d)            ? d - '0'
                  : d >= 'a' && d <= 'f' ? d - 'a' + 10
                  : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                         : 99;
      if (digit >= base) return parse_error_at(query_, start, "invalid char escape");
      value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    }
    if (kind == 'u' || kind == 'U') {
      if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return parse_error_at(query_, start, "invalid char escape");
      append_rune(out, static_cast<char32_t>(value));
    } else {
      if (value > 255) return parse_error_at(query_, start, "invalid char escape");
      out += static_cast<char>(value);
    }
    return {};
  }

  std::string_view query_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Error parse_error_at(std::string_view query, uint64_t offset, std::string_view message) {
  Position position = position_of(query, offset);
  return Error{ErrorCode::parse_error,
               fmt::format("parse error at line {}, col {}: {}", position.line, position.column, message),
               position};
}

Error parse_error(std::string_view message) {
  return make_error(ErrorCode::parse_error, fmt::format("parse error : {}", message));
}

std::string token_name(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "$end";
    case TokenKind::string:
      return "STRING";
    case TokenKind::number:
      return "NUMBER";
    case TokenKind::duration:
      return "DURATION";
    case TokenKind::bytes:
      return "BYTES";
    case TokenKind::identifier:
      return "IDENTIFIER";
    case TokenKind::range:
      return "RANGE";
    case TokenKind::parser_flag:
      return "PARSER_FLAG";
    case TokenKind::keyword:
    case TokenKind::function:
    case TokenKind::symbol:
      return token.text;
  }
  return "";
}

Result<std::vector<Token>> lex(std::string_view query) {
  if (query.size() > kQueryBytesMax) {
    return parse_error(fmt::format("input size too long ({} > {})", query.size(), kQueryBytesMax));
  }
  if (!is_valid_utf8(query)) return parse_error("invalid UTF-8 encoding");
  return Lexer(query).run();
}

}  // namespace obelisk::logql
