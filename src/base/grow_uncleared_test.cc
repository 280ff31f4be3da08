// Goal: a text is as long as asked for, whatever its capacity becomes, and keeps what it had.
#include "base/grow_uncleared.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(GrowUncleared, GivesTheLengthThatWasAskedForAndKeepsTheFront) {
  for (size_t before : {0u, 3u, 15u, 16u, 100u}) {
    for (size_t added : {0u, 1u, 10u, 11u, 17u, 100u, 5000u}) {
      std::string text(before, 'a');
      grow_uncleared(text, before + added);
      ASSERT_EQ(text.size(), before + added) << before << " + " << added;
      EXPECT_EQ(text.substr(0, before), std::string(before, 'a'));
      EXPECT_EQ(text.c_str()[text.size()], 0);
    }
  }
}

}  // namespace
}  // namespace obelisk
