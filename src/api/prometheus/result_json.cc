#include "api/prometheus/result_json.h"

#include "api/prometheus/api_call.h"
#include "base/text.h"
#include "model/histogram_buckets.h"
#include "query/core/float_text.h"

namespace obelisk::prometheus_api {
namespace {

void write_point(JsonWriter& json, int64_t time_ms, double value) {
  json.begin_array().raw(format_time(time_ms)).value(format_sample_value(value)).end_array();
}

void write_point(JsonWriter& json, int64_t time_ms, const Histogram& histogram) {
  json.begin_array().raw(format_time(time_ms));
  write_histogram(json, histogram);
  json.end_array();
}

void write_series(JsonWriter& json, const MatrixSeries& series) {
  json.begin_object().key("metric");
  write_labels(json, series.labels);
  if (!series.floats.empty()) {
    json.key("values").begin_array();
    for (const FloatPoint& point : series.floats) write_point(json, point.time_ms, point.value);
    json.end_array();
  }
  if (!series.histograms.empty()) {
    json.key("histograms").begin_array();
    for (const HistogramPoint& point : series.histograms) write_point(json, point.time_ms, *point.histogram);
    json.end_array();
  }
  json.end_object();
}

bool write_matrix(JsonWriter& json, const std::vector<MatrixSeries>& matrix, uint64_t limit) {
  json.begin_array();
  uint64_t written = 0;
  for (const MatrixSeries& series : matrix) {
    if (limit != 0 && written++ == limit) break;
    write_series(json, series);
  }
  json.end_array();
  return limit != 0 && matrix.size() > limit;
}

bool write_vector(JsonWriter& json, const InstantResult& result, uint64_t limit) {
  json.begin_array();
  uint64_t written = 0;
  for (const VectorSample& sample : result.vector) {
    if (limit != 0 && written++ == limit) break;
    json.begin_object().key("metric");
    write_labels(json, sample.labels);
    if (sample.histogram) {
      json.key("histogram");
      write_point(json, result.time_ms, *sample.histogram);
    } else {
      json.key("value");
      write_point(json, result.time_ms, sample.value);
    }
    json.end_object();
  }
  json.end_array();
  return limit != 0 && result.vector.size() > limit;
}

}  // namespace

void write_labels(JsonWriter& json, const Labels& labels) {
  json.begin_object();
  for (const Label& label : labels) json.field(label.name, label.value);
  json.end_object();
}

void write_histogram(JsonWriter& json, const Histogram& histogram) {
  json.begin_object()
      .field("count", format_sample_value(histogram.count))
      .field("sum", format_sample_value(histogram.sum));
  std::vector<HistogramBucket> buckets = buckets_of(histogram);
  if (!buckets.empty()) {
    json.key("buckets").begin_array();
    for (const HistogramBucket& bucket : buckets) {
      int rule = bucket.lower_inclusive ? (bucket.upper_inclusive ? 3 : 1) : (bucket.upper_inclusive ? 0 : 2);
      json.begin_array()
          .value(rule)
          .value(format_sample_value(bucket.lower))
          .value(format_sample_value(bucket.upper));
      json.value(format_sample_value(bucket.count)).end_array();
    }
    json.end_array();
  }
  json.end_object();
}

bool write_result(JsonWriter& json, const InstantResult& result, uint64_t limit) {
  json.field("resultType", promql_type_name(result.type)).key("result");
  switch (result.type) {
    case PromqlType::scalar:
      // A lone number never has an exponent.
      json.begin_array()
          .raw(format_time(result.time_ms))
          .value(format_plain_float(result.scalar))
          .end_array();
      return false;
    case PromqlType::string:
      json.begin_array().raw(format_time(result.time_ms)).value(result.text).end_array();
      return false;
    case PromqlType::matrix:
      return write_matrix(json, result.matrix, limit);
    case PromqlType::vector:
      break;
  }
  return write_vector(json, result, limit);
}

bool write_result(JsonWriter& json, const MatrixResult& result, uint64_t limit) {
  json.field("resultType", "matrix").key("result");
  return write_matrix(json, result.series, limit);
}

void write_tiers(JsonWriter& json, const std::vector<PromqlTierUse>& tiers) {
  if (tiers.empty()) return;
  json.key("tiers").begin_array();
  for (const PromqlTierUse& use : tiers) {
    json.begin_object().field("selector", use.selector);
    json.field("resolution", format_prometheus_duration(use.resolution_ms * kNanosPerMilli));
    json.key("start").raw(format_time(use.after_ms)).key("end").raw(format_time(use.until_ms));
    json.field("exact", use.exact).end_object();
  }
  json.end_array();
}

}  // namespace obelisk::prometheus_api
