#include "net/grpc_framing.h"

#include <gtest/gtest.h>

#include "net/content_encoding.h"
#include "net/grpc_call.h"

namespace obelisk {
namespace {

TEST(GrpcFrameParser, FindsMessagesWhateverTheCuts) {
  std::string first(300, 'a');
  std::string wire =
      grpc_message_prefix(first.size()) + first + grpc_message_prefix(0) + grpc_message_prefix(2) + "bc";
  for (size_t step : {1ul, 2ul, 3ul, 7ul, 100ul, wire.size()}) {
    GrpcFrameParser parser(1000);
    for (size_t i = 0; i < wire.size(); i += step)
      ASSERT_TRUE(parser.feed(std::string_view(wire).substr(i, step)).ok());
    EXPECT_TRUE(parser.at_boundary());
    auto frames = parser.take_frames();
    ASSERT_EQ(frames.size(), 3u) << step;
    EXPECT_EQ(frames[0].bytes, first);
    EXPECT_EQ(frames[1].bytes, "");
    EXPECT_EQ(frames[2].bytes, "bc");
  }
}

TEST(GrpcFrameParser, RefusesBadPrefixes) {
  GrpcFrameParser flag(1000);
  EXPECT_EQ(flag.feed(std::string("\2\0\0\0\1x", 6)).error().code, ErrorCode::invalid_argument);
  GrpcFrameParser large(1000);
  EXPECT_EQ(large.feed(std::string("\0\0\0\3\xe9", 5)).error().code, ErrorCode::too_large);
  GrpcFrameParser truncated(1000);
  EXPECT_TRUE(truncated.feed(std::string("\0\0\0\0\5abc", 8)).ok());
  EXPECT_FALSE(truncated.at_boundary());
}

TEST(GrpcFrameParser, BoundsTheNumberOfMessages) {
  GrpcFrameParser parser(1000);
  std::string empty = grpc_message_prefix(0);
  for (size_t i = 0; i < GrpcFrameParser::kMessagesMax; ++i) ASSERT_TRUE(parser.feed(empty).ok());
  EXPECT_EQ(parser.feed(empty).error().code, ErrorCode::too_large);
}

TEST(GrpcTimeout, ReadsEveryUnit) {
  EXPECT_EQ(parse_grpc_timeout("5n"), 5);
  EXPECT_EQ(parse_grpc_timeout("5u"), 5'000);
  EXPECT_EQ(parse_grpc_timeout("250m"), 250'000'000);
  EXPECT_EQ(parse_grpc_timeout("10S"), 10'000'000'000);
  EXPECT_EQ(parse_grpc_timeout("2M"), 120'000'000'000);
  EXPECT_EQ(parse_grpc_timeout("1H"), 3'600'000'000'000);
  EXPECT_GT(*parse_grpc_timeout("99999999H"), 0);
  for (const char* bad : {"", "S", "5", "5x", "-5S", "123456789S", "1.5S"})
    EXPECT_FALSE(parse_grpc_timeout(bad).has_value()) << bad;
}

TEST(GrpcStatusText, IsPercentEncoded) {
  EXPECT_EQ(encode_grpc_status_text("50% of\n\xC3\xBC"), "50%25 of%0A%C3%BC");
}

TEST(DecodeGrpcFrames, UndoesCompression) {
  std::vector<GrpcFrame> frames{{true, gzip_compress("hello")}, {false, "plain"}};
  auto messages = decode_grpc_frames(frames, "gzip", 100);
  ASSERT_TRUE(messages.ok());
  EXPECT_EQ(*messages, (std::vector<std::string>{"hello", "plain"}));
  EXPECT_EQ(decode_grpc_frames(frames, "", 100).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(decode_grpc_frames(frames, "snappy", 100).error().code, ErrorCode::unsupported);
  EXPECT_EQ(decode_grpc_frames(frames, "gzip", 9).error().code, ErrorCode::too_large);  // the sum counts
}

}  // namespace
}  // namespace obelisk
