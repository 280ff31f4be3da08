#include "base/result.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return make_error(ErrorCode::invalid_argument, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  OBELISK_TRY(int halved, half(value));
  return half(halved);
}

TEST(Result, PropagatesErrorsAndValues) {
  EXPECT_EQ(*quarter(8), 2);
  ASSERT_FALSE(quarter(6).ok());
  EXPECT_EQ(quarter(6).error().to_string(), "invalid_argument: odd");
  EXPECT_EQ(quarter(6).error().with_context("x").message, "x: odd");
}

TEST(Result, PositionCountsLinesAndColumns) {
  Position position = position_of("ab\ncd", 4);
  EXPECT_EQ(position.line, 2u);
  EXPECT_EQ(position.column, 2u);
  EXPECT_EQ(position_of("ab", 99).column, 3u);
}

}  // namespace
}  // namespace obelisk
