#include "wire/base64.h"

#include <gtest/gtest.h>

namespace obelisk {

// The test vectors of RFC 4648 section 10, both ways.
TEST(Base64, RfcVectors) {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) {
    EXPECT_EQ(base64_encode(plain), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
  }
}

TEST(Base64, DecodesUrlAlphabetAndMissingPadding) {
  EXPECT_EQ(base64_decode("-_8"), std::string("\xfb\xff"));
  EXPECT_EQ(base64_decode("+/8="), std::string("\xfb\xff"));
}

TEST(Base64, RefusesWhatIsNotBase64) {
  EXPECT_FALSE(base64_decode("A"));
  EXPECT_FALSE(base64_decode("AA A"));
  EXPECT_FALSE(base64_decode("Zg==="));
}

}  // namespace obelisk
