#include "collect/config/scrape_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "collect/config/redacted_yaml.h"

namespace obelisk::collect {
namespace {

constexpr std::array<std::string_view, 5> kProtocols{"PrometheusProto", "PrometheusText0.0.4",
                                                     "PrometheusText1.0.0", "OpenMetricsText0.0.1",
                                                     "OpenMetricsText1.0.0"};
constexpr std::array<std::string_view, 4> kEscapings{"allow-utf-8", "underscores", "dots", "values"};

std::optional<ScrapeProtocol> protocol_of(std::string_view name) {
  const auto* known = std::find(kProtocols.begin(), kProtocols.end(), name);
  if (known == kProtocols.end()) return std::nullopt;
  return static_cast<ScrapeProtocol>(known - kProtocols.begin());
}

std::vector<ScrapeProtocol> default_protocols(bool native_histograms) {
  using enum ScrapeProtocol;
  std::vector<ScrapeProtocol> order{openmetrics_text_1_0_0, openmetrics_text_0_0_1, prometheus_text_1_0_0,
                                    prometheus_text_0_0_4};
  if (native_histograms) order.insert(order.begin(), prometheus_proto);
  return order;
}

Result<void> read_protocols(const YamlNode& node, const ConfigSource& source, ScrapeConfig& job) {
  if (node.kind != YamlNode::Kind::list)
    return yaml_error(source.file, node, "scrape_protocols must be a list");
  job.protocols.clear();
  for (const YamlNode& item : node.items) {
    std::optional<ScrapeProtocol> protocol = protocol_of(item.scalar);
    if (!protocol)
      return yaml_error(source.file, item,
                        fmt::format("scrape_protocols: unknown protocol \"{}\", known are {}", item.scalar,
                                    fmt::join(kProtocols, ", ")));
    if (std::find(job.protocols.begin(), job.protocols.end(), *protocol) != job.protocols.end())
      return yaml_error(source.file, item, fmt::format("scrape_protocols: \"{}\" stands twice", item.scalar));
    job.protocols.push_back(*protocol);
  }
  if (job.protocols.empty()) return yaml_error(source.file, node, "scrape_protocols must not be empty");
  return {};
}

void read_limit(YamlMap& map, std::string_view key, uint64_t& limit) {
  int64_t number = static_cast<int64_t>(limit);
  map.integer(key, number, 0, INT64_MAX);
  limit = static_cast<uint64_t>(number);
}

Result<void> read_params(const YamlNode& node, const ConfigSource& source, ScrapeConfig& job) {
  if (node.kind != YamlNode::Kind::map)
    return yaml_error(source.file, node, "params must be a map from names to lists of values");
  for (const auto& [name, values] : node.entries) {
    if (values.kind != YamlNode::Kind::list)
      return yaml_error(source.file, values, fmt::format("params: {} must be a list of values", name));
    for (const YamlNode& value : values.items) {
      if (value.kind != YamlNode::Kind::scalar)
        return yaml_error(source.file, value, fmt::format("params: {} must be a list of texts", name));
      job.params.emplace_back(name, value.scalar);
    }
  }
  return {};
}

void read_factor(YamlMap& map, const YamlNode& node, const ConfigSource& source, double& factor) {
  std::string text;
  map.string("native_histogram_min_bucket_factor", text);
  if (text.empty()) return;
  std::optional<double> number = parse_float(text);
  if (!number || !(*number >= 0))
    return map.fail(*node.find("native_histogram_min_bucket_factor"),
                    fmt::format("{}: native_histogram_min_bucket_factor must be a number", source.file));
  factor = *number;
}

// The bytes of "15MB512KB"; nullopt when it is no size.
std::optional<uint64_t> size_of(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    std::optional<double> number = parse_float(text.substr(0, digits));
    text.remove_prefix(digits);
    size_t unit_length = std::min(text.find_first_of("0123456789."), text.size());
    std::string unit = to_lower(text.substr(0, unit_length));
    text.remove_prefix(unit_length);
    if (!number || digits == 0 || unit.empty() || unit.back() != 'b') return std::nullopt;
    unit.pop_back();
    if (!unit.empty() && unit.back() == 'i') unit.pop_back();
    static constexpr std::string_view kPrefixes = "kmgtpe";
    size_t prefix = unit.empty() ? 0 : kPrefixes.find(unit);
    if (unit.size() > 1 || prefix == std::string_view::npos) return std::nullopt;
    total += *number * std::ldexp(1.0, unit.empty() ? 0 : static_cast<int>(10 * (prefix + 1)));
  }
  if (!(total < 9.2e18)) return std::nullopt;
  return static_cast<uint64_t>(total);
}

}  // namespace

std::string_view scrape_protocol_name(ScrapeProtocol protocol) {
  return kProtocols[static_cast<size_t>(protocol)];
}

std::string_view escaping_scheme_name(EscapingScheme scheme) {
  return kEscapings[static_cast<size_t>(scheme)];
}

void read_size(YamlMap& map, const YamlNode& node, const ConfigSource& source, std::string_view key,
               uint64_t& out) {
  (void)source;
  std::string text;
  map.string(key, text);
  if (text.empty()) return;
  std::optional<uint64_t> size = size_of(text);
  if (!size)
    return map.fail(*node.find(key),
                    fmt::format("{} must be a size with a unit such as 15MB, not \"{}\"", key, text));
  out = *size;
}

Result<void> read_positive_duration(YamlMap& map, const YamlNode& node, const ConfigSource& source,
                                    std::string_view key, int64_t& out) {
  const YamlNode* given = node.find(key);
  int64_t before = out;
  map.duration(key, out);
  if (given == nullptr || given->kind != YamlNode::Kind::scalar || out > 0) return {};
  if (out < 0) return yaml_error(source.file, *given, fmt::format("{} must be more than 0", key));
  out = before;  // zero asks for the default
  return {};
}

void read_shared_scrape_keys(YamlMap& map, const YamlNode& node, const ConfigSource& source,
                             ScrapeConfig& job) {
  read_size(map, node, source, "body_size_limit", job.limits.body_bytes);
  read_limit(map, "sample_limit", job.limits.samples);
  read_limit(map, "target_limit", job.limits.targets);
  read_limit(map, "label_limit", job.limits.labels);
  read_limit(map, "label_name_length_limit", job.limits.label_name_bytes);
  read_limit(map, "label_value_length_limit", job.limits.label_value_bytes);
  read_limit(map, "keep_dropped_targets", job.limits.dropped_targets);
  map.string("scrape_failure_log_file", job.failure_log_file);
  map.boolean("scrape_native_histograms", job.native_histograms);
  map.boolean("convert_classic_histograms_to_nhcb", job.convert_classic_histograms);
  map.boolean("always_scrape_classic_histograms", job.always_scrape_classic_histograms);
  map.boolean("extra_scrape_metrics", job.extra_scrape_metrics);
  map.node("scrape_protocols", [&](const YamlNode& list) { return read_protocols(list, source, job); });
  std::string ignored;
  map.string("metric_name_validation_scheme", ignored);
  map.string("metric_name_escaping_scheme", ignored);
}

Result<void> check_shared_scrape_keys(const YamlNode& node, const ConfigSource& source, ScrapeConfig& job) {
  auto text = [&node](std::string_view key) {
    const YamlNode* found = node.find(key);
    return found != nullptr ? found->scalar : std::string();
  };
  std::string scheme = text("metric_name_validation_scheme");
  if (!scheme.empty() && scheme != "utf8" && scheme != "legacy")
    return yaml_error(
        source.file, *node.find("metric_name_validation_scheme"),
        fmt::format("metric_name_validation_scheme must be utf8 or legacy, not \"{}\"", scheme));
  if (!scheme.empty()) {
    NameScheme before = job.name_scheme;
    job.name_scheme = scheme == "utf8" ? NameScheme::utf8 : NameScheme::legacy;
    if (before != job.name_scheme && text("metric_name_escaping_scheme").empty() &&
        (job.name_scheme == NameScheme::utf8 || job.escaping == EscapingScheme::allow_utf8))
      job.escaping =
          job.name_scheme == NameScheme::utf8 ? EscapingScheme::allow_utf8 : EscapingScheme::underscores;
  }
  std::string escaping = text("metric_name_escaping_scheme");
  if (escaping.empty()) return {};
  const auto* known = std::find(kEscapings.begin(), kEscapings.end(), escaping);
  if (known == kEscapings.end())
    return yaml_error(source.file, *node.find("metric_name_escaping_scheme"),
                      fmt::format("metric_name_escaping_scheme must be one of {}, not \"{}\"",
                                  fmt::join(kEscapings, ", "), escaping));
  job.escaping = static_cast<EscapingScheme>(known - kEscapings.begin());
  if (job.name_scheme == NameScheme::legacy && job.escaping == EscapingScheme::allow_utf8)
    return yaml_error(source.file, *node.find("metric_name_escaping_scheme"),
                      "metric_name_escaping_scheme allow-utf-8 does not go together with the legacy names of "
                      "metric_name_validation_scheme");
  return {};
}

Result<ScrapeConfig> read_scrape_config(const YamlNode& node, const ConfigSource& source,
                                        const ScrapeDefaults& defaults, std::vector<Notice>& notices) {
  auto wrong = [&](std::string_view key, std::string_view what) {
    return yaml_error(source.file, node.find(key) != nullptr ? *node.find(key) : node,
                      fmt::format("scrape_configs: {}", what));
  };
  if (node.kind == YamlNode::Kind::null) return wrong("", "an empty entry");
  ScrapeConfig job = defaults.job;
  job.interval_nanos = defaults.interval_nanos;
  OBELISK_CHECK_OK(check_shared_scrape_keys(node, source, job));  // names and rules are read by this scheme
  YamlMap map(node, source.file, "scrape_configs");
  map.string("job_name", job.job_name);
  OBELISK_CHECK_OK(read_positive_duration(map, node, source, "scrape_interval", job.interval_nanos));
  // A job's own interval may be shorter than the global timeout, which is then cut.
  job.timeout_nanos = std::min(defaults.timeout_nanos.value_or(10 * kNanosPerSecond), job.interval_nanos);
  OBELISK_CHECK_OK(read_positive_duration(map, node, source, "scrape_timeout", job.timeout_nanos));
  map.string("metrics_path", job.metrics_path);
  map.string("scheme", job.scheme);
  map.node("params", [&](const YamlNode& params) { return read_params(params, source, job); });
  map.boolean("honor_labels", job.honor_labels);
  map.boolean("honor_timestamps", job.honor_timestamps);
  map.boolean("track_timestamps_staleness", job.track_timestamps_staleness);
  map.boolean("enable_compression", job.compression);
  read_limit(map, "native_histogram_bucket_limit", job.limits.histogram_buckets);
  read_factor(map, node, source, job.limits.histogram_factor);
  read_shared_scrape_keys(map, node, source, job);
  std::string fallback;
  map.string("fallback_scrape_protocol", fallback);
  read_http_settings(map, source, job.http);
  read_relabel_rules(map, "relabel_configs", source.file, job.name_scheme, job.relabel);
  read_relabel_rules(map, "metric_relabel_configs", source.file, job.name_scheme, job.metric_relabel);
  read_discoveries(map, source, job.name_scheme, job.relabel.empty(), job.discovery, notices);
  OBELISK_CHECK_OK(map.finish());
  OBELISK_CHECK_OK(check_http_settings(node, source, job.http));
  if (job.job_name.empty()) return wrong("job_name", "job_name is missing");
  if (job.timeout_nanos > job.interval_nanos)
    return wrong("scrape_timeout",
                 fmt::format("job \"{}\": scrape_timeout is longer than scrape_interval", job.job_name));
  if (job.scheme != "http" && job.scheme != "https")
    return wrong("scheme", fmt::format("scheme must be http or https, not \"{}\"", job.scheme));
  if (!fallback.empty()) {
    job.fallback_protocol = protocol_of(fallback);
    if (!job.fallback_protocol)
      return wrong("fallback_scrape_protocol",
                   fmt::format("fallback_scrape_protocol \"{}\" is unknown, known are {}", fallback,
                               fmt::join(kProtocols, ", ")));
  }
  if (job.protocols.empty()) job.protocols = default_protocols(job.native_histograms);
  job.failure_log_file = source.path(job.failure_log_file);
  job.yaml = redacted_yaml(node);
  return job;
}

}  // namespace obelisk::collect
