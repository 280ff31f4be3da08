#pragma once
// Runs PromQL: what the HTTP API and the rules call. Stateless apart from its options; safe from any thread.
//
//   PromqlEngine engine;
//   auto result = engine.instant(QueryContext{reader, tenant, snapshot, budget, cancel}, "sum(rate(x[5m]))",
//   now);
//
// Errors: parse_error with a position (see parse_error_text), invalid_argument (a range that ends before it
// starts, too many points), execution (two results with one label set, ...), too_large, cancelled, timeout,
// unsupported (it names what is not there yet), and whatever the reader returns.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "query/core/query_context.h"
#include "query/core/sample_vector.h"

namespace obelisk {

struct PromqlOptions {
  int64_t lookback_ms = 5 * 60 * 1000;           // how long a sample stands for its series
  int64_t default_subquery_step_ms = 60 * 1000;  // of `[5m:]`
  uint64_t samples_max = 50'000'000;             // loaded or produced by one query
  uint64_t points_per_series_max = 11'000;       // of a range query
  bool experimental_functions = true;
  bool delayed_name_removal = false;     // Prometheus' feature flag: names go only when the query ends
  bool use_start_timestamps = false;     // its other one: a changed start is a counter reset
  bool count_queryable_samples = false;  // PromqlStats::queryable_per_step
  // Downsampled tiers (plan/tier.h) answer where they are exact, and where nothing else is left. Off: samples
  // alone are read.
  bool use_tiers = true;
};

enum class PromqlType : uint8_t { scalar, string, vector, matrix };
std::string_view promql_type_name(PromqlType type);

// Something odd that did not stop the query. `message` begins with "PromQL warning: " or "PromQL info: " and
// ends with the place, "(1:7)".
struct PromqlAnnotations {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

// A tier that took part in an answer.
struct PromqlTierUse {
  int64_t resolution_ms = 0;
  int64_t after_ms = 0;  // what was read of it
  int64_t until_ms = 0;
  bool exact = true;     // false: the samples themselves could have given something else
  std::string selector;  // as in the query
  bool operator==(const PromqlTierUse&) const = default;
};

struct PromqlStats {
  uint64_t samples = 0;  // samples read
  uint64_t series = 0;   // series selected
  bool complete = true;  // false: the store could not read everything; `incomplete_reason` says why
  std::string incomplete_reason;
  // The samples that each step looked at, if they are counted: one for a selector, all in its window for a
  // range selector, of a subquery those of its result. A histogram counts as the floats that it takes the
  // memory of.
  std::vector<uint64_t> queryable_per_step;
  std::vector<PromqlTierUse> tiers;
};

struct FloatPoint {
  int64_t time_ms = 0;
  double value = 0;
};
struct HistogramPoint {
  int64_t time_ms = 0;
  std::shared_ptr<const Histogram> histogram;
};
struct MatrixSeries {
  Labels labels;
  std::vector<FloatPoint> floats;  // both ascending in time
  std::vector<HistogramPoint> histograms;
};

struct InstantResult {
  PromqlType type = PromqlType::vector;
  int64_t time_ms = 0;
  double scalar = 0;
  std::string text;                  // string
  SampleVector vector;               // in the order of the query where it sorts
  std::vector<MatrixSeries> matrix;  // a range selector's samples, sorted by labels
  PromqlAnnotations annotations;
  PromqlStats stats;
};

struct MatrixResult {
  std::vector<MatrixSeries> series;  // sorted by labels
  PromqlAnnotations annotations;
  PromqlStats stats;
};

namespace promql {
struct Node;
class EvaluationTrace;
}  // namespace promql

class PromqlEngine {
 public:
  PromqlEngine() = default;
  explicit PromqlEngine(PromqlOptions options) : options_(options) {}

  // Times are cut to milliseconds, PromQL's resolution.
  Result<InstantResult> instant(const QueryContext& context, std::string_view query, UnixNanos time) const;
  // Evaluates at start, start + step, ... up to and including end.
  Result<MatrixResult> range(const QueryContext& context, std::string_view query, UnixNanos start,
                             UnixNanos end, int64_t step_nanos) const;
  // The same of a parsed query, with what each node did told to `trace` (explain.h).
  Result<InstantResult> instant_traced(const QueryContext& context, std::string_view query,
                                       const promql::Node& node, UnixNanos time,
                                       promql::EvaluationTrace& trace) const;
  Result<MatrixResult> range_traced(const QueryContext& context, std::string_view query,
                                    const promql::Node& node, UnixNanos start, UnixNanos end,
                                    int64_t step_nanos, promql::EvaluationTrace& trace) const;
  // Whether the expression parses, and to which type.
  Result<PromqlType> check(std::string_view query) const;

  const PromqlOptions& options() const { return options_; }

 private:
  Result<InstantResult> run_instant(const QueryContext& context, std::string_view query,
                                    const promql::Node& node, UnixNanos time,
                                    promql::EvaluationTrace* trace) const;
  Result<MatrixResult> run_range(const QueryContext& context, std::string_view query,
                                 const promql::Node& node, UnixNanos start, UnixNanos end, int64_t step_nanos,
                                 promql::EvaluationTrace* trace) const;

  PromqlOptions options_;
};

}  // namespace obelisk
