#pragma once
// Patterns of literals and captures: `<ip> - <_> "<method> <path>"`, of the `pattern` parser and of |> and
// !>. Immutable, safe from any thread.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::logql {

class LinePattern {
 public:
  // For the parser: at least one named capture, no two captures side by side, no name twice.
  static Result<LinePattern> for_parser(std::string_view text);
  // For line filters: only `<_>`, no two side by side.
  static Result<LinePattern> for_filter(std::string_view text);

  // The names of the captures that have one, in order.
  const std::vector<std::string>& names() const { return names_; }
  // The values of the leading captures that the line has, one for each name; fewer when the line is shorter.
  // Empty when the line does not begin with the pattern's leading literal.
  void capture(std::string_view line, std::vector<std::string_view>& values) const;
  // Whether the whole line fits: the literals stand in it in order, each at the first place behind the one
  // before, no capture is empty, and the line ends where the pattern does. As in the reference, a literal at
  // the beginning may stand further on. An empty line fits only the empty pattern, and that only an empty
  // line.
  bool matches(std::string_view line) const;
  // The longest literal, which every line that matches contains; empty when there is none.
  std::string_view longest_literal() const;

 private:
  struct Part {
    bool is_capture = false;
    std::string text;  // the literal, or the capture's name ("_" for none)
  };
  static Result<LinePattern> split(std::string_view text);
  Result<void> check_captures_apart(std::string_view of) const;

  std::vector<Part> parts_;
  std::vector<std::string> names_;
};

}  // namespace obelisk::logql
