#include "query/promql/test_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/histogram_arithmetic.h"
#include "model/histogram_spread.h"
#include "query/core/float_text.h"

namespace obelisk::promql {
namespace {

constexpr double kTolerance = 1e-6;

bool buckets_match(const std::vector<BucketSpan>& a_spans, const std::vector<double>& a_counts,
                   const std::vector<BucketSpan>& b_spans, const std::vector<double>& b_counts) {
  buckets::IndexedCounts a = buckets::expand_buckets(a_spans, a_counts);
  buckets::IndexedCounts b = buckets::expand_buckets(b_spans, b_counts);
  auto is_empty = [](const buckets::IndexedCount& bucket) { return bucket.count == 0; };
  std::erase_if(a, is_empty);
  std::erase_if(b, is_empty);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const buckets::IndexedCount& x, const buckets::IndexedCount& y) {
                      return x.index == y.index && numbers_match(x.count, y.count);
                    });
}

std::string list_text(const std::vector<double>& numbers) {
  std::string out;
  for (double number : numbers) out += (out.empty() ? "" : " ") + format_go_g(number);
  return "[" + out + "]";
}

// From the first bucket to the last, with zeros for those between that are not there.
std::string buckets_text(std::string_view prefix, const std::vector<BucketSpan>& spans,
                         const std::vector<double>& counts) {
  buckets::IndexedCounts present = buckets::expand_buckets(spans, counts);
  if (present.empty()) return "";
  std::vector<double> dense;
  for (const buckets::IndexedCount& bucket : present) {
    dense.resize(static_cast<size_t>(bucket.index - present.front().index));
    dense.push_back(bucket.count);
  }
  int32_t offset = present.front().index;
  std::string place = offset == 0 ? "" : fmt::format(" {}offset:{}", prefix, offset);
  return fmt::format("{} {}buckets:{}", place, prefix, list_text(dense));
}

bool histograms_match(const ScriptPoint& expected, const Histogram& actual) {
  const Histogram& wanted = *expected.histogram;
  if (expected.hint_given && wanted.reset_hint != actual.reset_hint) return false;
  return wanted.schema == actual.schema && numbers_match(wanted.count, actual.count) &&
         numbers_match(wanted.sum, actual.sum) && wanted.custom_bounds == actual.custom_bounds &&
         wanted.zero_threshold == actual.zero_threshold &&
         numbers_match(wanted.zero_count, actual.zero_count) &&
         buckets_match(wanted.positive_spans, wanted.positive_counts, actual.positive_spans,
                       actual.positive_counts) &&
         buckets_match(wanted.negative_spans, wanted.negative_counts, actual.negative_spans,
                       actual.negative_counts);
}

}  // namespace

bool numbers_match(double expected, double actual) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  if (expected == actual) return true;
  double sum = std::fabs(expected) + std::fabs(actual);
  double difference = std::fabs(expected - actual);
  if (expected == 0 || actual == 0 || sum < std::numeric_limits<double>::min())
    return difference < kTolerance * std::numeric_limits<double>::min();
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

std::string point_text(double value, const Histogram* histogram) {
  if (histogram == nullptr) return format_go_g(value);
  static constexpr std::string_view kHints[] = {"", "reset", "not_reset", "gauge"};
  std::string out = fmt::format("{{{{schema:{} count:{} sum:{}", histogram->schema,
                                format_go_g(histogram->count), format_go_g(histogram->sum));
  if (histogram->zero_count != 0) out += " z_bucket:" + format_go_g(histogram->zero_count);
  if (histogram->zero_threshold != 0) out += " z_bucket_w:" + format_go_g(histogram->zero_threshold);
  if (!histogram->custom_bounds.empty()) out += " custom_values:" + list_text(histogram->custom_bounds);
  out += buckets_text("", histogram->positive_spans, histogram->positive_counts);
  out += buckets_text("n_", histogram->negative_spans, histogram->negative_counts);
  std::string_view hint = kHints[static_cast<int>(histogram->reset_hint)];
  return out + (hint.empty() ? "" : fmt::format(" counter_reset_hint:{}", hint)) + "}}";
}

bool point_matches(const ScriptPoint& expected, double value, const Histogram* histogram) {
  if ((expected.histogram != nullptr) != (histogram != nullptr)) return false;
  return histogram != nullptr ? histograms_match(expected, *histogram) : numbers_match(expected.value, value);
}

}  // namespace obelisk::promql
