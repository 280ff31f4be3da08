#include "query/logql/json_walk.h"

#include <cstring>

#include "query/core/utf8_runes.h"

namespace obelisk::logql {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<char32_t> hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  char32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    int digit = hex_value(text[at + i]);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return value;
}

bool begins_number(char c) {
  return (c >= '0' && c <= '9') || c == '-';
}

// What is wrong, as the reference says it.
constexpr std::string_view kMalformed = "Malformed JSON error";
constexpr std::string_view kOpenString = "Value is string, but can't find closing '\"' symbol";
constexpr std::string_view kOpenArray = "Value is array, but can't find closing ']' symbol";
constexpr std::string_view kOpenObject = "Value looks like object, but can't find closing '}' symbol";
constexpr std::string_view kUnknownValue = "Unknown value type";

}  // namespace

void JsonCursor::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool JsonCursor::enter(char open) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != open) return false;
  ++at_;
  first_ = true;
  closed_ = false;
  return true;
}

bool JsonCursor::enter_object() {
  if (!enter('{')) return fails(kOpenObject);
  skip_space();
  return at_ < text_.size() || fails(kMalformed);
}

bool JsonCursor::object_ends() {
  size_t begin = at_;
  bool ends = skip_nested('{', '}');
  at_ = begin;
  return ends || fails(kOpenObject);
}

bool JsonCursor::skip_string() {
  // at_ stands on the opening quote.
  size_t i = at_ + 1;
  for (;;) {
    const void* quote = i < text_.size() ? std::memchr(text_.data() + i, '"', text_.size() - i) : nullptr;
    if (quote == nullptr) return false;
    size_t end = static_cast<size_t>(static_cast<const char*>(quote) - text_.data());
    size_t backslashes = 0;
    while (end - backslashes > at_ + 1 && text_[end - backslashes - 1] == '\\') ++backslashes;
    i = end + 1;
    if (backslashes % 2 == 0) break;
  }
  at_ = i;
  return true;
}

bool JsonCursor::next_key(std::string_view& raw_key) {
  closed_ = false;  // an object inside may just have been
  skip_space();
  if (!first_) {
    if (at_ >= text_.size()) return fails(kOpenArray);
    if (text_[at_] == ',') {
      ++at_;
      skip_space();
      if (at_ >= text_.size()) return fails(kOpenArray);
    } else if (text_[at_] != '}') {
      return fails(kOpenObject);
    }
  }
  first_ = false;
  if (at_ >= text_.size()) return fails(kMalformed);
  if (text_[at_] == '}') {
    ++at_;
    closed_ = true;
    return false;
  }
  if (text_[at_] != '"') return fails(kOpenObject);
  size_t begin = at_ + 1;
  if (!skip_string()) return fails(kMalformed);
  raw_key = text_.substr(begin, at_ - 1 - begin);
  skip_space();
  if (at_ >= text_.size() || text_[at_] != ':') return fails(kMalformed);
  ++at_;
  return true;
}

bool JsonCursor::next_element() {
  closed_ = false;
  skip_space();
  if (at_ >= text_.size()) return false;
  if (text_[at_] == ']') {
    ++at_;
    closed_ = true;
    return false;
  }
  if (!first_) {
    if (text_[at_] != ',') return false;
    ++at_;
  }
  first_ = false;
  return true;
}

std::optional<JsonKind> JsonCursor::peek() {
  skip_space();
  if (at_ >= text_.size()) {
    fault_ = kMalformed;
    return std::nullopt;
  }
  switch (text_[at_]) {
    case '"':
      return JsonKind::text;
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

// Skips an object or array by counting its own brackets outside strings.
bool JsonCursor::skip_nested(char open, char close) {
  const char wanted[] = {'"', open, close};
  size_t depth = 0;
  for (;;) {
    size_t next = text_.find_first_of(std::string_view(wanted, sizeof wanted), at_);
    if (next == std::string_view::npos) return false;
    at_ = next;
    if (text_[at_] == '"') {
      if (!skip_string()) return false;
      continue;
    }
    depth += text_[at_++] == open ? 1 : static_cast<size_t>(-1);
    if (depth == 0) return true;
  }
}

bool JsonCursor::value(JsonToken& token) {
  std::optional<JsonKind> kind = peek();
  if (!kind) return false;
  token.kind = *kind;
  size_t begin = at_;
  switch (*kind) {
    case JsonKind::text:
      if (!skip_string()) return fails(kOpenString);
      token.raw = text_.substr(begin + 1, at_ - begin - 2);
      break;
    case JsonKind::object:
      if (!skip_nested('{', '}')) return fails(kOpenObject);
      token.raw = text_.substr(begin, at_ - begin);
      break;
    case JsonKind::array:
      if (!skip_nested('[', ']')) return fails(kOpenArray);
      token.raw = text_.substr(begin, at_ - begin);
      break;
    default: {
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' &&
             text_[at_] != ']')
        ++at_;
      token.raw = text_.substr(begin, at_ - begin);
      bool good = *kind == JsonKind::boolean ? token.raw == "true" || token.raw == "false"
                  : *kind == JsonKind::null  ? token.raw == "null"
                                             : !token.raw.empty() && begins_number(token.raw[0]);
      if (!good) return fails(kUnknownValue);
    }
  }
  return true;
}

std::optional<std::string_view> unescape_json(std::string_view raw, std::string& buffer) {
  size_t first = raw.find('\\');
  if (first == std::string_view::npos) return raw;
  buffer.assign(raw.substr(0, first));
  for (size_t i = first; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      buffer += raw[i];
      continue;
    }
    if (++i >= raw.size()) return std::nullopt;
    switch (raw[i]) {
      case '"':
        buffer += '"';
        break;
      case '\\':
        buffer += '\\';
        break;
      case '/':
        buffer += '/';
        break;
      case 'b':
        buffer += '\b';
        break;
      case 'f':
        buffer += '\f';
        break;
      case 'n':
        buffer += '\n';
        break;
      case 'r':
        buffer += '\r';
        break;
      case 't':
        buffer += '\t';
        break;
      case 'u': {
        std::optional<char32_t> value = hex4(raw, i + 1);
        if (!value) return std::nullopt;
        i += 4;
        if (*value >= 0xD800 && *value < 0xE000) {
          std::optional<char32_t> low;
          if (*value < 0xDC00 && raw.substr(i + 1).starts_with("\\u")) low = hex4(raw, i + 3);
          if (!low || *low < 0xDC00 || *low >= 0xE000) return std::nullopt;
          value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
          i += 6;
        }
        append_rune(buffer, *value);
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return std::string_view(buffer);
}

std::optional<std::vector<JsonPathStep>> parse_json_path(std::string_view path) {
  std::vector<JsonPathStep> steps;
  size_t i = 0;
  auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  auto skip = [&] {
    while (i < path.size() && is_space(path[i])) ++i;
  };
  skip();
  while (i < path.size()) {
    if (steps.size() >= static_cast<size_t>(kJsonDepthMax)) return std::nullopt;
    JsonPathStep step;
    if (path[i] == '[') {
      ++i;
      skip();
      if (i < path.size() && (path[i] == '"' || path[i] == '\'')) {
        char quote = path[i++];
        while (i < path.size() && path[i] != quote) {
          if (path[i] == '\\' && i + 1 < path.size()) ++i;
          step.key += path[i++];
        }
        if (i >= path.size()) return std::nullopt;
        ++i;
      } else {
        size_t begin = i;
        while (i < path.size() && path[i] >= '0' && path[i] <= '9')
          step.index = step.index * 10 + static_cast<size_t>(path[i++] - '0');
        if (i == begin || i - begin > 9) return std::nullopt;
        step.is_index = true;
      }
      skip();
      if (i >= path.size() || path[i] != ']') return std::nullopt;
      ++i;
    } else {
      if (!steps.empty()) {
        if (path[i] != '.') return std::nullopt;
        ++i;
      }
      size_t begin = i;
      while (i < path.size() && is_word(path[i])) ++i;
      if (i == begin || (path[begin] >= '0' && path[begin] <= '9')) return std::nullopt;
      step.key = path.substr(begin, i - begin);
    }
    steps.push_back(std::move(step));
    skip();
  }
  if (steps.empty()) return std::nullopt;
  return steps;
}

std::optional<JsonToken> find_json_path(std::string_view text, const std::vector<JsonPathStep>& path) {
  JsonCursor cursor(text);
  JsonToken token;
  std::string buffer;
  for (const JsonPathStep& step : path) {
    bool found = false;
    if (step.is_index) {
      if (!cursor.enter_array()) return std::nullopt;
      for (size_t i = 0; cursor.next_element(); ++i) {
        if (i == step.index) {
          found = true;
          break;
        }
        if (!cursor.value(token)) return std::nullopt;
      }
    } else {
      if (!cursor.enter_object()) return std::nullopt;
      std::string_view raw_key;
      while (cursor.next_key(raw_key)) {
        if (raw_key == step.key || unescape_json(raw_key, buffer).value_or("") == step.key) {
          found = true;
          break;
        }
        if (!cursor.value(token)) return std::nullopt;
      }
    }
    if (!found) return std::nullopt;
  }
  if (!cursor.value(token)) return std::nullopt;
  return token;
}

}  // namespace obelisk::logql
