// Goal: a pattern is a function of the text alone, the same from a text and from its skeleton, and reads back
// as it was written. Method: texts of known shapes.
#include "plan/text_pattern.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

std::string pattern(std::string_view text) {
  return std::string(TextPattern().of_text(text));
}

TEST(TextPattern, WordsWithDigitsVary) {
  EXPECT_EQ(pattern("GET /cart/17 took 1.5s"), "GET <_> took <_>");
  EXPECT_EQ(pattern("took=5ms from=10.0.0.1:80 user=alice"), "took=<_> from=<_> user=alice");
  EXPECT_EQ(pattern(R"({"level":"info","took":5})"), R"({"level":"info","took":<_>})");
  EXPECT_EQ(pattern("at 12:30:01, fe80::1"), "at <_>, <_>");
  EXPECT_EQ(pattern("nothing varies"), "nothing varies");
  EXPECT_EQ(pattern(""), "");
  EXPECT_EQ(pattern(" ,, "), " ,, ");
  EXPECT_EQ(pattern("<html> b"), "<<_>> b");
}

TEST(TextPattern, LongTextsAreCut) {
  std::string words;
  for (int i = 0; i < 500; ++i) words += "w ";
  std::string cut = pattern(words);
  EXPECT_TRUE(cut.ends_with("w <_>")) << cut;
  EXPECT_EQ(cut, pattern(words + "more"));
  std::string bytes(9000, 'z');
  EXPECT_EQ(pattern(bytes), std::string(PatternWords::kTextBytesMax, 'z') + "<_>");
  std::string digits = std::string(8190, ' ') + "1234567";
  EXPECT_EQ(pattern(digits), std::string(8190, ' ') + "<_>");
}

TEST(TextPattern, TheSameOfASkeleton) {
  struct Case {
    std::string_view text, skeleton;
  };
  for (const Case& one :
       {Case{"GET /cart/17 took 1.5s", "GET /cart/\1 took \1.\1"},
        Case{"at 12:30:01: id=0189f7ea-ae2c-7a2b-8f3e-123456789abc", "at \2: id=\3"},
        Case{"<b7> x=<name>", "<\1> x=<name>"}, Case{": 12:30:01 ::5 a:5", ": \2 ::\1 a:\1"}}) {
    TextPattern patterns;
    EXPECT_EQ(std::string(patterns.of_skeleton(one.skeleton)), pattern(one.text));
  }
}

TEST(TextPattern, ReadsBack) {
  for (std::string_view text : {"GET /cart/17 took 1.5s", "<html> <b7> x", "a=1,b=<2>", "<_> is text", "5"}) {
    std::string one = pattern(text);
    PatternWords cut;
    cut.cut_pattern(one);
    EXPECT_EQ(join_pattern({cut.words.begin(), cut.words.end()}, {cut.gaps.begin(), cut.gaps.end()}), one);
    PatternWords direct;
    direct.cut_text(text);
    EXPECT_EQ(cut.words, direct.words) << text;
    EXPECT_EQ(cut.gaps, direct.gaps) << text;
  }
}

}  // namespace
}  // namespace obelisk
