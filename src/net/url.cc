#include "net/url.h"

#include <fmt/format.h>

namespace obelisk {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error bad_url(std::string message, size_t offset) {
  return Error{ErrorCode::invalid_argument, std::move(message),
               Position{offset, 1, static_cast<uint32_t>(offset) + 1}};
}

Error shifted(Error error, size_t offset) {
  if (error.position) {
    error.position->offset += offset;
    error.position->column += static_cast<uint32_t>(offset);
  }
  return error;
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (c == '%') {
      int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_url("'%' must be followed by two hexadecimal digits", i);
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      decoded.push_back(c);
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c)) {
      encoded.push_back(c);
    } else {
      auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

Result<TargetParts> split_target(std::string_view target) {
  if (target == "*") return TargetParts{"*", ""};
  if (target.empty() || target[0] != '/') return bad_url("the request target must start with '/'", 0);
  size_t question = target.find('?');
  std::string_view raw_path = target.substr(0, question);
  TargetParts parts;
  OBELISK_TRY(parts.path, percent_decode(raw_path, false));
  if (size_t nul = parts.path.find('\0'); nul != std::string::npos)
    return bad_url("NUL byte in the path", nul);
  if (question != std::string_view::npos) parts.query = target.substr(question + 1);
  return parts;
}

std::string without_credentials(std::string_view url) {
  size_t scheme = url.find("://");
  size_t authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  size_t end = url.find_first_of("/?#", authority);
  std::string_view host = url.substr(authority, end == std::string_view::npos ? end : end - authority);
  size_t at = host.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return fmt::format("{}***{}", url.substr(0, authority), url.substr(authority + at));
}

Result<Parameters> Parameters::parse(std::string_view encoded) {
  Parameters parameters;
  size_t begin = 0;
  while (begin < encoded.size()) {
    size_t end = std::min(encoded.find('&', begin), encoded.size());
    std::string_view item = encoded.substr(begin, end - begin);
    if (!item.empty()) {
      if (parameters.entries_.size() >= kCountMax)
        return Error{ErrorCode::too_large, fmt::format("more than {} parameters", kCountMax),
                     Position{begin, 1, 1}};
      size_t equals = std::min(item.find('='), item.size());
      auto name = percent_decode(item.substr(0, equals), true);
      if (!name.ok()) return shifted(name.error(), begin).with_context("parameter name");
      size_t value_at = std::min(equals + 1, item.size());
      auto value = percent_decode(item.substr(value_at), true);
      if (!value.ok())
        return shifted(value.error(), begin + value_at).with_context(fmt::format("parameter \"{}\"", *name));
      parameters.entries_.emplace_back(std::move(*name), std::move(*value));
    }
    begin = end + 1;
  }
  return parameters;
}

void Parameters::append(Parameters other) {
  for (auto& entry : other.entries_) entries_.push_back(std::move(entry));
}

std::optional<std::string_view> Parameters::get(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view Parameters::get_or(std::string_view name, std::string_view fallback) const {
  return get(name).value_or(fallback);
}

std::vector<std::string_view> Parameters::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : entries_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::string Parameters::encode() const {
  std::string encoded;
  for (const auto& [name, value] : entries_) {
    if (!encoded.empty()) encoded += '&';
    encoded += percent_encode(name);
    encoded += '=';
    encoded += percent_encode(value);
  }
  return encoded;
}

}  // namespace obelisk
