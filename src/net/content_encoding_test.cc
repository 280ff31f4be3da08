#include "net/content_encoding.h"

#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

namespace obelisk {
namespace {

constexpr size_t kLimit = 1 << 20;

std::string sample() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

std::string deflate_with(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd_compress(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

std::string snappy_compress(std::string_view text) {
  std::string out;
  snappy::Compress(text.data(), text.size(), &out);
  return out;
}

struct Case {
  const char* encoding;
  std::string encoded;
};

std::vector<Case> encoded_cases(const std::string& text) {
  return {{"gzip", gzip_compress(text)},
          {"x-gzip", deflate_with(text, 31)},
          {"deflate", deflate_with(text, 15)},
          {"deflate", deflate_with(text, -15)},
          {"zstd", zstd_compress(text)},
          {"snappy", snappy_compress(text)},
          {"identity", text},
          {"", text},
          {"GZIP", gzip_compress(text)}};
}

TEST(DecodeContent, UndoesEveryEncoding) {
  for (const std::string& text : {std::string(), std::string("x"), sample()}) {
    for (const Case& c : encoded_cases(text)) {
      auto decoded = decode_content(c.encoding, c.encoded, kLimit);
      ASSERT_TRUE(decoded.ok()) << c.encoding << ": " << decoded.error().to_string();
      EXPECT_EQ(*decoded, text) << c.encoding;
    }
  }
}

TEST(DecodeContent, AcceptsExactlyTheLimit) {
  std::string text = sample();
  for (const Case& c : encoded_cases(text)) {
    EXPECT_TRUE(decode_content(c.encoding, c.encoded, text.size()).ok()) << c.encoding;
    auto over = decode_content(c.encoding, c.encoded, text.size() - 1);
    ASSERT_FALSE(over.ok()) << c.encoding;
    EXPECT_EQ(over.error().code, ErrorCode::too_large) << over.error().to_string();
    EXPECT_NE(over.error().message.find(std::to_string(text.size() - 1)), std::string::npos);
  }
}

TEST(DecodeContent, StopsABomb) {
  std::string zeros(16 << 20, '\0');
  for (const Case& c : encoded_cases(zeros)) {
    auto decoded = decode_content(c.encoding, c.encoded, kLimit);
    ASSERT_FALSE(decoded.ok()) << c.encoding;
    EXPECT_EQ(decoded.error().code, ErrorCode::too_large) << c.encoding;
  }
}

TEST(DecodeContent, ReportsTruncationAtEveryLength) {
  std::string text = "some text that is long enough to be cut in many places, some text, some text";
  for (const Case& c : encoded_cases(text)) {
    if (c.encoded == text) continue;
    for (size_t cut = 0; cut < c.encoded.size(); ++cut) {
      auto decoded = decode_content(c.encoding, c.encoded.substr(0, cut), kLimit);
      ASSERT_FALSE(decoded.ok()) << c.encoding << " cut at " << cut;
      EXPECT_EQ(decoded.error().code, ErrorCode::corrupt) << c.encoding << " cut at " << cut;
    }
  }
}

TEST(DecodeContent, ReportsGarbageByName) {
  for (const char* encoding : {"gzip", "deflate", "zstd", "snappy"}) {
    auto decoded = decode_content(encoding, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff garbage", kLimit);
    ASSERT_FALSE(decoded.ok()) << encoding;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
    EXPECT_NE(decoded.error().message.find(encoding), std::string::npos) << decoded.error().message;
  }
}

TEST(DecodeContent, RefusesASnappyLengthThatTheBodyCannotReach) {
  std::string claim("\xff\xff\xff\xff\x0f", 5);  // 4 GiB - 1
  auto decoded = decode_content("snappy", claim, size_t{8} << 30);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
}

TEST(DecodeContent, ReadsGzipMembersAndZstdFramesInARow) {
  EXPECT_EQ(*decode_content("gzip", gzip_compress("one ") + gzip_compress("two"), kLimit), "one two");
  EXPECT_EQ(*decode_content("zstd", zstd_compress("one ") + zstd_compress("two"), kLimit), "one two");
  EXPECT_FALSE(decode_content("gzip", gzip_compress("one") + "tail", kLimit).ok());
}

TEST(DecodeContent, UndoesTwoEncodingsLastFirst) {
  EXPECT_EQ(*decode_content("snappy, gzip", gzip_compress(snappy_compress("text")), kLimit), "text");
  auto three = decode_content("gzip, gzip, gzip", "x", kLimit);
  ASSERT_FALSE(three.ok());
}

TEST(DecodeContent, NamesAnUnknownEncoding) {
  auto decoded = decode_content("br", "x", kLimit);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::unsupported);
  EXPECT_NE(decoded.error().message.find("\"br\""), std::string::npos);
}

TEST(AcceptsGzip, ReadsQualities) {
  EXPECT_TRUE(accepts_gzip("gzip"));
  EXPECT_TRUE(accepts_gzip("deflate, gzip;q=0.5, br"));
  EXPECT_TRUE(accepts_gzip("*"));
  EXPECT_FALSE(accepts_gzip("gzip;q=0, *"));
  EXPECT_FALSE(accepts_gzip("*;q=0"));
  EXPECT_FALSE(accepts_gzip("identity"));
  EXPECT_FALSE(accepts_gzip(""));
}

TEST(ResponseEncoding, GzipFirst) {
  EXPECT_EQ(response_encoding("gzip, deflate, br, zstd"), "gzip");
  EXPECT_EQ(response_encoding("br"), "br");
  EXPECT_EQ(response_encoding("br;q=1, zstd;q=0.1"), "zstd");
  EXPECT_EQ(response_encoding("br, gzip;q=0"), "br");
  EXPECT_EQ(response_encoding("gzip;q=0, *"), "");  // a star names nothing that everybody knows
  EXPECT_EQ(response_encoding("br;q=0"), "");
  EXPECT_EQ(response_encoding(""), "");
}

TEST(CompressResponse, ZstdAndBrotliAreReadBack) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + ",";
  HttpResponse zstd{200, {{"content-type", "application/json"}}, text};
  compress_response("zstd", zstd);
  EXPECT_EQ(find_header(zstd.headers, "content-encoding"), "zstd");
  EXPECT_EQ(*decode_content("zstd", zstd.body, kLimit), text);
  HttpResponse brotli{200, {{"content-type", "application/json"}}, text};
  compress_response("br", brotli);
  EXPECT_EQ(find_header(brotli.headers, "content-encoding"), "br");
  EXPECT_LT(brotli.body.size(), text.size() * 3 / 4);
  EXPECT_EQ(find_header(brotli.headers, "vary"), "accept-encoding");
}

TEST(CompressResponse, OnlyWhereItPays) {
  auto compressed = [](std::string accept, std::string type, size_t size) {
    HttpResponse response{200, {{"content-type", type}}, std::string(size, 'a')};
    compress_response(accept, response);
    bool marked = find_header(response.headers, "content-encoding") == "gzip";
    std::string body = marked ? *decode_content("gzip", response.body, kLimit) : response.body;
    EXPECT_EQ(body, std::string(size, 'a'));
    return marked;
  };
  EXPECT_TRUE(compressed("gzip", "application/json", 2000));
  EXPECT_TRUE(compressed("gzip", "text/plain; charset=utf-8", 2000));
  EXPECT_FALSE(compressed("gzip", "application/json", kCompressBytesMin));
  EXPECT_FALSE(compressed("", "application/json", 2000));
  EXPECT_FALSE(compressed("gzip", "image/png", 2000));
}

}  // namespace
}  // namespace obelisk
