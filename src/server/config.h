#pragma once
// obelisk.yaml: every key with its default. docs/CONFIGURATION.md is the reference; a test holds the two
// together. Unknown keys are refused with file, line and the nearest valid name. Paths are relative to the
// file's directory.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "server/generator_config.h"
#include "server/logs_config.h"
#include "server/retention_config.h"
#include "server/series_config.h"
#include "server/span_rates_config.h"
#include "wire/otlp_translation.h"

namespace obelisk::server {

enum class Durability : uint8_t { sync, interval, off };

struct Config {
  std::string listen = "127.0.0.1:4319";
  std::string otlp_grpc_listen = "127.0.0.1:4317";  // "" or "off": not opened
  std::string otlp_http_listen = "127.0.0.1:4318";
  // Jaeger's ports, for what speaks nothing newer: agents' UDP (Thrift compact and binary) and the query API.
  std::string jaeger_compact_listen = "off";
  std::string jaeger_binary_listen = "off";
  std::string jaeger_query_listen = "off";
  std::string jaeger_sampling_strategies;  // a file in Jaeger's form; none: everything is sampled
  std::string data_dir = "data";
  std::string external_url;  // default: http://<listen>
  bool multi_tenancy = false;
  bool admin_api = false;  // deleting series and snapshots over HTTP
  std::string log_level = "info";

  Durability durability = Durability::sync;
  RetentionConfig retention;
  int64_t future_tolerance_nanos = 600 * kNanosPerSecond;

  SeriesConfig series;  // limits of active series

  int64_t query_timeout_nanos = 120 * kNanosPerSecond;
  uint64_t query_memory_bytes = 1ull << 30;
  bool query_tiers = true;  // whether queries read downsampled tiers
  uint64_t request_bytes = 64ull << 20;

  GeneratorConfig generator;  // span metrics, service graph, hosts
  int64_t span_metrics_interval_nanos = 15 * kNanosPerSecond;

  OtlpTranslation otlp;  // how OTLP metrics become series
  LogsConfig logs;
  std::vector<std::string> cors_allowed_origins;
  std::vector<std::string> trace_rule_files;  // rule groups whose expressions are TraceQL metrics
  uint64_t archive_spans_max = 10'000'000;    // of a tenant, kept for ever (api/jaeger/trace_archive.h)

  SpanRateOptions span_rates;  // what tenants may send in spans

  std::string prometheus_config;    // prometheus.yml: scrape_configs and rule_files
  std::string alertmanager_config;  // alertmanager.yml

  YamlNode given;  // what all of this was read from, as it was written
};

// `directory` is what relative paths are joined to ("" leaves them).
Result<Config> parse_config(std::string_view text, const std::string& file, const std::string& directory);
Result<Config> load_config(const std::string& file);

// The whole of a small file, for configuration; at most 16 MiB.
Result<std::string> read_text_file(const std::string& path);
std::string directory_of(const std::string& path);
std::string join_path(const std::string& directory, const std::string& path);

}  // namespace obelisk::server
