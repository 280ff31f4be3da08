#include "model/ids.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(Ids, HexRoundTripsAndPads) {
  std::optional<TraceId> id = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->to_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(TraceId::from_hex("1")->to_hex(), "00000000000000000000000000000001");
  EXPECT_FALSE(TraceId::from_hex("").has_value());
  EXPECT_FALSE(TraceId::from_hex(std::string(33, 'a')).has_value());
  EXPECT_FALSE(TraceId::from_bytes("short").has_value());
  std::optional<SpanId> span = SpanId::from_hex("00f067aa0ba902b7");
  EXPECT_EQ(span->value, 0x00f067aa0ba902b7u);
  EXPECT_EQ(span->to_hex(), "00f067aa0ba902b7");
  EXPECT_EQ(SpanId::from_bytes(span->to_bytes()), span);
}

}  // namespace
}  // namespace obelisk
