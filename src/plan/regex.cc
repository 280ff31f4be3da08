#include "plan/regex.h"

#include <re2/re2.h>

#include <algorithm>

namespace obelisk {
namespace {

// `a|b|c` without any character that means something in a regular expression.
std::vector<std::string> literal_alternatives(std::string_view pattern) {
  if (pattern.empty() || pattern.find_first_of("\\.+*?()[]{}^$") != std::string_view::npos) return {};
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t i = 0; i <= pattern.size(); ++i) {
    if (i == pattern.size() || pattern[i] == '|') {
      parts.emplace_back(pattern.substr(start, i - start));
      start = i + 1;
    }
  }
  return parts;
}

}  // namespace

Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern, Mode mode) {
  if (pattern.size() > 64 * 1024)
    return make_error(ErrorCode::too_large, "regular expression longer than 64 KiB");
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(8 << 20);
  std::shared_ptr<Regex> regex(new Regex);
  regex->pattern_ = pattern;
  regex->mode_ = mode;
  regex->re2_ = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->re2_->ok()) {
    return make_error(ErrorCode::parse_error, "regular expression \"" + std::string(pattern.substr(0, 128)) +
                                                  "\": " + regex->re2_->error());
  }
  regex->literals_ = literal_alternatives(pattern);
  regex->group_names_.resize(static_cast<size_t>(regex->re2_->NumberOfCapturingGroups()));
  for (const auto& [index, name] : regex->re2_->CapturingGroupNames()) {
    regex->group_names_[static_cast<size_t>(index - 1)] = name;
  }
  return std::shared_ptr<const Regex>(std::move(regex));
}

bool Regex::matches(std::string_view text) const {
  if (!literals_.empty()) {
    if (mode_ == Mode::anchored)
      return std::find(literals_.begin(), literals_.end(), text) != literals_.end();
    return std::any_of(literals_.begin(), literals_.end(), [&](const std::string& literal) {
      return text.find(literal) != std::string_view::npos;
    });
  }
  return re2_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                     mode_ == Mode::anchored ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, nullptr, 0);
}

std::vector<std::string_view> Regex::captures(std::string_view text) const {
  std::vector<re2::StringPiece> pieces(group_names_.size() + 1);
  if (!re2_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                   mode_ == Mode::anchored ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, pieces.data(),
                   static_cast<int>(pieces.size()))) {
    return {};
  }
  std::vector<std::string_view> groups;
  groups.reserve(pieces.size());
  for (const re2::StringPiece& piece : pieces) groups.emplace_back(piece.data(), piece.size());
  return groups;
}

}  // namespace obelisk
