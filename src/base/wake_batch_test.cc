// Goal: in a scope nothing is woken before its end, in the order it was asked for, and other threads do not
// take part.
#include "base/wake_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace obelisk {
namespace {

TEST(WakeBatch, WakesAtTheEndOfTheScope) {
  std::string woken;
  EXPECT_FALSE(WakeBatch::active());
  {
    WakeBatch together;
    EXPECT_TRUE(WakeBatch::active());
    WakeBatch::defer([&] { woken += 'a'; });
    WakeBatch::defer([&] {
      EXPECT_FALSE(WakeBatch::active());  // so that waking may post
      woken += 'b';
    });
    EXPECT_EQ(woken, "");
    std::thread([] { EXPECT_FALSE(WakeBatch::active()); }).join();
  }
  EXPECT_EQ(woken, "ab");
  EXPECT_FALSE(WakeBatch::active());
}

}  // namespace
}  // namespace obelisk
