#include "query/promql/test_loader.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "model/histogram_arithmetic.h"

namespace obelisk::promql {
namespace {

ScriptPoint custom_bucket_point(const std::map<double, const ScriptSeries*>& buckets, const ScriptSeries* sum,
                                const ScriptSeries* count, size_t i) {
  auto histogram = std::make_shared<Histogram>();
  histogram->schema = Histogram::kCustomBoundsSchema;
  double before = 0;
  for (const auto& [upper, series] : buckets) {
    if (i >= series->points.size() || series->points[i].missing) return {true, 0, nullptr, false};
    double value = series->points[i].value;
    if (std::isfinite(upper)) histogram->custom_bounds.push_back(upper);
    histogram->positive_counts.push_back(std::max(0.0, value - before));
    before = std::max(before, value);
  }
  histogram->count = before;
  if (count != nullptr && i < count->points.size() && !count->points[i].missing) {
    histogram->count = count->points[i].value;
    if (histogram->positive_counts.size() == histogram->custom_bounds.size()) {
      histogram->positive_counts.push_back(std::max(0.0, histogram->count - before));
    }
  }
  if (sum != nullptr && i < sum->points.size() && !sum->points[i].missing)
    histogram->sum = sum->points[i].value;
  histogram->positive_spans = {{0, static_cast<uint32_t>(histogram->positive_counts.size())}};
  return {false, 0, std::move(histogram), false};
}

// The custom-bounds histogram of each set of classic bucket series.
std::vector<ScriptSeries> custom_bucket_series(const std::vector<ScriptSeries>& series) {
  struct Parts {
    std::map<double, const ScriptSeries*> buckets;
    const ScriptSeries* sum = nullptr;
    const ScriptSeries* count = nullptr;
  };
  std::map<Labels, Parts> histograms;
  for (const ScriptSeries& one : series) {
    std::string name(one.labels.get(kMetricNameLabel));
    auto base = [&](std::string_view ending) {
      Labels labels = one.labels;
      labels.set(kMetricNameLabel, name.substr(0, name.size() - ending.size()));
      labels.remove("le");
      return labels;
    };
    std::optional<double> upper = parse_float(one.labels.get("le"));
    if (name.ends_with("_bucket") && upper) histograms[base("_bucket")].buckets[*upper] = &one;
    if (name.ends_with("_sum")) histograms[base("_sum")].sum = &one;
    if (name.ends_with("_count")) histograms[base("_count")].count = &one;
  }
  std::vector<ScriptSeries> out;
  for (const auto& [labels, parts] : histograms) {
    if (parts.buckets.empty()) continue;
    ScriptSeries one{labels, {}};
    size_t points = 0;
    for (const auto& [upper, bucket] : parts.buckets) points = std::max(points, bucket->points.size());
    for (size_t i = 0; i < points; ++i)
      one.points.push_back(custom_bucket_point(parts.buckets, parts.sum, parts.count, i));
    out.push_back(std::move(one));
  }
  return out;
}

// How many requests a load is written in.
constexpr size_t kRequests = 3;

}  // namespace

Result<void> ScriptLoader::clear() {
  store_.reset();
  OBELISK_TRY(store_, stores_());
  last_histogram_.clear();
  return {};
}

Result<void> ScriptLoader::load(const std::vector<ScriptSeries>& series, int64_t step_ms,
                                bool with_custom_buckets) {
  std::vector<ScriptSeries> samples;
  Starts starts;
  size_t points = 0;
  for (const ScriptSeries& one : series) {
    if (one.is_starts) {
      starts.of[one.labels] = &one;
    } else {
      samples.push_back(one);
    }
  }
  if (with_custom_buckets) {
    for (ScriptSeries& one : custom_bucket_series(samples)) samples.push_back(std::move(one));
  }
  for (const ScriptSeries& one : samples) points = std::max(points, one.points.size());
  size_t piece = std::max<size_t>(1, (points + kRequests - 1) / kRequests);
  for (size_t begin = 0; begin < points; begin += piece) {
    OBELISK_CHECK_OK(write(samples, starts, step_ms, begin, begin + piece));
  }
  return {};
}

Result<void> ScriptLoader::write(const std::vector<ScriptSeries>& series, const Starts& starts,
                                 int64_t step_ms, size_t begin, size_t end) {
  BatchBuilder builder(Table::samples);
  for (const ScriptSeries& one : series) {
    auto its_starts = starts.of.find(one.labels);
    add(builder, one, its_starts == starts.of.end() ? nullptr : its_starts->second, step_ms, begin, end);
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  Result<LogPosition> done = append_and_wait(store_->writer(), std::move(request));
  if (!done.ok()) return done.error();
  return store_->settle();
}

void ScriptLoader::add(BatchBuilder& builder, const ScriptSeries& series, const ScriptSeries* starts,
                       int64_t step_ms, size_t begin, size_t end) {
  std::vector<LabelRef> labels = series.labels.view();
  builder.begin_group_copy(labels);
  HistogramPtr& before = last_histogram_[series.labels];
  for (size_t i = begin; i < std::min(end, series.points.size()); ++i) {
    const ScriptPoint& point = series.points[i];
    if (point.missing) continue;
    int64_t time_ms = static_cast<int64_t>(i) * step_ms;
    builder.add_row(UnixNanos::from_millis(time_ms));
    if (starts != nullptr && i < starts->points.size() && !starts->points[i].missing) {
      int64_t start_ms = time_ms + static_cast<int64_t>(starts->points[i].value);
      builder.set_int(Scope::fixed, column::kStartTime, UnixNanos::from_millis(start_ms).value);
    }
    if (!point.histogram) {
      builder.set_float(Scope::fixed, column::kValue, point.value);
      if (!is_stale_marker(point.value)) before = nullptr;
      continue;
    }
    Histogram histogram = *point.histogram;
    if (histogram.reset_hint == CounterResetHint::unknown || histogram.reset_hint == CounterResetHint::no) {
      histogram.reset_hint = CounterResetHint::unknown;
      bool continues =
          before && before->reset_hint != CounterResetHint::gauge && !is_counter_reset(histogram, *before);
      if (continues && before->custom_bounds == histogram.custom_bounds)
        histogram.reset_hint = CounterResetHint::no;
    }
    before = point.histogram;
    std::string bytes = encode_histogram(histogram);
    builder.set_string(Scope::fixed, column::kHistogram, builder.arena().copy(bytes), ColumnType::bytes);
  }
}

}  // namespace obelisk::promql
