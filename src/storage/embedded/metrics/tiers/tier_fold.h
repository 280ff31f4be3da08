#pragma once
// Folds the samples of one series, in time order, into what the buckets of a tier keep of them
// (plan/tier.h). One object folds one series after the other; one thread. Memory: the aspects of the series,
// some fifteen numbers a bucket, and one decoded histogram.
#include <array>
#include <optional>
#include <string_view>

#include "model/histogram.h"
#include "model/histogram_sum.h"
#include "plan/tier.h"
#include "storage/embedded/metrics/samples.h"

namespace obelisk {

class TierFold {
 public:
  explicit TierFold(int64_t resolution_ms) : resolution_ms_(resolution_ms) {}

  // Times ascend from call to call; of equal ones only the last may be given.
  void add_float(int64_t time_ms, double value, int64_t start_time);
  // `bytes` stay where they are until clear(). Corrupt when they do not decode.
  Result<void> add_histogram(int64_t time_ms, std::string_view bytes, int64_t start_time);
  // Closes the last bucket.
  void finish();
  // Rows of an aspect, times in milliseconds. Bytes of merged histograms live until clear().
  const Samples& rows(TierAspect aspect) const { return rows_[static_cast<size_t>(aspect)]; }
  void clear();

 private:
  struct Floats {
    uint64_t count = 0;
    int64_t first_time = 0, last_time = 0;
    int64_t first_start = 0, last_start = 0;
    double first = 0, last = 0;
    double minimum = 0, maximum = 0;
    double sum = 0, compensation = 0;
    double lost = 0;
  };
  struct Histograms {
    uint64_t count = 0;
    int64_t first_time = 0, last_time = 0;
    int64_t first_start = 0, last_start = 0;
    std::string_view first, last;
    std::optional<Histogram> before;  // the last one, decoded
    HistogramSum sum;
  };

  Samples& writable(TierAspect aspect) { return rows_[static_cast<size_t>(aspect)]; }
  void move_to(int64_t time_ms);
  void close_bucket();
  void close_histograms();
  void add_turn(int64_t time_ms, std::string_view bytes, int64_t start_time);

  const int64_t resolution_ms_;
  bool open_ = false;
  int64_t end_ms_ = 0;
  Floats floats_;
  Histograms histograms_;
  std::optional<int64_t> ended_ms_;
  std::array<Samples, kTierAspectCount> rows_;
  Arena arena_;
};

}  // namespace obelisk
