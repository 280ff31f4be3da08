#include <set>

#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

std::vector<scrape::TargetStatus> targets_of(const ApiCall& call) {
  const auto& provider = call.service.providers.targets;
  return provider ? provider() : std::vector<scrape::TargetStatus>();
}

void write_target(JsonWriter& json, const scrape::TargetStatus& target) {
  json.begin_object().key("discoveredLabels");
  write_labels(json, target.discovered_labels);
  json.key("labels");
  write_labels(json, target.labels);
  json.field("scrapePool", target.job_name)
      .field("scrapeUrl", target.scrape_url)
      .field("globalUrl", target.scrape_url);
  json.field("lastError", target.last_error);
  json.field("lastScrape", target.last_scrape.value == 0 ? "0001-01-01T00:00:00Z"
                                                         : format_rfc3339(target.last_scrape.value));
  json.field("lastScrapeDuration", target.last_scrape_duration_seconds);
  json.field("health", scrape::target_health_name(target.health));
  json.field("scrapeInterval", format_prometheus_duration(target.interval_nanos));
  json.field("scrapeTimeout", format_prometheus_duration(target.timeout_nanos)).end_object();
}

}  // namespace

// No relabelling drops targets here, so there are none to show as dropped.
Result<Answer> handle_targets(ApiCall& call, const PathParameters&) {
  std::string state = to_lower(call.parameters.get_or("state", "any"));
  if (state != "active" && state != "dropped" && state != "any" && !state.empty()) {
    return invalid_parameter("state", "expected active, dropped or any");
  }
  std::string_view pool = call.parameters.get_or("scrapePool", "");
  JsonWriter json;
  json.begin_object().key("activeTargets").begin_array();
  if (state != "dropped") {
    for (const scrape::TargetStatus& target : targets_of(call)) {
      if (pool.empty() || target.job_name == pool) write_target(json, target);
    }
  }
  json.end_array().key("droppedTargets").begin_array().end_array();
  json.key("droppedTargetCounts").begin_object().end_object().end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_scrape_pools(ApiCall& call, const PathParameters&) {
  std::set<std::string> pools;
  for (const scrape::TargetStatus& target : targets_of(call)) pools.insert(target.job_name);
  JsonWriter json;
  json.begin_object().key("scrapePools").begin_array();
  for (const std::string& pool : pools) json.value(pool);
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
