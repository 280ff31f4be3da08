// Goal: any number of an integer column read through its skips is the number that decoding the whole column
// gives, for columns of every layout.
#include "codec/integer_skips.h"

#include <gtest/gtest.h>

#include <random>

#include "codec/integer_column.h"

namespace obelisk {
namespace {

// What the encoder makes of such values, by name.
std::vector<std::pair<const char*, std::vector<int64_t>>> columns(std::mt19937_64& random, size_t count) {
  auto make = [&](auto&& next) {
    std::vector<int64_t> values(count);
    for (int64_t& value : values) value = next();
    return values;
  };
  int64_t time = 1'700'000'000'000'000'000;
  auto skewed = [&](int64_t kinds) {
    int64_t kind = 0;
    while (kind + 1 < kinds && random() % (static_cast<uint64_t>(kinds) / 5) != 0) ++kind;
    return kind;
  };
  const int64_t gaps[] = {17, 900'000, 1'000'000, 123'456'789};
  return {
      {"constant", make([] { return 42; })},
      {"frame", make([&] { return static_cast<int64_t>(random() % 1000); })},
      {"wide", make([&] { return static_cast<int64_t>(random()); })},
      {"dictionary", make([&] { return gaps[random() % 4]; })},
      {"delta of frame", make([&] { return time += static_cast<int64_t>(random() % 5000); })},
      {"delta of dictionary", make([&] { return time += gaps[random() % 4]; })},
      {"delta of constant", make([&] { return time += 1000; })},
      {"delta of patched", make([&] {
         return time += static_cast<int64_t>(random() % 30 == 0 ? random() % (1ull << 40) : random() % 256);
       })},
      {"delta of signed patched", make([&] {
         return time +=
                static_cast<int64_t>(random() % 30 == 0 ? random() % (1ull << 40) : random() % 256) - 128;
       })},
      {"delta of codes", make([&] { return time += skewed(60) * 5'619'841; })},
      {"delta of many codes", make([&] { return time += skewed(600) * 5'619'841; })},
      {"runs",
       make([&] { return time += random() % 40 == 0 ? static_cast<int64_t>(random() % 100000) : 0; })},
  };
}

TEST(IntegerSkips, ReadsWhatTheWholeColumnHolds) {
  std::mt19937_64 random(7);
  size_t with_skips = 0;
  for (size_t count : {1, 2, 127, 128, 129, 257, 5000}) {
    for (const auto& [name, values] : columns(random, count)) {
      std::string bytes;
      encode_integer_column(values, bytes);
      bytes.append("more bytes of the chunk");
      std::optional<IntegerSkips> skips = IntegerSkips::make(bytes, values);
      if (!skips) continue;  // runs
      ++with_skips;
      std::optional<SkippingIntegers> integers = SkippingIntegers::open(bytes, count, *skips);
      ASSERT_TRUE(integers) << name;
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(integers->at(i), values[i]) << name << " " << i;
      for (int i = 0; i < 200; ++i) {
        size_t index = random() % count;
        ASSERT_EQ(integers->at(index), values[index]) << name << " " << index;
        size_t block = index / IntegerSkips::kBlock;
        ASSERT_EQ(integers->first_of(block), values[block * IntegerSkips::kBlock]) << name;
      }
    }
  }
  EXPECT_GE(with_skips, 60u);
}

// Skips of another column, or cut bytes, are refused or give wrong numbers, but are never read past.
TEST(IntegerSkips, RefusesWhatDoesNotFit) {
  std::mt19937_64 random(8);
  for (const auto& [name, values] : columns(random, 1000)) {
    std::string bytes;
    encode_integer_column(values, bytes);
    std::optional<IntegerSkips> skips = IntegerSkips::make(bytes, values);
    if (!skips) continue;
    EXPECT_FALSE(SkippingIntegers::open("", 1000, *skips)) << name;
    for (size_t length = 0; length < bytes.size(); length += 7)
      IntegerSkips::make(std::string(bytes, 0, length), values);
  }
}

}  // namespace
}  // namespace obelisk
