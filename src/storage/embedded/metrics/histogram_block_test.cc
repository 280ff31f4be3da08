// Goal: histograms come back byte for byte, whatever they are, and a run of one layout is stored in columns.
#include "storage/embedded/metrics/histogram_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "model/histogram.h"

namespace obelisk {
namespace {

size_t expect_round_trip(const std::vector<std::string>& histograms) {
  std::vector<std::string_view> views(histograms.begin(), histograms.end());
  std::string bytes;
  encode_histogram_block(views, bytes);
  Arena arena;
  std::vector<std::string_view> back(views.size());
  Result<void> decoded = decode_histogram_block(bytes, back, arena);
  EXPECT_TRUE(decoded.ok()) << decoded.error().to_string();
  EXPECT_EQ(back, views);
  EXPECT_FALSE(decode_histogram_block(bytes + "x", back, arena).ok());
  EXPECT_FALSE(decode_histogram_block(std::string_view(bytes).substr(0, bytes.size() - 1), back, arena).ok());
  return bytes.size();
}

std::string growing_histogram(int step, size_t buckets) {
  Histogram histogram;
  histogram.schema = 3;
  histogram.positive_spans = {{-2, static_cast<uint32_t>(buckets)}};
  for (size_t i = 0; i < buckets; ++i)
    histogram.positive_counts.push_back(static_cast<double>(step * static_cast<int>(i % 3)));
  histogram.negative_spans = {{1, 1}};
  histogram.negative_counts = {static_cast<double>(step)};
  histogram.count = step * 20;
  histogram.sum = step * 0.25;
  return encode_histogram(histogram);
}

TEST(HistogramBlock, OneLayoutIsStoredInColumns) {
  std::vector<std::string> histograms;
  size_t plain = 0;
  for (int step = 0; step < 120; ++step) plain += histograms.emplace_back(growing_histogram(step, 20)).size();
  EXPECT_LT(expect_round_trip(histograms), plain / 100);
}

TEST(HistogramBlock, LayoutChangesBoundsAndForeignBytesSurvive) {
  Histogram custom;
  custom.schema = Histogram::kCustomBoundsSchema;
  custom.custom_bounds = {0.1, 1, std::nan("7")};
  custom.positive_spans = {{0, 2}};
  custom.positive_counts = {1, -0.0};
  custom.sum = stale_marker();
  std::string damaged = growing_histogram(1, 4);
  damaged.resize(damaged.size() - 3);
  expect_round_trip({growing_histogram(1, 4), growing_histogram(2, 4), growing_histogram(3, 5), "x", damaged,
                     encode_histogram(custom), encode_histogram(custom), growing_histogram(4, 0)});
}

TEST(HistogramBlock, RandomBytesNeverCrashTheDecoder) {
  std::mt19937_64 random(11);
  std::string bytes;
  std::vector<std::string> histograms{growing_histogram(1, 8), growing_histogram(2, 8), "opaque"};
  std::vector<std::string_view> views(histograms.begin(), histograms.end());
  encode_histogram_block(views, bytes);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = bytes;
    for (uint64_t i = 0; i < 1 + random() % 4; ++i)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    Arena arena;
    std::vector<std::string_view> back(3);
    if (!decode_histogram_block(mutated, back, arena).ok()) {
      ++refused;
      continue;
    }
    // What it gives is there to be read.
    for (std::string_view each : back) EXPECT_EQ(std::string(each).size(), each.size());
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace obelisk
