#include "query/core/script_edit.h"

#include <algorithm>

#include "base/assert.h"

namespace obelisk {

std::string apply_script_edits(std::string_view script, const std::vector<ScriptEdit>& edits) {
  std::string out;
  size_t line = 0;
  auto pass = [&](size_t until, bool keep) {
    for (; line < until && !script.empty(); ++line) {
      size_t end = script.find('\n');
      size_t length = end == std::string_view::npos ? script.size() : end + 1;
      if (keep) out += script.substr(0, length);
      script.remove_prefix(length);
    }
  };
  for (const ScriptEdit& edit : edits) {
    OBELISK_ASSERT(edit.first_line >= line);
    pass(edit.first_line, true);
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    for (const std::string& text : edit.lines) out += text + "\n";
    pass(edit.first_line + edit.line_count, false);
  }
  pass(SIZE_MAX, true);
  return out;
}

}  // namespace obelisk
