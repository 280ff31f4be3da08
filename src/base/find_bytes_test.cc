// Goal: find_bytes finds what std::string_view::find finds. Method: random texts of few letters, needles cut
// out of them or made up, at every length around the sixteen bytes it tests at a time.
#include "base/find_bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace obelisk {
namespace {

void expect_same(std::string_view text, std::string_view needle) {
  size_t wanted = text.find(needle);
  const char* found = find_bytes(text, needle);
  if (wanted == std::string_view::npos) {
    EXPECT_EQ(found, nullptr) << text << " / " << needle;
  } else {
    ASSERT_NE(found, nullptr) << text << " / " << needle;
    EXPECT_EQ(static_cast<size_t>(found - text.data()), wanted) << text << " / " << needle;
  }
}

TEST(FindBytes, FindsTheFirstPlace) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 200, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % (1 + random() % 4));
    std::string needle(random() % 24, 'a');
    for (char& c : needle) c = static_cast<char>('a' + random() % 3);
    if (!text.empty() && random() % 2 == 0) needle = text.substr(random() % text.size(), random() % 40);
    expect_same(text, needle);
  }
}

TEST(FindBytes, IsNotSlowWhereEveryPlaceLooksRight) {
  std::string text(1 << 20, 'a'), needle(10'000, 'a');
  needle[5'000] = 'b';
  expect_same(text, needle);
  text += needle + text;
  expect_same(text, needle);
}

}  // namespace
}  // namespace obelisk
