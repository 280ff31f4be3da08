#include "wire/otlp_metrics.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "wire/otlp_envelope.h"
#include "wire/otlp_points.h"
#include "wire/otlp_series.h"
#include "wire/prometheus_names.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr uint64_t kTimeMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
constexpr int32_t kDelta = 1;
constexpr int32_t kCumulative = 2;

struct MetricFields {
  std::string_view name, description, unit;
  uint32_t kind = 0;  // the field number of the data: 5, 7, 9, 10 or 11
  std::string_view data;
};

// What a Sum, Histogram or ExponentialHistogram says about its points.
struct DataFields {
  int32_t temporality = 0;
  bool monotonic = false;
  size_t point_count = 0;
};

MetricFields read_metric(std::string_view message) {
  MetricFields metric;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        metric.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        metric.description = protobuf::string_of(reader);
        break;
      case protobuf::length_field(3):
        metric.unit = protobuf::string_of(reader);
        break;
      case protobuf::length_field(5):
      case protobuf::length_field(7):
      case protobuf::length_field(9):
      case protobuf::length_field(10):
      case protobuf::length_field(11):
        metric.kind = reader.tag();
        metric.data = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return metric;
}

DataFields read_data(std::string_view message) {
  DataFields data;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        ++data.point_count;
        reader.skip();
        break;
      case protobuf::varint_field(2):
        data.temporality = reader.get_enum();
        break;
      case protobuf::varint_field(3):
        data.monotonic = reader.get_uint64() != 0;
        break;
      default:
        reader.skip();
    }
  }
  return data;
}

// The bucket an exemplar of this value belongs to, as its le label.
std::string_view bound_text(double value, const std::vector<double>& bounds,
                            const std::vector<std::string_view>& texts) {
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (value <= bounds[i]) return texts[i];
  }
  return "+Inf";
}

// Decimal without an exponent, as Prometheus writes le and quantile of OTLP histograms and summaries.
std::string fixed_text(double value) {
  if (!std::isfinite(value)) return format_sample_value(value);
  std::array<char, 400> buffer;  // 309 digits before the point, or 324 zeros after it and the digits
  auto [end, code] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  OBELISK_ASSERT(code == std::errc());
  return std::string(buffer.data(), end);
}

class MetricsDecoder : public OtlpRecordHandler {
 public:
  MetricsDecoder(std::shared_ptr<const std::string> body, UnixNanos now, const OtlpTranslation& translation)
      : translation_(translation), series_(std::move(body), now, translation) {}

  void begin_resource(const std::vector<AttributeView>& attributes) override {
    end_resource();
    series_.begin_resource(attributes);
    in_resource_ = true;
  }
  void begin_scope(const OtlpScope& scope) override { series_.begin_scope(scope); }
  void end_scope() override {}

  void record(std::string_view message) override {
    MetricFields metric = read_metric(message);
    if (metric.kind == 0) return;  // a metric without data says nothing
    DataFields data = read_data(metric.data);
    std::string problem = begin_metric(metric, data);
    if (!problem.empty()) return reject(std::move(problem), data.point_count);
    Reader reader = protobuf::reader_of(metric.data);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(1)) {
        write_point(metric.kind, protobuf::string_of(reader));
      } else {
        reader.skip();
      }
    }
  }

  DecodedMetrics finish() {
    end_resource();
    result_.batches = series_.finish();
    return std::move(result_);
  }

 private:
  void end_resource() {
    if (in_resource_) series_.end_resource();
    in_resource_ = false;
  }

  // The reason why the metric is rejected, or nothing.
  std::string begin_metric(const MetricFields& metric, const DataFields& data) {
    bool has_temporality = metric.kind == 7 || metric.kind == 9 || metric.kind == 10;
    if (has_temporality && data.temporality != kDelta && data.temporality != kCumulative) {
      return fmt::format("metric \"{}\" has no valid aggregation temporality", metric.name);
    }
    bool delta = has_temporality && data.temporality == kDelta;
    bool monotonic = metric.kind == 7 && data.monotonic;
    OtlpMetricKind kind = monotonic          ? OtlpMetricKind::monotonic_sum
                          : metric.kind == 5 ? OtlpMetricKind::gauge
                                             : OtlpMetricKind::other;
    if (!is_valid_utf8(metric.name)) return "a metric's name is not valid UTF-8";
    std::string family = prometheus_metric_name(metric.name, metric.unit, kind, translation_);
    if (family.empty()) return fmt::format("metric name \"{}\" has no letter or digit", metric.name);
    MetricType type = MetricType::gauge;
    if (monotonic) type = MetricType::counter;
    if (metric.kind == 9 || metric.kind == 10) type = MetricType::histogram;
    if (metric.kind == 11) type = MetricType::summary;
    series_.begin_metric(std::move(family), type, metric.description, prometheus_unit(metric.unit), delta);
    return {};
  }

  void write_point(uint32_t kind, std::string_view message) {
    switch (kind) {
      case 5:
      case 7:
        return write_number(message);
      case 9:
        return write_histogram(message);
      case 10:
        return write_exponential(message);
      default:
        return write_summary(message);
    }
  }

  // Begins the point's series; false when the point was rejected.
  template <typename Point>
  bool begin_point(const Point& point) {
    if (point.time == 0 || point.time > kTimeMax || point.start_time > kTimeMax) {
      reject("a data point has no time, or one beyond the year 2262");
      return false;
    }
    series_.begin_point(point.attributes, point.time, point.start_time);
    return true;
  }

  void write_number(std::string_view message) {
    read_point(message, number_);
    bool stale = (number_.flags & kNoRecordedValueFlag) != 0;
    if (!stale && !number_.value) return reject("a data point has no value");
    if (!begin_point(number_)) return;
    series_.sample({}, stale ? stale_marker() : *number_.value);
    for (const OtlpExemplar& exemplar : number_.exemplars) series_.exemplar({}, exemplar);
  }

  void write_histogram(std::string_view message) {
    read_point(message, histogram_);
    const OtlpHistogramPoint& point = histogram_;
    if (!point.bucket_counts.empty() && point.bucket_counts.size() != point.bounds.size() + 1) {
      return reject("a histogram's bucket counts do not match its bounds");
    }
    bool stale = (point.flags & kNoRecordedValueFlag) != 0;
    if (translation_.convert_histograms_to_nhcb) return write_custom_bounds(point, stale);
    if (!begin_point(point)) return;
    auto value = [&](double number) { return stale ? stale_marker() : number; };
    bounds_.clear();
    uint64_t cumulative = 0;
    for (size_t i = 0; i < point.bounds.size(); ++i) {
      bounds_.push_back(series_.arena().copy(fixed_text(point.bounds[i])));
      if (i < point.bucket_counts.size()) cumulative += point.bucket_counts[i];
      series_.sample({"_bucket", "le", bounds_.back()}, value(static_cast<double>(cumulative)));
    }
    series_.sample({"_bucket", "le", "+Inf"}, value(static_cast<double>(point.count)));
    if (point.sum) series_.sample({"_sum", {}, {}}, value(*point.sum));
    series_.sample({"_count", {}, {}}, value(static_cast<double>(point.count)));
    for (const OtlpExemplar& exemplar : point.exemplars) {
      series_.exemplar({"_bucket", "le", bound_text(exemplar.value, point.bounds, bounds_)}, exemplar);
    }
  }

  void write_custom_bounds(const OtlpHistogramPoint& point, bool stale) {
    if (stale) {
      if (begin_point(point)) series_.sample({}, stale_marker());
      return;
    }
    Result<Histogram> histogram = custom_bounds_histogram_of(point);
    if (!histogram.ok()) return reject(histogram.error().message);
    if (!begin_point(point)) return;
    series_.native_histogram(encode_histogram(*histogram));
    for (const OtlpExemplar& exemplar : point.exemplars) series_.exemplar({}, exemplar);
  }

  void write_exponential(std::string_view message) {
    read_point(message, exponential_);
    if ((exponential_.flags & kNoRecordedValueFlag) != 0) {
      if (begin_point(exponential_)) series_.sample({}, stale_marker());
      return;
    }
    Result<Histogram> histogram = native_histogram_of(exponential_);
    if (!histogram.ok()) return reject(histogram.error().message);
    if (!begin_point(exponential_)) return;
    series_.native_histogram(encode_histogram(*histogram));
    for (const OtlpExemplar& exemplar : exponential_.exemplars) series_.exemplar({}, exemplar);
  }

  void write_summary(std::string_view message) {
    read_point(message, summary_);
    if (!begin_point(summary_)) return;
    bool stale = (summary_.flags & kNoRecordedValueFlag) != 0;
    auto value = [&](double number) { return stale ? stale_marker() : number; };
    series_.sample({"_sum", {}, {}}, value(summary_.sum));
    series_.sample({"_count", {}, {}}, value(static_cast<double>(summary_.count)));
    for (const OtlpSummaryPoint::Quantile& quantile : summary_.quantiles) {
      std::string_view text = series_.arena().copy(fixed_text(quantile.quantile));
      series_.sample({{}, "quantile", text}, value(quantile.value));
    }
  }

  void reject(std::string reason, uint64_t points = 1) {
    if (result_.rejected_points == 0) result_.rejection = std::move(reason);
    result_.rejected_points += points;
  }

  const OtlpTranslation& translation_;
  OtlpSeriesWriter series_;
  DecodedMetrics result_;
  bool in_resource_ = false;
  // Reused from point to point.
  OtlpNumberPoint number_;
  OtlpHistogramPoint histogram_;
  OtlpExponentialPoint exponential_;
  OtlpSummaryPoint summary_;
  std::vector<std::string_view> bounds_;
};

}  // namespace

Result<DecodedMetrics> decode_otlp_metrics(std::shared_ptr<const std::string> body, UnixNanos now,
                                           const OtlpTranslation& translation) {
  protobuf::Place place;
  DecodedMetrics result;
  std::string_view bytes = *body;
  MetricsDecoder decoder(std::move(body), now, translation);
  OBELISK_CHECK_OK(protobuf::decode_guarded("OTLP metrics", bytes, place, [&] {
    walk_otlp_request(bytes, place, decoder);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
