#include "collect/scrape/scrape_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "net/url.h"

namespace obelisk::scrape {
namespace {

constexpr std::string_view kParamPrefix = "__param_";
constexpr size_t kErrorsMax = 10;

// The first value of each parameter is a label; the others of that name follow it in the URL.
std::string query_of(const ScrapeConfig& job, const Labels& labels) {
  std::map<std::string, std::vector<std::string>> by_name;  // sorted, as Prometheus sends them
  for (const auto& [name, value] : job.params) by_name[name].push_back(value);
  for (const Label& label : labels) {
    if (!label.name.starts_with(kParamPrefix)) continue;
    std::vector<std::string>& values = by_name[label.name.substr(kParamPrefix.size())];
    if (values.empty()) values.emplace_back();
    values[0] = label.value;
  }
  Parameters parameters;
  for (auto& [name, values] : by_name) {
    for (std::string& value : values) parameters.add(name, std::move(value));
  }
  return parameters.encode();
}

Result<int64_t> duration_label(const Labels& labels, std::string_view name) {
  auto duration = parse_prometheus_duration(labels.get(name));
  if (!duration.ok()) return duration.error().with_context(name);
  if (*duration <= 0) return make_error(ErrorCode::parse_error, fmt::format("{} must be more than 0", name));
  return *duration;
}

Result<void> set_schedule(const Labels& labels, ScrapeTarget& target) {
  OBELISK_TRY(target.interval_nanos, duration_label(labels, "__scrape_interval__"));
  OBELISK_TRY(target.timeout_nanos, duration_label(labels, "__scrape_timeout__"));
  if (target.timeout_nanos > target.interval_nanos)
    return make_error(ErrorCode::parse_error, "__scrape_timeout__ is longer than __scrape_interval__");
  return {};
}

Result<void> set_url(const Labels& labels, ScrapeTarget& target) {
  std::string_view address = labels.get("__address__");
  if (address.empty()) return make_error(ErrorCode::parse_error, "no __address__");
  if (std::string problem = collect::address_problem(address); !problem.empty())
    return make_error(ErrorCode::parse_error, problem);
  std::string_view scheme = labels.get("__scheme__");
  if (scheme != "http" && scheme != "https")
    return make_error(ErrorCode::parse_error,
                      fmt::format("__scheme__ must be http or https, not \"{}\"", scheme));
  std::string_view path = labels.get("__metrics_path__");
  if (path.find_first_of("?#\r\n ") != std::string_view::npos)
    return make_error(ErrorCode::parse_error, fmt::format("__metrics_path__ \"{}\" is no path", path));
  std::string query = query_of(*target.job, labels);
  target.url = fmt::format("{}://{}{}{}{}{}", scheme, address, path.starts_with('/') ? "" : "/", path,
                           query.empty() ? "" : "?", query);
  target.unix_socket_path = labels.get("__unix_socket__");
  return {};
}

}  // namespace

int64_t ScrapeTarget::offset_nanos() const {
  return static_cast<int64_t>(hash64(key()) % static_cast<uint64_t>(interval_nanos));
}

UnixNanos ScrapeTarget::first_scrape(UnixNanos now) const {
  int64_t begin = now.value - now.value % interval_nanos;
  UnixNanos at{begin + offset_nanos()};
  return at < now ? at + interval_nanos : at;
}

Labels discovered_labels(const ScrapeConfig& job, const Labels& target, const Labels& group) {
  Labels labels = target;
  auto set_default = [&](std::string_view name, std::string_view value) {
    if (!labels.has(name)) labels.set(name, value);
  };
  for (const Label& label : group) set_default(label.name, label.value);
  set_default("job", job.job_name);
  set_default("__scheme__", job.scheme);
  set_default("__metrics_path__", job.metrics_path);
  set_default("__scrape_interval__", format_prometheus_duration(job.interval_nanos));
  set_default("__scrape_timeout__", format_prometheus_duration(job.timeout_nanos));
  for (const auto& [name, value] : job.params) set_default(std::string(kParamPrefix) + name, value);
  return labels;
}

Result<std::optional<ScrapeTarget>> make_target(std::shared_ptr<const ScrapeConfig> job, Labels discovered) {
  ScrapeTarget target;
  target.job = std::move(job);
  target.discovered_labels = std::move(discovered);
  Labels labels = target.discovered_labels;
  if (!collect::relabel(target.job->relabel, labels)) return std::optional<ScrapeTarget>();
  auto run = [&]() -> Result<void> {
    OBELISK_CHECK_OK(set_url(labels, target));
    return set_schedule(labels, target);
  };
  if (Result<void> made = run(); !made.ok())
    return made.error().with_context(fmt::format("job \"{}\", target {}", target.job->job_name,
                                                 target.discovered_labels.get("__address__")));
  for (const Label& label : labels) {
    if (label.name.starts_with("__")) continue;
    if (!is_valid_utf8(label.value))
      return make_error(ErrorCode::parse_error,
                        fmt::format("job \"{}\": the value of label \"{}\" is not UTF-8",
                                    target.job->job_name, label.name));
    target.labels.set(label.name, label.value);
  }
  if (!target.labels.has("instance")) target.labels.set("instance", labels.get("__address__"));
  return std::optional(std::move(target));
}

JobTargets make_job_targets(const std::shared_ptr<const ScrapeConfig>& job,
                            const std::vector<TargetGroup>& groups) {
  JobTargets all;
  std::set<std::string> keys;
  size_t left_out = 0;
  auto complain = [&all](std::string text) {
    if (all.errors.size() < kErrorsMax) all.errors.push_back(std::move(text));
  };
  for (const TargetGroup& group : groups) {
    for (const Labels& own : group.targets) {
      if (all.active.size() + all.dropped.size() >= kTargetsPerJobMax) {
        ++left_out;
        continue;
      }
      Labels discovered = discovered_labels(*job, own, group.labels);
      auto target = make_target(job, discovered);
      if (!target.ok()) {
        complain(target.error().message);
      } else if (!target->has_value()) {
        ++all.dropped_count;
        uint64_t keep = job->limits.dropped_targets;
        if (keep == 0 || all.dropped.size() < keep) all.dropped.push_back(std::move(discovered));
      } else if (keys.insert((*target)->key()).second) {
        all.active.push_back(std::move(**target));
      }
    }
  }
  if (left_out > 0)
    complain(fmt::format("job \"{}\": {} targets over the limit of {} are left out", job->job_name, left_out,
                         kTargetsPerJobMax));
  uint64_t limit = job->limits.targets;
  if (limit > 0 && all.active.size() > limit) {
    std::string refusal =
        fmt::format("target_limit exceeded (number of targets: {}, limit: {})", all.active.size(), limit);
    for (ScrapeTarget& target : all.active) target.refusal = refusal;
  }
  return all;
}

Result<void> check_static_targets(const PrometheusConfig& config) {
  for (const ScrapeConfig& job : config.jobs) {
    JobTargets targets =
        make_job_targets(std::make_shared<const ScrapeConfig>(job), job.discovery.static_groups);
    if (!targets.errors.empty()) return make_error(ErrorCode::parse_error, targets.errors[0]);
  }
  return {};
}

}  // namespace obelisk::scrape
