#pragma once
// Takes the pieces of a test script's line off its front. For the script runner only: what does not read is
// thrown as std::runtime_error and reported with the line's number.
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "model/labels.h"
#include "query/logql/literals.h"

namespace obelisk::logql {

inline std::string without_comment(const std::string& line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quote != 0) {
      if (c == '\\' && quote == '"')
        ++i;
      else if (c == quote)
        quote = 0;
    } else if (c == '"' || c == '`') {
      quote = c;
    } else if (c == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

// Takes pieces off the front of a line.
class ScriptLine {
 public:
  explicit ScriptLine(std::string_view text) : rest_(trim(text)) {}

  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  bool starts_with(std::string_view text) const { return rest_.starts_with(text); }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_ = trim(rest_.substr(word.size()));
    return true;
  }
  std::string word() {
    size_t end = rest_.find_first_of(" \t]");
    std::string out(rest_.substr(0, end));
    rest_ = trim(rest_.substr(std::min(out.size(), rest_.size())));
    return out;
  }
  int64_t time() {
    std::string text = word();
    Result<int64_t> nanos = parse_duration_value(text);
    if (!nanos.ok()) throw std::runtime_error("bad time " + text);
    return *nanos;
  }
  // Raw text between quotes or backticks.
  std::string quoted() {
    char quote = rest_.empty() ? 0 : rest_[0];
    size_t end = quote == '"' || quote == '`' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos)
      throw std::runtime_error("quoted text expected at: " + std::string(rest_));
    std::string out(rest_.substr(1, end - 1));
    rest_ = trim(rest_.substr(end + 1));
    return out;
  }
  std::vector<std::pair<std::string, std::string>> pairs(char end) {
    std::vector<std::pair<std::string, std::string>> out;
    for (;;) {
      while (take(",")) {
      }
      if (rest_.empty()) throw std::runtime_error("unclosed list");
      if (rest_[0] == end) {
        rest_ = trim(rest_.substr(1));
        return out;
      }
      size_t equals = rest_.find('=');
      if (equals == std::string_view::npos) throw std::runtime_error("name=\"value\" expected");
      std::string name(trim(rest_.substr(0, equals)));
      rest_ = trim(rest_.substr(equals + 1));
      out.emplace_back(std::move(name), escaped_text());
    }
  }
  // Labels, with empty values kept.
  Labels labels() {
    if (!take("{")) throw std::runtime_error("labels expected at: " + std::string(rest_));
    std::map<std::string, std::string> sorted;
    for (auto& [name, value] : pairs('}')) sorted[name] = value;
    std::vector<LabelRef> view;
    for (auto& [name, value] : sorted) view.push_back({name, value});
    return Labels(LabelsView(view));
  }

 private:
  // A value in labels: here \" and \\ are escapes.
  std::string escaped_text() {
    if (rest_.empty() || rest_[0] != '"') return quoted();
    std::string out;
    size_t i = 1;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] == '\\' && i + 1 < rest_.size() && (rest_[i + 1] == '"' || rest_[i + 1] == '\\')) ++i;
      out += rest_[i];
    }
    rest_ = trim(rest_.substr(std::min(i + 1, rest_.size())));
    return out;
  }

  std::string_view rest_;
};

}  // namespace obelisk::logql
