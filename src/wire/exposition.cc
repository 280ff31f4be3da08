#include "wire/exposition.h"

#include "base/text.h"
#include "wire/exposition_text.h"
#include "wire/openmetrics.h"

namespace obelisk {

std::string_view metric_type_name(MetricType type) {
  static constexpr std::string_view kNames[] = {"unknown",        "counter", "gauge", "histogram",
                                                "gaugehistogram", "summary", "info",  "stateset"};
  return kNames[static_cast<int>(type)];
}

Result<std::optional<ExpositionFormat>> exposition_format_of(std::string_view content_type) {
  std::string media = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (media == "text/plain") return std::optional(ExpositionFormat::prometheus_text);
  if (media == "application/openmetrics-text") return std::optional(ExpositionFormat::openmetrics_text);
  if (media == "application/vnd.google.protobuf") {
    return make_error(ErrorCode::unsupported, "the protobuf exposition format is not supported yet");
  }
  return std::optional<ExpositionFormat>();
}

Result<Exposition> parse_exposition(ExpositionFormat format, std::string_view page) {
  if (format == ExpositionFormat::openmetrics_text) return parse_openmetrics(page, OpenMetricsMode::lenient);
  return parse_prometheus_text(page);
}

}  // namespace obelisk
