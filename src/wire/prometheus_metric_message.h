#pragma once
// What one Counter, Gauge, Untyped, Summary or Histogram message of Prometheus' protobuf exposition
// (io.prometheus.client) says, as it stands: what series that makes is exposition_protobuf's. Included by .cc
// files only; the readers run inside decode_guarded, and their views point into the message.
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/histogram.h"
#include "wire/native_histogram_parts.h"

namespace obelisk::prometheus_metric_message {

// A classic bucket, or a quantile.
struct Part {
  double bound = 0;
  double value = 0;
  std::string_view exemplar;
  bool has_exemplar = false;
};

// Reused from metric to metric.
struct MetricValue {
  double value = 0;  // of counters, gauges and untyped
  std::string_view exemplar;
  bool has_exemplar = false;
  std::optional<UnixNanos> created;
  // Summaries and histograms.
  double count = 0;
  double sum = 0;
  std::vector<Part> parts;
  // Native histograms.
  Histogram native;
  HistogramCounts kind = HistogramCounts::integers;
  NativeBucketParts positive, negative;
  double count_float = 0, zero_count_float = 0;
  std::vector<std::string_view> native_exemplars;

  bool is_native() const {
    return !positive.spans.empty() || !negative.spans.empty() || native.zero_threshold > 0 ||
           native.zero_count > 0 || zero_count_float > 0;
  }
  void clear() { *this = MetricValue{}; }
};

// Counter, Gauge and Untyped have the same field 1.
void read_simple(std::string_view message, MetricValue& out);
void read_summary(std::string_view message, MetricValue& out);
void read_histogram(std::string_view message, MetricValue& out);

}  // namespace obelisk::prometheus_metric_message
