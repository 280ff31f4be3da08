// Goal: a chain of literals says what the regular expression says. Method: patterns of both kinds, random
// texts of the letters they are made of (with line ends and bytes beyond ASCII), RE2 as the oracle.
#include "storage/embedded/events/message/literal_chain.h"

#include <gtest/gtest.h>

#include <random>

#include "plan/regex.h"

namespace obelisk::message {
namespace {

TEST(LiteralChain, KnowsWhatItIs) {
  EXPECT_EQ(LiteralChain::of("(?-s)a.*b")->literals(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(LiteralChain::of("a.*b")->literals(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(LiteralChain::of(".*a.*?b c.*.*d.*")->literals(), (std::vector<std::string>{"a", "b c", "d"}));
  EXPECT_EQ(LiteralChain::of("10\\.0\\.0.*\\[x\\]")->literals(), (std::vector<std::string>{"10.0.0", "[x]"}));
  for (const char* other :
       {"", ".*", "a.b", "a+.*b", "a.+b", "a|b", "(a).*b", "[a].*b", "^a.*b", "a.*b$", "\\d.*b", "a.*\\",
        "(?i)a.*b", "a{2}.*b", "a.**", "\\Qa.*\\E", "\xc3\xa9.*b", "a.*b?"}) {
    EXPECT_FALSE(LiteralChain::of(other).has_value()) << other;
  }
}

TEST(LiteralChain, AgreesWithTheRegularExpression) {
  std::mt19937_64 random(3);
  for (const char* pattern : {"a.*b", "ab.*ba", ".*a.*a.*b.*", "a.*?b", "a\\..*b", "aba.*.*b", "ab",
                              "(?-s)a.*b", "(?-s).*a.*b.*a"}) {
    auto regex = Regex::compile(pattern, Regex::Mode::searching);
    ASSERT_TRUE(regex.ok());
    auto chain = LiteralChain::of(pattern);
    ASSERT_TRUE(chain.has_value()) << pattern;
    for (int i = 0; i < 2000; ++i) {
      std::string text(random() % 40, ' ');
      for (char& c : text) c = "aabbc.\n"[random() % 7];
      std::optional<bool> found = chain->matches(text);
      bool may_not_know = pattern[0] == '(' && text.find('\n') != std::string::npos;
      EXPECT_EQ(found.has_value(), !may_not_know) << pattern << " in " << text;
      if (found) {
        EXPECT_EQ(*found, (*regex)->matches(text)) << pattern << " in " << text;
      }
      text.insert(random() % (text.size() + 1), "\xff");
      EXPECT_FALSE(chain->matches(text).has_value());
    }
  }
}

}  // namespace
}  // namespace obelisk::message
