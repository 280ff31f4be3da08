// Scraper: which targets there are. Jobs and what discovery hands over become targets, and those are matched
// with the ones before.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/log.h"
#include "base/self_metrics.h"
#include "collect/scrape/scraper_loop.h"

namespace obelisk::scrape {
namespace {

Counter& bad_targets() {
  static Counter& counted =
      counter("obelisk_scrape_bad_targets_total",
              "Targets that came out of discovery and relabelling in a shape that cannot be scraped.");
  return counted;
}

}  // namespace

JobTargets Scraper::targets_of(const Job& job) const {
  std::vector<TargetGroup> groups = job.config->discovery.static_groups;
  groups.insert(groups.end(), job.discovered.begin(), job.discovered.end());
  return make_job_targets(job.config, groups);
}

Result<void> Scraper::reload(const PrometheusConfig& config) {
  OBELISK_CHECK_OK(check_static_targets(config));
  MutexLock change(change_mutex_);
  std::vector<std::string> order;
  std::map<std::string, Job> jobs;
  std::map<std::string, JobTargets> targets;
  for (const ScrapeConfig& job : config.jobs) {
    order.push_back(job.job_name);
    jobs[job.job_name].config = std::make_shared<const ScrapeConfig>(job);
  }
  {
    MutexLock lock(mutex_);
    for (auto& [name, job] : jobs) {
      auto before = jobs_.find(name);
      // A job that discovers nothing any more keeps nothing of what was found.
      if (before != jobs_.end() && !job.config->discovery.discoveries.empty())
        job.discovered = before->second.discovered;
    }
  }
  for (const auto& [name, job] : jobs) targets.emplace(name, targets_of(job));
  {
    MutexLock lock(mutex_);
    if (stopping_) return {};
    std::map<std::string, Job> before = std::exchange(jobs_, std::move(jobs));
    job_order_ = std::move(order);
    for (auto& [name, job] : jobs_) {
      if (auto known = before.find(name); known != before.end()) job.loops = std::move(known->second.loops);
      take_over(job, std::move(targets.at(name)));
    }
    for (auto& [name, job] : before) retire(std::move(job.loops));
  }
  changed_.notify_all();
  return {};
}

void Scraper::set_discovered(const std::string& job_name, std::vector<TargetGroup> groups) {
  MutexLock change(change_mutex_);
  Job job;
  {
    MutexLock lock(mutex_);
    auto known = jobs_.find(job_name);
    if (known == jobs_.end()) return;
    job.config = known->second.config;
  }
  job.discovered = groups;
  JobTargets targets = targets_of(job);
  {
    MutexLock lock(mutex_);
    auto known = jobs_.find(job_name);
    if (known == jobs_.end()) return;
    known->second.discovered = std::move(groups);
    take_over(known->second, std::move(targets));
  }
  changed_.notify_all();
}

// Matches the loops of a job with its new targets: the same key goes on, the others begin or end.
void Scraper::take_over(Job& job, JobTargets targets) {
  UnixNanos now = options_.clock->now();
  std::map<std::string, LoopPtr> by_key;
  for (LoopPtr& loop : job.loops) by_key.emplace(loop->target->key(), std::move(loop));
  job.loops.clear();
  for (ScrapeTarget& target : targets.active) {
    auto known = by_key.find(target.key());
    if (known == by_key.end()) {
      auto loop = std::make_shared<Loop>(std::move(target));
      loop->next = loop->target->first_scrape(now);
      job.loops.push_back(std::move(loop));
      continue;
    }
    LoopPtr loop = std::move(known->second);
    by_key.erase(known);
    bool same_schedule = loop->target->interval_nanos == target.interval_nanos;
    loop->target = std::make_shared<ScrapeTarget>(std::move(target));
    loop->describe();
    if (!same_schedule) loop->next = loop->target->first_scrape(now);
    job.loops.push_back(std::move(loop));
  }
  std::vector<LoopPtr> gone;
  for (auto& [key, loop] : by_key) gone.push_back(std::move(loop));
  retire(std::move(gone));
  job.dropped = std::move(targets.dropped);
  job.dropped_count = targets.dropped_count;
  std::string errors = fmt::format("{}", fmt::join(targets.errors, "; "));
  if (!errors.empty() && errors != job.last_errors) {
    bad_targets().add(targets.errors.size());
    log_warning("scrape", "targets that cannot be scraped: " + errors);
  }
  job.last_errors = std::move(errors);
}

void Scraper::retire(std::vector<LoopPtr> gone) {
  UnixNanos now = options_.clock->now();
  for (const LoopPtr& loop : gone) {
    loop->ended = true;
    if (!loop->under_way) submit(loop, now, true);  // else the worker ends it
  }
}

std::vector<TargetStatus> Scraper::targets() const {
  MutexLock lock(mutex_);
  std::vector<TargetStatus> all;
  for (const std::string& name : job_order_) {
    for (const LoopPtr& loop : jobs_.at(name).loops) all.push_back(loop->status);
  }
  return all;
}

std::vector<JobStatus> Scraper::jobs() const {
  MutexLock lock(mutex_);
  std::vector<JobStatus> all;
  for (const std::string& name : job_order_) {
    const Job& job = jobs_.at(name);
    all.push_back({job.config, job.dropped, job.dropped_count});
  }
  return all;
}

}  // namespace obelisk::scrape
