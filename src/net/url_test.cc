#include "net/url.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(PercentDecode, DecodesPairsAndPlus) {
  EXPECT_EQ(*percent_decode("a%20b+c%2Fd", true), "a b c/d");
  EXPECT_EQ(*percent_decode("a%20b+c%2fd", false), "a b+c/d");
  EXPECT_EQ(*percent_decode("%C3%BC", false), "\xC3\xBC");
}

TEST(PercentDecode, NamesThePlaceOfABadEscape) {
  for (std::string_view text : {"ab%", "ab%2", "ab%zz", "ab%2z", "ab%%20"}) {
    auto decoded = percent_decode(text, true);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(decoded.error().position->offset, 2u) << text;
  }
}

TEST(PercentEncode, IsUndoneByDecode) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(*percent_decode(percent_encode(all), true), all);
  EXPECT_EQ(*percent_decode(percent_encode(all), false), all);
  EXPECT_EQ(percent_encode("a-b_c.d~e/"), "a-b_c.d~e%2F");
}

TEST(SplitTarget, SeparatesPathAndQuery) {
  auto parts = split_target("/a%20b/c?x=%20&y");
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->path, "/a b/c");
  EXPECT_EQ(parts->query, "x=%20&y");
  EXPECT_EQ(split_target("/a?")->query, "");
  EXPECT_EQ(split_target("*")->path, "*");
}

TEST(SplitTarget, RefusesWhatIsNoPath) {
  EXPECT_FALSE(split_target("").ok());
  EXPECT_FALSE(split_target("a/b").ok());
  EXPECT_FALSE(split_target("/a%00b").ok());
}

TEST(Parameters, KeepOrderAndRepetition) {
  auto parameters = Parameters::parse("match[]=a&x=1&match%5B%5D=b+c&empty=&flag&&x=2");
  ASSERT_TRUE(parameters.ok());
  EXPECT_EQ(parameters->get_all("match[]"), (std::vector<std::string_view>{"a", "b c"}));
  EXPECT_EQ(parameters->get("x"), "1");
  EXPECT_EQ(parameters->get("empty"), "");
  EXPECT_EQ(parameters->get("flag"), "");
  EXPECT_FALSE(parameters->get("absent").has_value());
  EXPECT_EQ(parameters->get_or("absent", "z"), "z");
  EXPECT_EQ(Parameters::parse(parameters->encode())->entries(), parameters->entries());
}

TEST(Parameters, NamesTheBadParameterAndItsPlace) {
  auto parameters = Parameters::parse("a=1&query=up%2");
  ASSERT_FALSE(parameters.ok());
  EXPECT_NE(parameters.error().message.find("\"query\""), std::string::npos);
  EXPECT_EQ(parameters.error().position->offset, 12u);
}

TEST(Parameters, AreBoundedInNumber) {
  std::string many;
  for (size_t i = 0; i < Parameters::kCountMax; ++i) many += "a=1&";
  EXPECT_TRUE(Parameters::parse(many).ok());
  auto over = Parameters::parse(many + "b=2");
  ASSERT_FALSE(over.ok());
  EXPECT_EQ(over.error().code, ErrorCode::too_large);
}

TEST(WithoutCredentials, HidesUserAndPassword) {
  EXPECT_EQ(without_credentials("http://user:pass@host:1/x@y"), "http://***@host:1/x@y");
  EXPECT_EQ(without_credentials("http://host/x@y"), "http://host/x@y");
  EXPECT_EQ(without_credentials("host/x"), "host/x");
}

}  // namespace
}  // namespace obelisk
