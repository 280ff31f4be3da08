#include <simdjson.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "base/text.h"
#include "query/promql/parser.h"

namespace obelisk::prometheus_api {
namespace {

std::vector<scrape::TargetStatus> targets_of(const ApiCall& call) {
  const auto& provider = call.service.providers.targets;
  return provider ? provider() : std::vector<scrape::TargetStatus>();
}

std::vector<scrape::JobStatus> jobs_of(const ApiCall& call) {
  const auto& provider = call.service.providers.scrape_jobs;
  return provider ? provider() : std::vector<scrape::JobStatus>();
}

// The job that the request names; not_found without one.
Result<scrape::JobStatus> named_job(const ApiCall& call) {
  std::string_view pool = call.parameters.get_or("scrapePool", "");
  if (pool.empty()) return invalid_parameter("scrapePool", "no scrapePool parameter provided");
  for (scrape::JobStatus& job : jobs_of(call)) {
    if (job.config->job_name == pool) return std::move(job);
  }
  return make_error(ErrorCode::not_found, "scrape pool not found: " + std::string(pool));
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

void write_dropped(JsonWriter& json, const std::vector<scrape::JobStatus>& jobs, std::string_view pool,
                   bool show) {
  json.key("droppedTargets").begin_array();
  for (const scrape::JobStatus& job : jobs) {
    if (!show || (!pool.empty() && job.config->job_name != pool)) continue;
    for (const Labels& labels : job.dropped_targets) {
      json.begin_object().key("discoveredLabels");
      write_labels(json, labels);
      json.field("scrapePool", job.config->job_name).end_object();
    }
  }
  json.end_array().key("droppedTargetCounts").begin_object();
  std::map<std::string_view, uint64_t> counts;
  for (const scrape::JobStatus& job : jobs) counts[job.config->job_name] = job.dropped_count;
  for (const auto& [name, count] : counts) json.field(name, count);
  json.end_object();
}

// What metadata is asked for: of one metric, of targets with these labels; at most `limit` targets.
struct MetadataQuery {
  std::vector<promql::Matcher> matchers;
  std::string metric;
  std::optional<uint64_t> limit;

  bool selects(const Labels& labels) const {
    return std::all_of(matchers.begin(), matchers.end(), [&](const promql::Matcher& matcher) {
      return matcher.matches(labels.get(matcher.name));
    });
  }
};

Result<MetadataQuery> metadata_query(const ApiCall& call) {
  MetadataQuery query;
  query.metric = call.parameters.get_or("metric", "");
  OBELISK_TRY(query.limit, metadata_limit_of(call.parameters));
  std::string_view selector = call.parameters.get_or("match_target", "");
  if (selector.empty() || selector == "{}") return query;
  auto matchers = promql::parse_selector(selector);
  if (!matchers.ok()) return invalid_parameter("match_target", promql::parse_error_text(matchers.error()));
  query.matchers = std::move(*matchers);
  return query;
}

void write_metadata(JsonWriter& json, const Labels& target, const scrape::FamilyMetadata& family,
                    bool with_name) {
  json.begin_object().key("target");
  write_labels(json, target);
  if (with_name) json.field("metric", family.name);
  json.field("type", family.type).field("help", family.help).field("unit", family.unit).end_object();
}

Result<Labels> labels_parameter(const ApiCall& call) {
  std::string_view text = call.parameters.get_or("labels", "");
  if (text.empty()) return invalid_parameter("labels", "no labels parameter provided");
  simdjson::dom::parser parser;
  simdjson::padded_string padded(text);
  simdjson::dom::object object;
  if (parser.parse(padded).get(object) != simdjson::SUCCESS)
    return invalid_parameter("labels", "must be a JSON object of label names and values");
  Labels labels;
  for (auto field : object) {
    std::string_view value;
    if (field.value.get(value) != simdjson::SUCCESS)
      return invalid_parameter("labels", "the value of \"" + std::string(field.key) + "\" must be a string");
    labels.set(field.key, value);
  }
  return labels;
}

// A rule as its configuration would spell it: what it does not use is left out.
void write_rule(JsonWriter& json, const collect::RelabelRule& rule) {
  json.begin_object();
  if (!rule.source_labels.empty()) {
    json.key("source_labels").begin_array();
    for (const std::string& label : rule.source_labels) json.value(label);
    json.end_array();
    json.field("separator", rule.separator);
  }
  json.field("regex", rule.regex_text);
  if (rule.modulus != 0) json.field("modulus", rule.modulus);
  if (!rule.target_label.empty()) json.field("target_label", rule.target_label);
  json.field("replacement", rule.replacement)
      .field("action", collect::relabel_action_name(rule.action))
      .end_object();
}

}  // namespace

Result<Answer> handle_targets(ApiCall& call, const PathParameters&) {
  // As the reference: a state that is none selects nothing.
  std::string state = to_lower(call.parameters.get_or("state", "any"));
  bool any = state.empty() || state == "any";
  std::string_view pool = call.parameters.get_or("scrapePool", "");
  JsonWriter json;
  json.begin_object().key("activeTargets").begin_array();
  if (any || state == "active") {
    std::vector<scrape::TargetStatus> targets = targets_of(call);
    std::stable_sort(targets.begin(), targets.end(),
                     [](const auto& a, const auto& b) { return a.job_name < b.job_name; });
    for (const scrape::TargetStatus& target : targets) {
      if (pool.empty() || target.job_name == pool) write_target(json, target);
    }
  }
  json.end_array();
  write_dropped(json, jobs_of(call), pool, any || state == "dropped");
  json.end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_target_metadata(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(MetadataQuery query, metadata_query(call));
  JsonWriter json;
  json.begin_array();
  uint64_t matched = 0;
  for (const scrape::TargetStatus& target : targets_of(call)) {
    if (!query.selects(target.labels) || target.families == nullptr) continue;
    if (query.limit && matched == *query.limit) break;
    ++matched;
    for (const scrape::FamilyMetadata& family : *target.families) {
      if (query.metric.empty() || family.name == query.metric)
        write_metadata(json, target.labels, family, query.metric.empty());
    }
  }
  json.end_array();
  return Answer{json.take(), {}, {}};
}

// What each relabelling rule of a job makes of these labels, up to the one that drops them.
Result<Answer> handle_relabel_steps(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(scrape::JobStatus job, named_job(call));
  OBELISK_TRY(Labels labels, labels_parameter(call));
  JsonWriter json;
  json.begin_object().key("steps").begin_array();
  for (const collect::RelabelRule& rule : job.config->relabel) {
    bool keep = collect::relabel_one(rule, labels);
    json.begin_object().key("rule");
    write_rule(json, rule);
    json.key("output");
    write_labels(json, keep ? labels : Labels());
    json.field("keep", keep).end_object();
    if (!keep) break;
  }
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_scrape_pools(ApiCall& call, const PathParameters&) {
  std::set<std::string> pools;
  for (const scrape::JobStatus& job : jobs_of(call)) pools.insert(job.config->job_name);
  JsonWriter json;
  json.begin_object().key("scrapePools").begin_array();
  for (const std::string& pool : pools) json.value(pool);
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_scrape_pool_config(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(scrape::JobStatus job, named_job(call));
  JsonWriter json;
  json.begin_object().field("yaml", job.config->yaml).end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
