#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>
#include <unordered_map>

#include "api/prometheus/handlers.h"
#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

// The Prometheus release whose HTTP API this is; clients (Grafana above all) switch features by it.
constexpr std::string_view kPrometheusLevel = "3.5.0";

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

using Counts = std::unordered_map<std::string, uint64_t>;

// The `limit` largest, largest first.
void write_largest(JsonWriter& json, std::string_view key, const Counts& counts, size_t limit) {
  std::vector<std::pair<std::string, uint64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (sorted.size() > limit) sorted.resize(limit);
  json.key(key).begin_array();
  for (const auto& [name, value] : sorted)
    json.begin_object().field("name", name).field("value", value).end_object();
  json.end_array();
}

}  // namespace

Result<Answer> handle_build_info(ApiCall& call, const PathParameters&) {
  const ApiContext& context = call.service.context;
  JsonWriter json;
  json.begin_object().field("version", std::string(kPrometheusLevel) + "+obelisk." + context.version);
  json.field("revision", context.revision).field("branch", "").field("buildUser", "").field("buildDate", "");
  json.field("goVersion", "").end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_runtime_info(ApiCall& call, const PathParameters&) {
  const PrometheusProviders& providers = call.service.providers;
  std::error_code ignored;
  JsonWriter json;
  json.begin_object().field("startTime", format_rfc3339(providers.start_time.value));
  json.field("CWD", std::filesystem::current_path(ignored).string()).field("hostname", host_name());
  json.field("serverTime", format_rfc3339(call.service.context.clock.now().value));
  json.field("reloadConfigSuccess", true).field("lastConfigTime", format_rfc3339(providers.start_time.value));
  // A Go runtime's figures; the schema demands them.
  json.field("corruptionCount", 0)
      .field("goroutineCount", 0)
      .field("GOMAXPROCS", uint64_t{std::thread::hardware_concurrency()});
  json.field("GOMEMLIMIT", 0).field("GOGC", "").field("GODEBUG", "");
  json.field("storageRetention", providers.storage_retention ? providers.storage_retention() : "")
      .end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_flags(ApiCall& call, const PathParameters&) {
  const auto& provider = call.service.providers.flags;
  JsonWriter json;
  json.begin_object();
  if (provider) {
    for (const auto& [name, value] : provider()) json.field(name, value);
  }
  json.end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_configuration(ApiCall& call, const PathParameters&) {
  const auto& provider = call.service.providers.configuration_yaml;
  JsonWriter json;
  json.begin_object().field("yaml", provider ? provider() : std::string()).end_object();
  return Answer{json.take(), {}, {}};
}

// Counted from the series of the last hour: what Prometheus calls its head. Chunks are not a notion of this
// store, so there are none to count.
Result<Answer> handle_tsdb(ApiCall& call, const PathParameters&) {
  constexpr int64_t kLimitDefault = 10;
  constexpr int64_t kLimitMax = 10'000;
  std::string_view limit_text = call.parameters.get_or("limit", "");
  int64_t limit = limit_text.empty() ? kLimitDefault : parse_int64(limit_text).value_or(0);
  if (limit < 1) return make_error(ErrorCode::invalid_argument, "limit must be a positive number");
  if (limit > kLimitMax) return make_error(ErrorCode::invalid_argument, "limit must not exceed 10000");
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  UnixNanos now = call.service.context.clock.now();
  Scan scan;
  scan.tenant = run->tenant;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.range = {now - 3600 * kNanosPerSecond, now + 1};
  OBELISK_TRY(std::vector<Labels> series, call.service.context.reader.series(run->at, scan, run->cancel));
  Counts by_metric;
  Counts by_pair;
  std::unordered_map<std::string, Counts> values;
  for (const Labels& labels : series) {
    for (const Label& label : labels) {
      if (label.name == kMetricNameLabel) ++by_metric[label.value];
      ++by_pair[label.name + "=" + label.value];
      ++values[label.name][label.value];
    }
  }
  Counts value_counts;
  Counts bytes;
  for (const auto& [name, counts] : values) {
    value_counts[name] = counts.size();
    for (const auto& [value, count] : counts) bytes[name] += value.size();
  }
  JsonWriter json;
  json.begin_object().key("headStats").begin_object().field("numSeries", uint64_t{series.size()});
  json.field("numLabelPairs", uint64_t{by_pair.size()}).field("chunkCount", 0);
  json.field("minTime", scan.range.begin.to_millis()).field("maxTime", now.to_millis()).end_object();
  write_largest(json, "seriesCountByMetricName", by_metric, static_cast<size_t>(limit));
  write_largest(json, "labelValueCountByLabelName", value_counts, static_cast<size_t>(limit));
  write_largest(json, "memoryInBytesByLabelName", bytes, static_cast<size_t>(limit));
  write_largest(json, "seriesCountByLabelValuePair", by_pair, static_cast<size_t>(limit));
  json.end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
