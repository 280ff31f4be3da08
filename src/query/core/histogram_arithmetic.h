#pragma once
// Arithmetic of native histograms: bringing two to a common shape, adding, subtracting, scaling, comparing, and telling
// a counter reset. Pure functions; nothing here knows a query language.
//
// Two histograms are combined at the coarser of their schemas and the wider of their zero buckets. Custom-bounds
// histograms (schema -53) with different bounds are combined on the bounds they share. Exponential and custom-bounds
// histograms cannot be combined.
#include <string>
#include <vector>

#include "model/histogram.h"

namespace obelisk {

// One populated bucket: exponential index (upper bound base^index) or position in the custom bounds.
struct IndexedCount {
  int32_t index = 0;
  double count = 0;
  double compensation = 0;  // what a compensated sum has lost so far
};
using IndexedCounts = std::vector<IndexedCount>;  // ascending indices

struct HistogramNotes {
  bool incompatible = false;         // exponential with custom bounds: the target is unchanged
  bool bounds_reconciled = false;    // different custom bounds were cut to the common ones
  bool reset_hint_collision = false; // "reset" met "not reset"
};

bool has_custom_bounds(const Histogram& histogram);
IndexedCounts expand_buckets(const std::vector<BucketSpan>& spans, const std::vector<double>& counts);
void collapse_buckets(const IndexedCounts& buckets, std::vector<BucketSpan>& spans, std::vector<double>& counts);

// The upper bound of bucket `index` of an exponential schema; the largest double and then +Inf past its end.
double exponential_bound(int32_t index, int32_t schema);

// Removes empty buckets and joins the spans.
void compact_histogram(Histogram& histogram);
// Merges buckets down to a coarser exponential schema.
void coarsen_histogram(Histogram& histogram, int32_t schema);

// target += sign * other, compacted; `sign` is 1 or -1.
HistogramNotes add_histograms(Histogram& target, const Histogram& other, double sign);
// Multiplying or dividing by a negative number makes a gauge. Division by zero leaves no buckets.
void multiply_histogram(Histogram& histogram, double factor);
void divide_histogram(Histogram& histogram, double divisor);

// Same shape and counts; empty buckets and the reset hint do not matter. NaN sums are equal bit for bit only.
bool histograms_equal(const Histogram& a, const Histogram& b);
// Whether a counter was reset between `previous` and `current`: by the hint, or because some bucket fell.
bool is_counter_reset(const Histogram& current, const Histogram& previous);

// The compensated sum or mean of many histograms.
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
    IndexedCounts positive, negative;
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

// {count:4, sum:5, (0.5,1]:1, (1,2]:3}: how count_values labels a histogram.
std::string histogram_text(const Histogram& histogram);

}  // namespace obelisk
