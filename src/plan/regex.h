#pragma once
// A compiled regular expression in Go's (RE2's) syntax. Immutable and safe from any thread.
// Patterns that are a literal or an alternation of literals are recognised and compared without the
// automaton. Bounds: RE2's program is limited to 8 MiB, the pattern to 64 KiB.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace obelisk {

class Regex {
 public:
  // anchored: the whole text must match (label matchers); searching: any part (line filters). `.` matches
  // newlines in both, as in the reference systems' matchers.
  enum class Mode { anchored, searching };

  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern, Mode mode);
  ~Regex();

  bool matches(std::string_view text) const;
  // The capture groups' names in order (empty for unnamed); group 0 is not listed.
  const std::vector<std::string>& group_names() const { return group_names_; }
  // Views of groups 0..n of the first match; empty vector when there is none. A group that took no part has
  // null data.
  std::vector<std::string_view> captures(std::string_view text) const;
  const std::string& pattern() const { return pattern_; }
  Mode mode() const { return mode_; }
  // The only texts an anchored pattern can match, when it is an alternation of literals (`a|b|c`); else
  // empty.
  const std::vector<std::string>& literals() const { return literals_; }
  const re2::RE2& re2() const { return *re2_; }

 private:
  Regex() = default;

  std::string pattern_;
  Mode mode_ = Mode::anchored;
  std::vector<std::string> literals_;
  std::vector<std::string> group_names_;
  std::unique_ptr<re2::RE2> re2_;
};

}  // namespace obelisk
