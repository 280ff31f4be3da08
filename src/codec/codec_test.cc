// Goal: what is encoded is decoded, for every width and for extreme values, and wrong bytes are refused,
// never read past.
#include <gtest/gtest.h>

#include <algorithm>

#include <limits>
#include <random>
#include <vector>

#include "codec/bit_packing.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/integer_column.h"

namespace obelisk {
namespace {

TEST(Bytes, NumbersRoundTrip) {
  std::string out;
  std::vector<uint64_t> numbers = {0, 1, 127, 128, 300, 1ull << 32, ~0ull};
  for (uint64_t number : numbers) {
    size_t before = out.size();
    append_varint(out, number);
    EXPECT_EQ(out.size() - before, varint_bytes(number));
  }
  for (int64_t number : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()})
    append_signed_varint(out, number);
  append_fixed<uint32_t>(out, 7);
  append_text(out, "abc");
  ByteReader reader(out);
  for (uint64_t number : numbers) EXPECT_EQ(reader.varint(), number);
  EXPECT_EQ(reader.signed_varint(), 0);
  EXPECT_EQ(reader.signed_varint(), -1);
  EXPECT_EQ(reader.signed_varint(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(reader.u32(), 7u);
  EXPECT_EQ(reader.text(), "abc");
  EXPECT_FALSE(reader.failed());
  EXPECT_EQ(reader.left(), 0u);
  reader.u8();
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.check("test").error().code, ErrorCode::corrupt);
}

TEST(Bytes, RefusesLongVarintsAndLengthsBeyondTheEnd) {
  ByteReader eleven(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  eleven.varint();
  EXPECT_TRUE(eleven.failed());
  ByteReader text(
      std::string_view("\x05"
                       "ab"));
  EXPECT_EQ(text.text(), "");
  EXPECT_TRUE(text.failed());
}

TEST(BitPacking, EveryWidthRoundTrips) {
  std::mt19937_64 random(1);
  for (unsigned width = 0; width <= 64; ++width) {
    for (size_t count : {0u, 1u, 7u, 64u, 129u}) {
      std::vector<uint64_t> values(count);
      for (uint64_t& value : values) value = width == 0 ? 0 : random() >> (64 - width);
      std::string packed;
      pack_bits(values, width, packed);
      ASSERT_EQ(packed.size(), packed_bytes(count, width));
      std::vector<uint64_t> back(count);
      ASSERT_TRUE(unpack_bits(packed, width, count, back.data()));
      ASSERT_EQ(back, values) << "width " << width;
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(unpack_one(packed, width, i), values[i]);
      if (!packed.empty()) {
        EXPECT_FALSE(unpack_bits(std::string_view(packed).substr(1), width, count, back.data()));
      }
    }
  }
}

std::vector<int64_t> round_trip(const std::vector<int64_t>& values, size_t* bytes = nullptr) {
  std::string out;
  encode_integer_column(values, out);
  if (bytes != nullptr) *bytes = out.size();
  std::vector<int64_t> back(values.size());
  ByteReader reader(out);
  EXPECT_TRUE(decode_integer_column(reader, values.size(), back.data()));
  EXPECT_EQ(reader.left(), 0u);
  size_t count = values.size();
  for (auto [first, last] :
       {std::pair(count / 3, count / 2), {0, count / 7}, {count - count / 5, count}, {count, count}}) {
    std::vector<int64_t> some(count, 77);
    ByteReader again(out);
    EXPECT_TRUE(decode_integer_column(again, count, first, last, some.data()));
    EXPECT_EQ(again.left(), 0u);
    for (size_t i = first; i < last; ++i)
      EXPECT_EQ(some[i], values[i]) << i << " of " << first << " to " << last;
  }
  return back;
}

TEST(IntegerColumn, ShapesRoundTripAndAreSmall) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  for (const std::vector<int64_t>& values : std::vector<std::vector<int64_t>>{
           {}, {5}, {kMin, kMax}, {kMax, kMin, 0}, {kMin, kMin}, {1, 2, 3, 4}, {0, -1, kMax, -1}}) {
    EXPECT_EQ(round_trip(values), values);
  }
  std::mt19937_64 random(2);
  std::vector<int64_t> times, states, noise;
  for (int i = 0; i < 8192; ++i) {
    times.push_back(1'700'000'000'000'000'000 + i * 15'000'000'000);
    states.push_back(static_cast<int64_t>(random() % 5) * 1'000'000'007);
    noise.push_back(static_cast<int64_t>(random()));
  }
  size_t bytes = 0;
  EXPECT_EQ(round_trip(times, &bytes), times);
  EXPECT_LT(bytes, 32u);
  EXPECT_EQ(round_trip(states, &bytes), states);
  EXPECT_LT(bytes, 8192 * 3 / 8 + 64u);
  EXPECT_EQ(round_trip(noise, &bytes), noise);
  EXPECT_LT(bytes, 8192 * 8 + 32u);
}

TEST(IntegerColumn, FewLargeNumbersArePatchedAndRunsAreRuns) {
  std::vector<int64_t> durations, starts, entries;
  uint64_t state = 1, now = 1'700'000'000'000'000'000;
  for (int i = 0; i < 4000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    bool leap = i % 20 == 0;
    durations.push_back(static_cast<int64_t>((state >> 40) % (leap ? 1'000'000'000 : 60'000)));
    now += leap ? (state >> 20) % 1'000'000'000 - 500'000'000 : (state >> 40) % 60'000;
    starts.push_back(static_cast<int64_t>(now));
    entries.push_back(i / 21);
  }
  std::vector<int64_t> mixed = {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  for (int i = 0; i < 300; ++i) mixed.push_back(i % 7 - 3);
  size_t bytes[4] = {};
  int which = 0;
  for (const auto* values : {&durations, &starts, &entries, &mixed}) {
    std::string out;
    encode_integer_column(*values, out);
    std::vector<int64_t> back(values->size());
    ByteReader reader(out);
    ASSERT_TRUE(decode_integer_column(reader, back.size(), back.data()));
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(back, *values);
    EXPECT_EQ(round_trip(*values), *values);
    bytes[which++] = out.size();
    for (size_t cut = 0; cut < out.size(); cut += 1 + out.size() / 50) {
      ByteReader short_reader(std::string_view(out).substr(0, cut));
      bool read = decode_integer_column(short_reader, back.size(), back.data());
      EXPECT_FALSE(read) << cut;
    }
  }
  EXPECT_LT(bytes[0], 4000u * 2 + 1800);
  EXPECT_LT(bytes[1], 4000u * 2 + 1700);
  EXPECT_LT(bytes[2], 130u);
}

// Arrival times of streams that take turns: few different steps, some far more frequent, and leaps back.
TEST(IntegerColumn, FewStepsOfUnevenFrequencyAreCodes) {
  std::mt19937_64 random(4);
  for (uint64_t kinds : {60u, 900u}) {
    std::vector<int64_t> times;
    int64_t time = 1'700'000'000'000'000'000;
    for (int i = 0; i < 20000; ++i) {
      uint64_t kind = 0;
      while (kind + 1 < kinds && random() % 16 != 0) ++kind;
      time += static_cast<int64_t>(kind) * 5'619'841 + static_cast<int64_t>(random() % 2);
      if (i % 4000 == 0) time -= 206'000'000'000;
      times.push_back(time);
    }
    std::string out;
    encode_integer_column(times, out);
    EXPECT_EQ(round_trip(times), times);
    EXPECT_LT(out.size(), 20000u) << kinds;  // packed numbers take three bytes and more
    for (size_t cut = 0; cut < out.size(); cut += 1 + out.size() / 50) {
      std::vector<int64_t> back(times.size());
      ByteReader reader(std::string_view(out).substr(0, cut));
      EXPECT_FALSE(decode_integer_column(reader, back.size(), back.data())) << cut;
    }
  }
}

// Counts are what decoding and counting gives, whatever the width; a value beyond the counters is refused.
TEST(IntegerColumn, CountsAreThoseOfTheDecodedValues) {
  std::mt19937_64 random(11);
  for (unsigned width = 0; width <= 11; ++width) {
    for (size_t count : {1u, 7u, 8u, 63u, 64u, 65u, 1000u, 4096u}) {
      for (int64_t base : {0, 3}) {
        std::vector<int64_t> values(count);
        for (int64_t& value : values)
          value = base + static_cast<int64_t>(random() & ((uint64_t{1} << width) - 1));
        std::string bytes;
        encode_dense_integers(values, bytes);
        std::vector<uint64_t> expected(size_t{4} + (size_t{1} << width)), counts(expected.size());
        for (int64_t value : values) ++expected[static_cast<size_t>(value)];
        ByteReader reader(bytes);
        ASSERT_TRUE(count_integer_column(reader, count, counts)) << width << " bits, " << count;
        ASSERT_TRUE(reader.at_end());
        ASSERT_EQ(counts, expected) << width << " bits, " << count;
        ByteReader again(bytes), cut(std::string_view(bytes).substr(0, bytes.size() - 1));
        std::vector<uint64_t> few(static_cast<size_t>(*std::max_element(values.begin(), values.end())));
        ASSERT_FALSE(count_integer_column(again, count, few));
        ASSERT_TRUE(again.failed());
        ASSERT_FALSE(count_integer_column(cut, count, counts));
      }
    }
  }
}

TEST(IntegerColumn, RefusesCutBytes) {
  std::string out;
  encode_integer_column(std::vector<int64_t>{1, 500, 3, 70000}, out);
  std::vector<int64_t> back(4);
  for (size_t length = 0; length < out.size(); ++length) {
    ByteReader reader(std::string_view(out).substr(0, length));
    EXPECT_FALSE(decode_integer_column(reader, 4, back.data()));
    EXPECT_TRUE(reader.failed());
  }
}

TEST(Compression, RoundTripsAndRefusesDamage) {
  std::string text(10000, 'a'), out, back(text.size(), '\0');
  zstd_compress(text, out);
  EXPECT_LT(out.size(), 100u);
  ASSERT_TRUE(zstd_decompress(out, text.size(), back.data()).ok());
  EXPECT_EQ(back, text);
  EXPECT_EQ(zstd_decompress(out, text.size() - 1, back.data()).error().code, ErrorCode::corrupt);
  EXPECT_EQ(zstd_decompress("nonsense", 4, back.data()).error().code, ErrorCode::corrupt);
}

TEST(Checksum, IsTheDocumentedFunction) {
  EXPECT_EQ(checksum64(""),
            0x2d06800538d394c2ull);  // XXH3-64 of the empty string, from the xxHash specification
  EXPECT_NE(checksum64("a"), checksum64("b"));
  EXPECT_NE(checksum64("a", 1), checksum64("a", 2));
}

}  // namespace
}  // namespace obelisk
