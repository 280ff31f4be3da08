#pragma once
// Percent-decoding and the parameters of query strings and form bodies. Pure functions; bad input is an Error
// with code invalid_argument and the byte offset as its position.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace obelisk {

// `plus_is_space`: true for queries and forms, false for paths.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
// Everything but letters, digits and "-._~" becomes %XX: safe as a path segment and as a parameter.
std::string percent_encode(std::string_view text);

// What identifies a request target. `path` is decoded, `query` is not.
struct TargetParts {
  std::string path;
  std::string query;
};
// Accepts origin form ("/a?b") and "*". A NUL byte in the decoded path is refused.
Result<TargetParts> split_target(std::string_view target);

// "http://user:secret@host/x" -> "http://***@host/x": for messages and logs.
std::string without_credentials(std::string_view url);

// Names with any number of values, in the order in which they came.
class Parameters {
 public:
  // The form "a=1&b=x%20y"; '+' is a space. At most kCountMax parameters, so that a hostile query string
  // cannot make look-ups slow; Grafana sends at most a few hundred match[].
  static constexpr size_t kCountMax = 10'000;
  static Result<Parameters> parse(std::string_view encoded);

  // Adds the parameters of another, after those present: a query string and then a form body.
  void append(Parameters other);
  void add(std::string name, std::string value) { entries_.emplace_back(std::move(name), std::move(value)); }

  // The first value, or nullopt when the name is absent. The view lives as long as these parameters.
  std::optional<std::string_view> get(std::string_view name) const;
  std::string_view get_or(std::string_view name, std::string_view fallback) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  bool contains(std::string_view name) const { return get(name).has_value(); }
  bool empty() const { return entries_.empty(); }
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
  // The inverse of parse.
  std::string encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

}  // namespace obelisk
