// Goal: what varies leaves names of spans, what does not stays, and no input makes the number of names grow
// for ever.
#include "pipeline/span_names.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace obelisk {
namespace {

TEST(SpanNames, IdsAreTakenOutAtOnce) {
  SpanNames names;
  auto pattern = [&](std::string_view name) { return std::string(names.pattern_of("t", name)); };
  EXPECT_EQ(pattern("GET /users/4711/orders"), "GET /users/<_>/orders");
  EXPECT_EQ(pattern("GET /users/8f14e45f-ceea-467f-9a2b-0123456789ab"), "GET /users/<_>");
  EXPECT_EQ(pattern("job deadbeef01"), "job <_>");
  EXPECT_EQ(pattern("order ord00012345678"), "order <_>");
  for (std::string_view name : {"GET /api/v2/users", "SELECT users", "HTTP GET", "s3.putObject", "md5", "",
                                " / ", "decade facade", "grpc.health.v1.Health/Check"})
    EXPECT_EQ(pattern(name), name);
}

TEST(SpanNames, WordsOfManyValuesAreTakenOut) {
  SpanNames names;
  std::set<std::string> patterns;
  for (int i = 0; i < 10'000; ++i) {
    std::string letters;  // a name without digits
    for (int rest = i; letters.size() < 4; rest /= 26) letters += static_cast<char>('a' + rest % 26);
    patterns.insert(std::string(names.pattern_of("t", "GET /users/" + letters + "/orders")));
  }
  EXPECT_EQ(patterns.size(), SpanNames::kValuesMax + 1);
  EXPECT_TRUE(patterns.contains("GET /users/<_>/orders"));
  EXPECT_EQ(names.pattern_of("t", "GET /users/aaaa/orders"), "GET /users/aaaa/orders");  // stays what it was
  EXPECT_EQ(names.pattern_of("other", "GET /users/zzzz/orders"), "GET /users/zzzz/orders");
}

TEST(SpanNames, AreBounded) {
  SpanNames names;
  std::set<std::string> patterns;
  for (int i = 0; i < 60'000; ++i) {
    auto letter = [&](int of) { return static_cast<char>('a' + of % 26); };
    patterns.insert(std::string(
        names.pattern_of("t", fmt::format("{}{} {}{} {}{}", letter(i), letter(i / 26), letter(i / 7),
                                          letter(i / 182), letter(i / 3), letter(i / 78)))));
  }
  EXPECT_LT(patterns.size(), 2 * SpanNames::kNodesMax);
  EXPECT_LT(names.pattern_of("t", std::string(1 << 20, 'x')).size(), 2 * SpanNames::kBytesMax);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "w ";
  EXPECT_TRUE(names.pattern_of("t", many).ends_with("<_>"));
}

}  // namespace
}  // namespace obelisk
