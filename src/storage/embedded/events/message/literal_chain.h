#pragma once
// A pattern that is literals with anything between them ("refused.*timeout", ".*a.*b.*"), as people type into
// a search: looked for one after the other, a few times as fast as by an automaton. The leftmost place of
// each leaves most room for the next, so the first try decides.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::message {

class LiteralChain {
 public:
  // Of a pattern that is searched for; nullopt when it is anything else. Its dot is any character, but none
  // that ends a line where the pattern begins with (?-s).
  static std::optional<LiteralChain> of(std::string_view pattern);

  // nullopt: the text has something that a dot may not match: bytes beyond ASCII, of which it matches those
  // that are characters, or the end of a line.
  std::optional<bool> matches(std::string_view text) const;
  const std::vector<std::string>& literals() const { return literals_; }

 private:
  std::vector<std::string> literals_;
  bool dot_ends_at_lines_ = false;
};

}  // namespace obelisk::message
