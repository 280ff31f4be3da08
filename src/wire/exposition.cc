#include "wire/exposition.h"

#include "base/text.h"
#include "wire/exposition_custom_bounds.h"
#include "wire/exposition_protobuf.h"
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
    bool fits = to_lower(content_type).find("io.prometheus.client.metricfamily") != std::string::npos &&
                to_lower(content_type).find("encoding=delimited") != std::string::npos;
    if (fits) return std::optional(ExpositionFormat::prometheus_protobuf);
    return make_error(ErrorCode::unsupported,
                      "of protobuf only delimited io.prometheus.client.MetricFamily messages can be read");
  }
  return std::optional<ExpositionFormat>();
}

Result<Exposition> parse_exposition(ExpositionFormat format, std::string_view page,
                                    const ExpositionOptions& options) {
  auto parse = [&]() -> Result<Exposition> {
    switch (format) {
      case ExpositionFormat::openmetrics_text:
        return parse_openmetrics(page, OpenMetricsMode::lenient, options);
      case ExpositionFormat::prometheus_protobuf:
        return parse_prometheus_protobuf(page, options);
      case ExpositionFormat::prometheus_text:
        break;
    }
    return parse_prometheus_text(page);
  };
  Result<Exposition> parsed = parse();
  if (parsed.ok() && options.classic_to_custom_bounds)
    convert_classic_histograms(*parsed, options.always_classic);
  return parsed;
}

}  // namespace obelisk
