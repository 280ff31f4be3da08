// Goal: short texts are equal exactly when their bytes are, and their hashes depend on all bytes and on
// nothing else. Method: texts of every length, each in memory of its own size; every byte changed.
#include "base/short_text.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>

namespace obelisk {
namespace {

// A copy with nothing behind it that may be read.
struct Exact {
  explicit Exact(std::string_view of) : bytes(new char[of.size()]), size(of.size()) {
    if (size > 0) std::memcpy(bytes.get(), of.data(), size);
  }
  std::string_view view() const { return {bytes.get(), size}; }
  std::unique_ptr<char[]> bytes;
  size_t size;
};

TEST(ShortText, EveryByteCounts) {
  std::mt19937_64 random(1);
  for (size_t size = 0; size < 100; ++size) {
    std::string text(size, '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    Exact a(text), b(text);
    EXPECT_TRUE(equal_texts(a.view(), b.view()));
    EXPECT_EQ(hash_short_text(a.view()), hash_short_text(b.view()));
    std::set<uint64_t> hashes{hash_short_text(a.view())};
    for (size_t at = 0; at < size; ++at) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      Exact other(changed);
      EXPECT_FALSE(equal_texts(a.view(), other.view())) << at << " of " << size;
      hashes.insert(hash_short_text(other.view()));
    }
    EXPECT_EQ(hashes.size(), size + 1) << size;
    EXPECT_FALSE(equal_texts(a.view(), Exact(text + '\0').view()));
  }
}

// What tables use of a hash are its low bits.
TEST(ShortText, HashesOfNumberedTextsSpread) {
  for (std::string prefix : {"", "10.1.2.", "user-", "GET /product/", "SELECT * FROM orders WHERE id = "}) {
    constexpr size_t kTexts = 20'000, kSlots = 1 << 16;
    std::set<uint32_t> hashes, slots;
    for (size_t i = 0; i < kTexts; ++i) {
      auto hash = static_cast<uint32_t>(hash_short_text(prefix + std::to_string(i)));
      hashes.insert(hash);
      slots.insert(hash % kSlots);
    }
    EXPECT_GE(hashes.size(), kTexts - 3) << prefix;
    // Evenly thrown, 17,200 of 65,536 slots are hit.
    EXPECT_GT(slots.size(), 16'500u) << prefix;
  }
}

// Words that would make the product of the mixing zero do not hide the others.
TEST(ShortText, NoWordHidesAnother) {
  constexpr uint64_t kWords[] = {0, 0x9E3779B97F4A7C15u, 0xD6E8FEB86659FD93u};
  for (uint64_t word : kWords) {
    std::set<uint64_t> hashes;
    for (uint64_t i = 0; i < 1000; ++i) {
      for (bool first : {false, true}) {
        uint64_t words[3] = {first ? i + 1 : word, first ? word : i + 1, 7};
        hashes.insert(hash_short_text({reinterpret_cast<const char*>(words), sizeof words}));
        hashes.insert(hash_short_text({reinterpret_cast<const char*>(words), 16}));
      }
    }
    EXPECT_GT(hashes.size(), 3990u);
  }
}

}  // namespace
}  // namespace obelisk
