#include "query/logql/line_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/logql/lexer.h"

namespace obelisk::logql {
namespace {

// The name in `<name>` at the start of the text; empty when there is none.
std::string_view capture_name(std::string_view text) {
  size_t i = 1;
  auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.size() < 3 || text[0] != '<' || !is_word(text[1])) return {};
  while (i < text.size() && (is_word(text[i]) || (text[i] >= '0' && text[i] <= '9'))) ++i;
  return i < text.size() && text[i] == '>' ? text.substr(1, i - 1) : std::string_view();
}

}  // namespace

Result<LinePattern> LinePattern::split(std::string_view text) {
  LinePattern pattern;
  for (size_t i = 0; i < text.size();) {
    std::string_view name = capture_name(text.substr(i));
    if (!name.empty()) {
      pattern.parts_.push_back({true, std::string(name)});
      if (name != "_") pattern.names_.emplace_back(name);
      i += name.size() + 2;
    } else {
      if (pattern.parts_.empty() || pattern.parts_.back().is_capture) pattern.parts_.push_back({false, ""});
      pattern.parts_.back().text += text[i++];
    }
  }
  return pattern;
}

Result<void> LinePattern::check_captures_apart(std::string_view of) const {
  for (size_t i = 1; i < parts_.size(); ++i) {
    if (parts_[i].is_capture && parts_[i - 1].is_capture) {
      return parse_error(fmt::format("{}found consecutive capture '<{}><{}>': invalid expression", of,
                                     parts_[i - 1].text, parts_[i].text));
    }
  }
  return {};
}

Result<LinePattern> LinePattern::for_parser(std::string_view text) {
  OBELISK_TRY(LinePattern pattern, split(text));
  if (pattern.names_.empty()) return parse_error("invalid pattern parser: at least one capture is required");
  OBELISK_CHECK_OK(pattern.check_captures_apart("invalid pattern parser: "));
  std::vector<std::string> sorted = pattern.names_;
  std::sort(sorted.begin(), sorted.end());
  if (auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    return parse_error(
        fmt::format("invalid pattern parser: duplicate capture name ({}): invalid expression", *twice));
  }
  return pattern;
}

Result<LinePattern> LinePattern::for_filter(std::string_view text) {
  OBELISK_TRY(LinePattern pattern, split(text));
  OBELISK_CHECK_OK(pattern.check_captures_apart(""));
  if (!pattern.names_.empty()) {
    return parse_error(
        fmt::format("named captures are not allowed in a pattern line filter: <{}>", pattern.names_[0]));
  }
  return pattern;
}

void LinePattern::capture(std::string_view line, std::vector<std::string_view>& values) const {
  values.clear();
  if (line.empty()) return;
  size_t at = 0;
  size_t i = 0;
  if (!parts_[0].is_capture) {
    if (!line.starts_with(parts_[0].text)) return;
    at = parts_[0].text.size();
    i = 1;
  }
  for (; i < parts_.size(); i += 2) {
    bool named = parts_[i].text != "_";
    size_t end = i + 1 < parts_.size() ? line.find(parts_[i + 1].text, at) : std::string_view::npos;
    if (named) values.push_back(line.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return;
    at = end + parts_[i + 1].text.size();
  }
}

bool LinePattern::matches(std::string_view line) const {
  if (line.empty() || parts_.empty()) return line.empty() && parts_.empty();
  size_t at = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].is_capture) continue;
    // The first place where the literal stands, as the reference takes it: it does not try later ones.
    size_t found = line.find(parts_[i].text, at);
    if (found == std::string_view::npos) return false;
    if (i > 0 && found == at) return false;  // the capture before it would be empty
    at = found + parts_[i].text.size();
  }
  bool something_left = at < line.size();
  return parts_.back().is_capture == something_left;
}

std::string_view LinePattern::longest_literal() const {
  std::string_view longest;
  for (const Part& part : parts_) {
    if (!part.is_capture && part.text.size() > longest.size()) longest = part.text;
  }
  return longest;
}

}  // namespace obelisk::logql
