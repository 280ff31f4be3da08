#pragma once
// What a scrape of a metrics page says, whatever its text format: families with type, help and unit, and
// samples with their labels, time and exemplar.
//   exposition_text.h  Prometheus text 0.0.4 and 1.0.0 (quoted UTF-8 names)
//   openmetrics.h      OpenMetrics text 1.0.0, strict as the specification or lenient as Prometheus
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
  std::optional<UnixNanos> time;
  std::optional<UnixNanos>
      start_time;  // of the counter, from OpenMetrics' _created; the _created sample stays, too
  uint32_t family = 0;
  int32_t exemplar = kNoExemplar;
};

struct Exposition {
  std::vector<ExpositionFamily> families;
  std::vector<ExpositionSample> samples;
  std::vector<ExpositionExemplar> exemplars;
  Arena arena;
};

enum class ExpositionFormat : uint8_t { prometheus_text, openmetrics_text };

// From a Content-Type header: text/plain (any version) and application/openmetrics-text. An absent or unknown
// type is nullopt (Prometheus then takes fallback_scrape_protocol); protobuf exposition is `unsupported` and
// says so.
Result<std::optional<ExpositionFormat>> exposition_format_of(std::string_view content_type);

// Parses leniently, as Prometheus does when it scrapes. The page must outlive the result.
Result<Exposition> parse_exposition(ExpositionFormat format, std::string_view page);

}  // namespace obelisk
