// Goal: pages of allowed origins may send and read, others are told nothing.
#include "net/cross_origin.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(CrossOrigin, Patterns) {
  for (std::string_view good : {"*", "https://shop.example", "http://localhost:*", "https://*.example"})
    EXPECT_TRUE(check_origin_pattern(good).ok()) << good;
  for (std::string_view bad :
       {"", "shop.example", "https://a.example/", "https://*.*", "https://a b", "null"})
    EXPECT_FALSE(check_origin_pattern(bad).ok()) << bad;
  allow_origins({"https://shop.example", "http://localhost:*", "https://*.trusted.example"});
  for (std::string_view good :
       {"https://shop.example", "http://localhost:8000", "https://a.b.trusted.example"})
    EXPECT_TRUE(is_allowed_origin(good)) << good;
  for (std::string_view bad :
       {"", "null", "https://shop.example.evil", "http://shop.example", "https://trusted.example",
        "https://x.trusted.example.evil", "http://localhost"})
    EXPECT_FALSE(is_allowed_origin(bad)) << bad;
  allow_origins({});
  EXPECT_FALSE(is_allowed_origin("https://shop.example"));
}

TEST(CrossOrigin, AnswersSayWhoMayReadThem) {
  allow_origins({"https://shop.example"});
  HttpRequest request;
  auto headers_of = [&](std::string origin) {
    request.headers = {{"origin", std::move(origin)}};
    HttpHeaders headers;
    add_cross_origin_headers(request, headers);
    return headers;
  };
  EXPECT_EQ(find_header(headers_of("https://shop.example"), "access-control-allow-origin"),
            "https://shop.example");
  EXPECT_EQ(find_header(headers_of("https://other.example"), "access-control-allow-origin"), "");
  EXPECT_EQ(find_header(headers_of("https://other.example"), "vary"), "origin");  // for caches between
  allow_origins({});
  EXPECT_TRUE(headers_of("https://shop.example").empty());
}

}  // namespace
}  // namespace obelisk
