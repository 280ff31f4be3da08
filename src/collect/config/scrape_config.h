#pragma once
// One job of prometheus.yml as the scraper needs it. Plain values; equality tells whether a reload changed
// anything.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "collect/config/discovery_settings.h"

namespace obelisk::collect {

// What a target is asked for, in the order of preference.
enum class ScrapeProtocol : uint8_t {
  prometheus_proto,
  prometheus_text_0_0_4,
  prometheus_text_1_0_0,
  openmetrics_text_0_0_1,
  openmetrics_text_1_0_0,
};
std::string_view scrape_protocol_name(ScrapeProtocol protocol);

enum class EscapingScheme : uint8_t { allow_utf8, underscores, dots, values };
std::string_view escaping_scheme_name(EscapingScheme scheme);  // as in Accept

// Bounds on one scrape; 0: none.
struct ScrapeLimits {
  uint64_t body_bytes = 0;  // after decompression
  uint64_t samples = 0;     // after metric relabelling
  uint64_t labels = 0;
  uint64_t label_name_bytes = 0;
  uint64_t label_value_bytes = 0;
  uint64_t targets = 0;          // of the job
  uint64_t dropped_targets = 0;  // how many dropped ones are kept to be shown
  uint64_t histogram_buckets = 0;
  double histogram_factor = 0;
  bool operator==(const ScrapeLimits&) const = default;
};

struct ScrapeConfig {
  std::string job_name;
  int64_t interval_nanos = 60 * kNanosPerSecond;
  int64_t timeout_nanos = 10 * kNanosPerSecond;
  std::string scheme = "http";
  std::string metrics_path = "/metrics";
  std::vector<std::pair<std::string, std::string>> params;  // in the order of the file
  bool honor_labels = false;  // the page's labels win over the target's, instead of being renamed exported_*
  bool honor_timestamps = true;             // times on the page are used
  bool track_timestamps_staleness = false;  // series with times of their own end, too
  bool compression = true;
  bool extra_scrape_metrics = false;
  bool native_histograms = false;
  bool convert_classic_histograms = false;
  bool always_scrape_classic_histograms = false;
  std::vector<ScrapeProtocol> protocols;            // never empty once read
  std::optional<ScrapeProtocol> fallback_protocol;  // for pages without a usable Content-Type
  NameScheme name_scheme = NameScheme::utf8;
  EscapingScheme escaping = EscapingScheme::allow_utf8;
  std::string failure_log_file;
  ScrapeLimits limits;
  HttpSettings http;
  RelabelRules relabel;
  RelabelRules metric_relabel;
  DiscoveryList discovery;
  std::string yaml;  // the job as the file has it, secrets hidden; for the API

  // Prometheus has no limit by default; a page must fit into memory.
  static constexpr uint64_t kBodyBytesMax = uint64_t{256} << 20;
};

// What jobs take from `global`.
struct ScrapeDefaults {
  int64_t interval_nanos = 60 * kNanosPerSecond;
  std::optional<int64_t> timeout_nanos;  // nullopt: Prometheus' 10 s
  ScrapeConfig job;                      // everything else
  bool has_escaping = false;
  bool has_protocols = false;
};

// Keys that `global` and a job share. `defaults` holds what `global` says.
void read_shared_scrape_keys(YamlMap& map, const YamlNode& node, const ConfigSource& source,
                             ScrapeConfig& job);
Result<void> check_shared_scrape_keys(const YamlNode& node, const ConfigSource& source, ScrapeConfig& job);

// One item of scrape_configs.
Result<ScrapeConfig> read_scrape_config(const YamlNode& node, const ConfigSource& source,
                                        const ScrapeDefaults& defaults, std::vector<Notice>& notices);

// Prometheus' sizes: "15MB", "1GiB512MiB", "0"; powers of 1024. A number without unit is refused.
void read_size(YamlMap& map, const YamlNode& node, const ConfigSource& source, std::string_view key,
               uint64_t& out);
// A duration that must be more than zero where it is given.
Result<void> read_positive_duration(YamlMap& map, const YamlNode& node, const ConfigSource& source,
                                    std::string_view key, int64_t& out);

}  // namespace obelisk::collect
