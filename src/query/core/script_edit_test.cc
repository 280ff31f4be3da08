#include "query/core/script_edit.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(ScriptEdit, ReplacesInsertsAndRemovesLines) {
  std::string script = "a\nb\nc\nd";
  EXPECT_EQ(apply_script_edits(script, {}), script);
  EXPECT_EQ(apply_script_edits(script, {{1, 1, {"B", "BB"}}, {3, 0, {"before d"}}}),
            "a\nB\nBB\nc\nbefore d\nd");
  EXPECT_EQ(apply_script_edits(script, {{0, 2, {}}}), "c\nd");
  EXPECT_EQ(apply_script_edits(script, {{4, 0, {"e"}}}), "a\nb\nc\nd\ne\n");
}

}  // namespace
}  // namespace obelisk
