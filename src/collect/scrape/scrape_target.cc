#include "collect/scrape/scrape_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "net/url.h"

namespace obelisk::scrape {
namespace {

constexpr std::string_view kParamPrefix = "__param_";

// The first value of each parameter is a label; the others of that name follow it in the URL.
std::string query_of(const ScrapeConfig& job, const Labels& discovered) {
  std::map<std::string, std::vector<std::string>> by_name;  // sorted, as Prometheus sends them
  for (const auto& [name, value] : job.params) by_name[name].push_back(value);
  for (const Label& label : discovered) {
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

}  // namespace

int64_t ScrapeTarget::offset_nanos() const {
  return static_cast<int64_t>(hash64(key()) % static_cast<uint64_t>(interval_nanos));
}

UnixNanos ScrapeTarget::first_scrape(UnixNanos now) const {
  int64_t begin = now.value - now.value % interval_nanos;
  UnixNanos at{begin + offset_nanos()};
  return at < now ? at + interval_nanos : at;
}

Result<ScrapeTarget> make_target(const ScrapeConfig& job, const std::string& address,
                                 const std::map<std::string, std::string>& labels) {
  ScrapeTarget target;
  target.job = job;
  target.job.targets.clear();
  Labels& discovered = target.discovered_labels;
  for (const auto& [name, value] : labels) discovered.set(name, value);
  discovered.set("__address__", address);
  auto set_default = [&](std::string_view name, std::string_view value) {
    if (!discovered.has(name)) discovered.set(name, value);
  };
  set_default("job", job.job_name);
  set_default("__scheme__", job.scheme);
  set_default("__metrics_path__", job.metrics_path);
  set_default("__scrape_interval__", format_prometheus_duration(job.interval_nanos));
  set_default("__scrape_timeout__", format_prometheus_duration(job.timeout_nanos));
  for (const auto& [name, value] : job.params) set_default(std::string(kParamPrefix) + name, value);

  auto context = [&](const Error& error) {
    return error.with_context(fmt::format("job \"{}\", target {}", job.job_name, address));
  };
  auto interval = duration_label(discovered, "__scrape_interval__");
  if (!interval.ok()) return context(interval.error());
  auto timeout = duration_label(discovered, "__scrape_timeout__");
  if (!timeout.ok()) return context(timeout.error());
  if (*timeout > *interval)
    return context(
        make_error(ErrorCode::parse_error, "__scrape_timeout__ is longer than __scrape_interval__"));
  target.interval_nanos = *interval;
  target.timeout_nanos = *timeout;
  std::string_view scheme = discovered.get("__scheme__");
  if (scheme != "http" && scheme != "https")
    return context(make_error(ErrorCode::parse_error,
                              fmt::format("__scheme__ must be http or https, not \"{}\"", scheme)));
  std::string_view path = discovered.get("__metrics_path__");
  std::string query = query_of(job, discovered);
  target.url = fmt::format("{}://{}{}{}{}{}", scheme, address, path.starts_with('/') ? "" : "/", path,
                           query.empty() ? "" : "?", query);
  for (const Label& label : discovered) {
    if (!label.name.starts_with("__")) target.labels.set(label.name, label.value);
  }
  if (!target.labels.has("instance")) target.labels.set("instance", address);
  return target;
}

Result<std::vector<ScrapeTarget>> make_targets(const PrometheusConfig& config) {
  std::vector<ScrapeTarget> targets;
  std::set<std::string> keys;
  for (const ScrapeConfig& job : config.jobs) {
    for (const StaticTargets& group : job.targets) {
      for (const std::string& address : group.addresses) {
        OBELISK_TRY(ScrapeTarget target, make_target(job, address, group.labels));
        if (keys.insert(target.key()).second) {
          targets.push_back(std::move(target));
        } else {
          log_warning("scrape", fmt::format("target {} of job \"{}\" is named twice and scraped once",
                                            address, job.job_name));
        }
      }
    }
  }
  return targets;
}

}  // namespace obelisk::scrape
