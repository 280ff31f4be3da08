#pragma once
// What a scrape of a metrics page says, whatever its text format: families with type, help and unit, and
// samples with their labels, time and exemplar.
//   exposition_text.h  Prometheus text 0.0.4 and 1.0.0 (quoted UTF-8 names)
//   openmetrics.h      OpenMetrics text 1.0.0, strict as the specification or lenient as Prometheus
//   exposition_protobuf.h  Prometheus protobuf (delimited io.prometheus.client.MetricFamily), with native
//   histograms
// Invariants: labels are sorted, contain __name__, and have no empty value (model/labels.h); samples and
// families keep the order of the page; `family` and `exemplar` are indices into the vectors beside them.
// Strings point into the page (which the caller keeps alive) or, where escapes had to be undone, into
// `arena`. Parsers are pure functions, safe from any thread; memory is bounded by a small multiple of the
// page.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"

namespace obelisk {

enum class MetricType : uint8_t {
  unknown,
  counter,
  gauge,
  histogram,
  gaugehistogram,
  summary,
  info,
  stateset,
};
// "counter" and so on: what column::kMetricType holds.
std::string_view metric_type_name(MetricType type);

struct ExpositionExemplar {
  LabelsView labels;  // sorted, without empty values
  double value = 0;
  std::optional<UnixNanos> time;
};

struct ExpositionFamily {
  std::string_view name;  // as in its TYPE, HELP or UNIT line; for a bare sample the sample's name
  MetricType type = MetricType::unknown;
  std::string_view help;
  std::string_view unit;
  bool has_metadata = false;  // false: no TYPE, HELP or UNIT line was there
};

inline constexpr int32_t kNoExemplar = -1;

struct ExpositionSample {
  LabelsView labels;
  // The bytes of name and labels as the page has them: the same series has the same text from scrape to
  // scrape, which makes it a cheap cache key.
  std::string_view series_text;
  double value = 0;
  // A native histogram instead of a value: encoded as in model/histogram.h, in the arena. Empty for a value.
  std::string_view histogram;
  std::optional<UnixNanos> time;
  // Since when a counter, histogram or summary counts: OpenMetrics' _created line or protobuf's
  // created_timestamp.
  std::optional<UnixNanos> start_time;
  uint32_t family = 0;
  int32_t exemplar = kNoExemplar;  // the first of exemplar_count
  uint32_t exemplar_count = 0;     // more than one only for native histograms
};

struct Exposition {
  std::vector<ExpositionFamily> families;
  std::vector<ExpositionSample> samples;
  std::vector<ExpositionExemplar> exemplars;
  Arena arena;
};

enum class ExpositionFormat : uint8_t { prometheus_text, openmetrics_text, prometheus_protobuf };

// What a scraper may ask of the parsers; the defaults are Prometheus'.
struct ExpositionOptions {
  // _created lines only give other samples their start time, and are no samples themselves.
  bool created_as_start_time = false;
  // Protobuf: native histograms are read; else only their classic buckets are.
  bool native_histograms = true;
  // Classic histograms become native ones with custom bounds (schema -53).
  bool classic_to_custom_bounds = false;
  // Classic buckets, count and sum are kept beside the native histogram of the same metric.
  bool always_classic = false;
  // Native histograms with more buckets, or neighbouring bounds closer than this factor, lose resolution;
  // where that does not help, the page is refused. 0: no limit.
  uint64_t histogram_buckets_max = 0;
  double histogram_factor_min = 0;

  bool operator==(const ExpositionOptions&) const = default;
};

// From a Content-Type header: text/plain (any version), application/openmetrics-text, and
// application/vnd.google.protobuf with the MetricFamily message and delimited encoding (another message or
// encoding is `unsupported`). An absent or unknown type is nullopt (Prometheus then takes
// fallback_scrape_protocol).
Result<std::optional<ExpositionFormat>> exposition_format_of(std::string_view content_type);

// Parses leniently, as Prometheus does when it scrapes: le and quantile values are spelled canonically ("1.0"
// for "1"). The page must outlive the result.
Result<Exposition> parse_exposition(ExpositionFormat format, std::string_view page,
                                    const ExpositionOptions& options = {});

}  // namespace obelisk
