#pragma once
// Rewriting the expectations of a query script by what came (`--update`): the reviewer reads the difference
// that version control shows, instead of typing expected lines. Values, safe from any thread.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk {

// Lines first_line .. first_line + line_count - 1, counted from 0, become `lines` (without line ends).
struct ScriptEdit {
  size_t first_line = 0;
  size_t line_count = 0;
  std::vector<std::string> lines;
};

// `edits` are in the order of the script and do not overlap. Every other byte stays as it is.
std::string apply_script_edits(std::string_view script, const std::vector<ScriptEdit>& edits);

}  // namespace obelisk
