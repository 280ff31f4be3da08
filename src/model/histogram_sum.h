#pragma once
// The compensated sum or mean of many native histograms, as sum(), avg() and their *_over_time form them.
#include <cstddef>

#include "model/histogram_arithmetic.h"
#include "model/histogram_spread.h"

namespace obelisk {

class HistogramSum {
 public:
  void add(const Histogram& histogram);
  size_t count() const { return count_; }
  bool incompatible() const { return notes_.incompatible; }
  HistogramNotes notes() const;
  Histogram sum() const;
  Histogram mean() const;

 private:
  struct Number {
    double value = 0;
    double compensation = 0;
  };
  // The running value with its buckets spread out.
  struct Running {
    Histogram shape;  // schema, hint, thresholds, bounds; its counts are not used
    Number zero, count, sum;
    buckets::IndexedCounts positive, negative;
  };

  static void combine(Running& target, const Histogram& other, double divisor, HistogramNotes& notes);
  template <typename Change>
  static void for_each_number(Running& target, Change change);
  static void multiply(Running& target, double factor);
  static void divide(Running& target, double divisor);
  static bool overflows(const Running& value);
  static Histogram finish(const Running& value);

  Running running_;
  size_t count_ = 0;
  bool incremental_mean_ = false;  // the plain sum overflowed: running_ is the sum, mean_ the running mean
  Running mean_;
  HistogramNotes notes_;
  bool seen_reset_ = false;
  bool seen_no_reset_ = false;
};

}  // namespace obelisk
