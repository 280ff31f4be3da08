#include "query/promql/test_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/histogram_arithmetic.h"
#include "model/histogram_spread.h"
#include "query/core/float_text.h"
#include "query/core/histogram_text.h"

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
  static constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  return fmt::format("{{{{schema:{} hint:{} zero_width:{} {}}}}}", histogram->schema,
                     kHints[static_cast<int>(histogram->reset_hint)], histogram->zero_threshold,
                     histogram_text(*histogram));
}

bool point_matches(const ScriptPoint& expected, double value, const Histogram* histogram) {
  if ((expected.histogram != nullptr) != (histogram != nullptr)) return false;
  return histogram != nullptr ? histograms_match(expected, *histogram) : numbers_match(expected.value, value);
}

}  // namespace obelisk::promql
