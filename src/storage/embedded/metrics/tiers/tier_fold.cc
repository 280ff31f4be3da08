#include "storage/embedded/metrics/tiers/tier_fold.h"

#include <cmath>

#include "model/histogram_arithmetic.h"
#include "model/kahan_sum.h"

namespace obelisk {
namespace {

bool same_shape(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold && a.custom_bounds == b.custom_bounds;
}

// Whether rate() would see more between the two than the difference of what they count. Gauges fall as they
// like; between them nothing is lost.
bool is_turn(const Histogram& current, const Histogram& before) {
  bool gauge = current.reset_hint == CounterResetHint::gauge;
  bool gauge_before = before.reset_hint == CounterResetHint::gauge;
  if (gauge != gauge_before || !same_shape(current, before)) return true;
  return !gauge && is_counter_reset(current, before);
}

}  // namespace

void TierFold::clear() {
  open_ = false;
  floats_ = {};
  histograms_ = {};
  ended_ms_.reset();
  for (Samples& rows : rows_) rows.clear();
  arena_ = Arena();
}

void TierFold::move_to(int64_t time_ms) {
  int64_t end = tier_bucket_end(time_ms, resolution_ms_);
  if (open_ && end == end_ms_) return;
  close_bucket();
  open_ = true;
  end_ms_ = end;
}

void TierFold::add_float(int64_t time_ms, double value, int64_t start_time) {
  move_to(time_ms);
  if (is_stale_marker(value)) {
    ended_ms_ = time_ms;
    return;
  }
  ended_ms_.reset();
  Floats& floats = floats_;
  if (floats.count == 0) {
    floats.first_time = time_ms;
    floats.first_start = start_time;
    floats.first = floats.minimum = floats.maximum = value;
  } else {
    if (value < floats.last) floats.lost += floats.last;
    if (value < floats.minimum || std::isnan(floats.minimum)) floats.minimum = value;
    if (value > floats.maximum || std::isnan(floats.maximum)) floats.maximum = value;
  }
  kahan_add(value, floats.sum, floats.compensation);
  ++floats.count;
  floats.last_time = time_ms;
  floats.last_start = start_time;
  floats.last = value;
}

Result<void> TierFold::add_histogram(int64_t time_ms, std::string_view bytes, int64_t start_time) {
  OBELISK_TRY(Histogram histogram, decode_histogram(bytes));
  move_to(time_ms);
  if (is_stale_marker(histogram.sum)) {
    ended_ms_ = time_ms;
    return {};
  }
  ended_ms_.reset();
  Histograms& histograms = histograms_;
  if (histograms.count == 0) {
    histograms.first_time = time_ms;
    histograms.first_start = start_time;
    histograms.first = bytes;
  } else if (is_turn(histogram, *histograms.before)) {
    add_turn(histograms.last_time, histograms.last, histograms.last_start);
    add_turn(time_ms, bytes, start_time);
  }
  histograms.sum.add(histogram);
  ++histograms.count;
  histograms.last_time = time_ms;
  histograms.last_start = start_time;
  histograms.last = bytes;
  histograms.before = std::move(histogram);
  return {};
}

// A histogram between two turns is told once.
void TierFold::add_turn(int64_t time_ms, std::string_view bytes, int64_t start_time) {
  Samples& turns = writable(TierAspect::histogram_turns);
  if (turns.size() > 0 && turns.times.back() == time_ms) return;
  turns.add_histogram(time_ms, bytes, start_time);
}

void TierFold::finish() {
  close_bucket();
  open_ = false;
}

void TierFold::close_bucket() {
  if (!open_) return;
  const Floats& floats = floats_;
  if (floats.count > 0) {
    writable(TierAspect::first).add(floats.first_time, floats.first, floats.first_start);
    writable(TierAspect::last).add(floats.last_time, floats.last, floats.last_start);
    writable(TierAspect::minimum).add(end_ms_, floats.minimum, 0);
    writable(TierAspect::maximum).add(end_ms_, floats.maximum, 0);
    writable(TierAspect::sum).add(end_ms_, floats.sum + floats.compensation, 0);
    writable(TierAspect::count).add(end_ms_, static_cast<double>(floats.count), 0);
    if (floats.lost != 0) writable(TierAspect::lost).add(end_ms_, floats.lost, 0);
  }
  if (histograms_.count > 0) close_histograms();
  if (ended_ms_) writable(TierAspect::ended).add(*ended_ms_, stale_marker(), 0);
  floats_ = {};
  histograms_ = {};
  ended_ms_.reset();
}

void TierFold::close_histograms() {
  const Histograms& histograms = histograms_;
  writable(TierAspect::histogram_first)
      .add_histogram(histograms.first_time, histograms.first, histograms.first_start);
  writable(TierAspect::histogram_last)
      .add_histogram(histograms.last_time, histograms.last, histograms.last_start);
  writable(TierAspect::histogram_count).add(end_ms_, static_cast<double>(histograms.count), 0);
  if (histograms.sum.incompatible()) return;
  std::string bytes = encode_histogram(histograms.sum.sum());
  writable(TierAspect::histogram_sum).add_histogram(end_ms_, arena_.copy(bytes), 0);
}

}  // namespace obelisk
