#pragma once
// Scrapes targets on their schedule and hands the rows on. One thread keeps the schedule, a bounded pool
// fetches: at most kWorkers targets at a time, so that many targets that hang can delay the others, but never
// take more memory.
//
// A scrape, in order: fetch within the timeout; parse; target labels, staleness, exemplars (target_series.h);
// up and the other series about the scrape; write all as one request. Scrape times are the scheduled ones
// when the start was at most 2 ms (or 1 % of the interval) late, so that stored times are regular. A target
// still being scraped when it is due again is skipped once, and counted (obelisk_scrape_skipped_total).
// Scrapes that cannot be stored are counted (obelisk_scrape_failed_writes_total) and logged.
//
// The targets of a job are those of its static_configs and those that discovery hands over (set_discovered).
// When either changes, targets that stay the same go on with their series and schedule, and those that are
// gone get stale markers.
//
// Thread safe. Time, network and schedule are seams: Options::clock, Options::fetch, and run_due() without
// own_thread.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "base/worker_pool.h"
#include "collect/fetch/http_fetcher.h"
#include "collect/scrape/scrape_target.h"
#include "collect/scrape/target_series.h"
#include "env/clock.h"
#include "ingest/intake.h"

namespace obelisk::scrape {

enum class TargetHealth : uint8_t { unknown, up, down };
std::string_view target_health_name(TargetHealth health);

// What /api/v1/targets says of a target.
struct TargetStatus {
  std::string job_name;  // Prometheus' scrapePool
  Labels discovered_labels;
  Labels labels;
  std::string scrape_url;
  std::string last_error;  // empty when the last scrape went well
  UnixNanos last_scrape;   // 0 before the first
  double last_scrape_duration_seconds = 0;
  TargetHealth health = TargetHealth::unknown;
  int64_t interval_nanos = 0;
  int64_t timeout_nanos = 0;
  std::shared_ptr<const std::vector<FamilyMetadata>> families;  // may be null: never scraped
};

// What is known of a job beside its targets.
struct JobStatus {
  std::shared_ptr<const ScrapeConfig> config;
  std::vector<Labels> dropped_targets;  // discovered labels; perhaps not all, see keep_dropped_targets
  size_t dropped_count = 0;
};

class Scraper {
 public:
  static constexpr size_t kWorkers = 16;

  // Takes the rows of one scrape; calls `done` once, from any thread.
  using Output = std::function<void(std::vector<Batch> batches, Intake::Done done)>;
  struct Options {
    const Clock* clock = nullptr;
    Output output;
    collect::HttpFetcher::Transport fetch;  // not set: the network
    bool own_thread = true;                 // false: somebody calls run_due
  };

  explicit Scraper(Options options);
  ~Scraper();

  // Takes over these jobs. Targets that discovery found for a job of the same name stay until they are set
  // anew. Also the first start. With an error (a static target that cannot be scraped) nothing changes.
  Result<void> reload(const PrometheusConfig& config);
  // The groups that discovery now has for a job, instead of those before. No effect when there is no such
  // job.
  void set_discovered(const std::string& job_name, std::vector<TargetGroup> groups);

  std::vector<TargetStatus> targets() const;
  std::vector<JobStatus> jobs() const;  // in the order of the file

  // Starts every scrape that is due; returns when the next one will be.
  UnixNanos run_due();
  // Waits until no scrape is under way.
  void wait_until_idle();
  // Breaks off what is under way. No stale markers: after a restart the series go on.
  void stop();

 private:
  struct Loop;
  using LoopPtr = std::shared_ptr<Loop>;
  struct Job {
    std::shared_ptr<const ScrapeConfig> config;
    std::vector<TargetGroup> discovered;
    std::vector<LoopPtr> loops;
    std::vector<Labels> dropped;
    size_t dropped_count = 0;
    std::string last_errors;  // logged once
  };

  JobTargets targets_of(const Job& job) const;
  void take_over(Job& job, JobTargets targets) REQUIRES(mutex_);
  void retire(std::vector<LoopPtr> gone) REQUIRES(mutex_);
  void keep_schedule();
  void start_due(const LoopPtr& loop, UnixNanos now) REQUIRES(mutex_);
  void submit(const LoopPtr& loop, UnixNanos scheduled, bool end_of_target) REQUIRES(mutex_);
  void scrape(const LoopPtr& loop, UnixNanos scheduled);
  Result<std::vector<Batch>> read_page(const LoopPtr& loop, const ScrapeTarget& target, UnixNanos time,
                                       ScrapeReport& report);
  void end(const LoopPtr& loop);
  void finish(const LoopPtr& loop);
  void write(const std::string& url, const LoopPtr& loop, std::vector<Batch> batches);

  const Options options_;
  collect::HttpFetcher fetcher_;
  std::atomic<bool> stopping_{false};

  Mutex change_mutex_;  // one change of the jobs at a time; taken before mutex_
  mutable Mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> job_order_ GUARDED_BY(mutex_);
  std::map<std::string, Job> jobs_ GUARDED_BY(mutex_);
  size_t under_way_ GUARDED_BY(mutex_) = 0;

  WorkerPool workers_;
  std::thread schedule_;
};

}  // namespace obelisk::scrape
