// Goal: values, times and integers come back bit for bit, whatever they are; cut or trailing bytes are
// refused; the codings reach the sizes they exist for. Random input, seed printed.
#include "codec/value_block.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "base/test_seed.h"
#include "codec/value_integers.h"
#include "codec/value_times.h"

namespace obelisk {
namespace {

size_t expect_round_trip(const std::vector<double>& values) {
  std::string bytes;
  uint8_t scale = 0;
  encode_values(values, bytes, scale, IntegerEffort::quick);
  std::vector<double> quick(values.size());
  EXPECT_TRUE(decode_values(bytes, quick).ok());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint64_t>(values[i]), std::bit_cast<uint64_t>(quick[i])) << "quick, at " << i;
  bytes.clear();
  encode_values(values, bytes, scale);
  std::vector<double> back(values.size());
  Result<void> decoded = decode_values(bytes, back);
  EXPECT_TRUE(decoded.ok()) << decoded.error().to_string();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>(values[i]), std::bit_cast<uint64_t>(back[i]))
        << "at " << i << " of " << values.size();
  }
  for (size_t i = 0; i < values.size(); i += 1 + values.size() / 40) {
    Result<double> one = decode_one_value(bytes, values.size(), i);
    bool is_same = one.ok() && std::bit_cast<uint64_t>(*one) == std::bit_cast<uint64_t>(values[i]);
    EXPECT_TRUE(is_same) << "one, at " << i;
  }
  EXPECT_FALSE(decode_one_value(bytes + "x", values.size(), 0).ok());
  EXPECT_FALSE(
      decode_one_value(std::string_view(bytes).substr(0, bytes.size() - 1), values.size(), values.size() - 1)
          .ok());
  EXPECT_FALSE(decode_values(bytes + "x", back).ok());
  EXPECT_FALSE(decode_values(std::string_view(bytes).substr(0, bytes.size() - 1), back).ok());
  return bytes.size();
}

void expect_integers_round_trip(const std::vector<int64_t>& values) {
  std::string bytes;
  for (IntegerEffort effort : {IntegerEffort::full, IntegerEffort::quick}) {
    bytes.clear();
    uint8_t layout = encode_integers(values, bytes, effort);
    std::vector<int64_t> back(values.size());
    ByteReader reader(bytes);
    ASSERT_TRUE(decode_integers(reader, layout, back));
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(back, values);
    for (size_t i = 0; i < values.size(); i += 1 + values.size() / 40) {
      ByteReader again(bytes);
      EXPECT_EQ(decode_one_integer(again, layout, values.size(), i), values[i]) << i;
      EXPECT_TRUE(again.at_end());
    }
  }
}

const double kOdd[] = {0.0,
                       -0.0,
                       std::numeric_limits<double>::infinity(),
                       -std::numeric_limits<double>::infinity(),
                       std::numeric_limits<double>::quiet_NaN(),
                       std::bit_cast<double>(0x7ff0000000000002ull),  // staleness marker
                       std::bit_cast<double>(0xfff8000000000001ull),
                       std::bit_cast<double>(0x7fffffffffffffffull),
                       std::numeric_limits<double>::denorm_min(),
                       std::numeric_limits<double>::max(),
                       std::numeric_limits<double>::lowest(),
                       0.1,
                       -0.1,
                       1e15 + 0.5,
                       9007199254740993.0,
                       4611686018427387904.0,
                       -9223372036854775808.0,
                       1e300,
                       1e-300};

TEST(ValueBlock, EveryDoubleComesBackBitForBit) {
  uint64_t seed = test_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (double value : kOdd) {
    expect_round_trip({value});
    expect_round_trip(std::vector<double>(120, value));
  }
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 130);
    int kind = static_cast<int>(random() % 6);
    double walk = static_cast<double>(random() % 1000);
    double power = std::pow(10, static_cast<double>(random() % 14));
    for (double& value : values) {
      walk += static_cast<double>(random() % 100) - 20;
      if (kind == 0) value = std::bit_cast<double>(random());
      if (kind == 1) value = walk;
      if (kind == 2) value = walk / power;
      if (kind == 3) value = std::sin(walk);
      if (kind == 4) value = random() % 3 == 0 ? kOdd[random() % std::size(kOdd)] : walk;
      if (kind == 5) value = random() % 30 == 0 ? kOdd[random() % std::size(kOdd)] : walk * 0.01;
    }
    expect_round_trip(values);
    if (HasFailure()) return;
  }
}

TEST(ValueBlock, ScaleHintOfAnotherSeriesDoesNoHarm) {
  uint8_t scale = 0;
  for (double step : {0.001, 1.0, 0.25, 1e-12, 0.5}) {
    std::vector<double> values;
    for (int i = 0; i < 50; ++i) values.push_back(step * i);
    std::string bytes;
    encode_values(values, bytes, scale);
    std::vector<double> back(values.size());
    ASSERT_TRUE(decode_values(bytes, back).ok());
    EXPECT_EQ(back, values);
  }
}

TEST(ValueBlock, ReachesTheSizesOfItsCodings) {
  std::mt19937_64 random(42);
  std::vector<double> counter, slow, gauge, reset;
  double c = 1000, s = 5, g = 50;
  for (int i = 0; i < 120; ++i) {
    counter.push_back(c += static_cast<double>(random() % 50));
    slow.push_back(s += random() % 20 == 0 ? 1 : 0);
    gauge.push_back(std::round(g * 100) / 100);
    g += (static_cast<double>(random() % 101) - 50) / 100;
    reset.push_back(i < 60 ? c : c - counter[60]);
  }
  EXPECT_LE(expect_round_trip(std::vector<double>(120, 7)), 2u);
  EXPECT_LE(expect_round_trip(counter), 92u);
  EXPECT_LE(expect_round_trip(slow), 20u);
  EXPECT_LE(expect_round_trip(gauge), 108u);
  EXPECT_LE(expect_round_trip(reset), 125u);  // the reset does not widen the other differences
  counter[119] = std::bit_cast<double>(0x7ff0000000000002ull);
  EXPECT_LE(expect_round_trip(counter), 104u);  // nor does a staleness marker
}

TEST(Integers, ExtremesWrapAndComeBack) {
  constexpr int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  expect_integers_round_trip({low});
  expect_integers_round_trip({low, high, low, high});
  expect_integers_round_trip({high, low});
  expect_integers_round_trip({0, high, high - 1, low, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5});
  uint64_t seed = test_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::vector<int64_t> values(1 + random() % 200);
    unsigned shift = static_cast<unsigned>(random() % 64);
    bool rare = random() % 2 == 0;
    int64_t last = 0;
    for (int64_t& value : values) {
      if (!rare || random() % 16 == 0) last = static_cast<int64_t>(random() >> shift);
      value = last;
    }
    expect_integers_round_trip(values);
    if (HasFailure()) return;
  }
}

TEST(Times, KeepTheirUnitAndRegularOnesAreTiny) {
  for (int64_t unit : {1ll, 1000ll, 1'000'000ll, 1'000'000'000ll}) {
    std::vector<int64_t> times;
    for (int64_t i = 0; i < 120; ++i)
      times.push_back(1'714'718'277'000'000'000 + i * 15 * unit + (i == 7 ? unit : 0));
    std::string bytes;
    encode_times(times, bytes);
    std::vector<int64_t> back(times.size());
    ASSERT_TRUE(decode_times(bytes, back).ok());
    EXPECT_EQ(back, times);
    EXPECT_FALSE(decode_times(std::string_view(bytes).substr(1), back).ok() && back == times);
    EXPECT_LE(bytes.size(), 25u);
  }
  std::string bytes;
  std::vector<int64_t> regular;
  for (int64_t i = 0; i < 1000; ++i) regular.push_back(1'714'718'277'000'000'000 + i * 15'000'000'000);
  encode_times(regular, bytes);
  EXPECT_LE(bytes.size(), 9u);
}

}  // namespace
}  // namespace obelisk
