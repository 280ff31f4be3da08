#pragma once
// Arithmetic of native histograms: bringing two to a common shape, adding, subtracting, scaling, comparing,
// and telling a counter reset. Pure functions; nothing here knows a query language.
//
// Two histograms are combined at the coarser of their schemas and the wider of their zero buckets.
// Custom-bounds histograms (schema -53) with different bounds are combined on the bounds they share.
// Exponential and custom-bounds histograms cannot be combined.
#include <vector>

#include "model/histogram.h"

namespace obelisk {

struct HistogramNotes {
  bool incompatible = false;          // exponential with custom bounds: the target is unchanged
  bool bounds_reconciled = false;     // different custom bounds were cut to the common ones
  bool reset_hint_collision = false;  // "reset" met "not reset"
};

bool has_custom_bounds(const Histogram& histogram);
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

}  // namespace obelisk
