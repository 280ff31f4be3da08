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
// Thread safe. Time, network and schedule are seams: Options::clock, Options::fetch, and run_due() without
// own_thread.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "base/worker_pool.h"
#include "collect/scrape/scrape_target.h"
#include "env/clock.h"
#include "ingest/intake.h"
#include "net/http_client.h"

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
};

class Scraper {
 public:
  static constexpr size_t kWorkers = 16;

  // Takes the rows of one scrape; calls `done` once, from any thread.
  using Output = std::function<void(std::vector<Batch> batches, Intake::Done done)>;
  using Fetch = std::function<Result<ClientResponse>(const ClientRequest&)>;
  struct Options {
    const Clock* clock = nullptr;
    Output output;
    Fetch fetch;             // not set: an HttpClient
    bool own_thread = true;  // false: somebody calls run_due
  };

  explicit Scraper(Options options);
  ~Scraper();

  // Takes over these targets. One with the labels and URL of a target before goes on with its series and,
  // when its interval is the same, its schedule; those that are gone get stale markers. Also the first start.
  // With an error nothing changes.
  Result<void> reload(const PrometheusConfig& config);
  std::vector<TargetStatus> targets() const;

  // Starts every scrape that is due; returns when the next one will be.
  UnixNanos run_due();
  // Waits until no scrape is under way.
  void wait_until_idle();
  // Breaks off what is under way. No stale markers: after a restart the series go on.
  void stop();

 private:
  struct Loop;
  using LoopPtr = std::shared_ptr<Loop>;

  void keep_schedule();
  void submit(const LoopPtr& loop, UnixNanos scheduled, bool end_of_target) REQUIRES(mutex_);
  void scrape(const LoopPtr& loop, UnixNanos scheduled);
  void end(const LoopPtr& loop);
  void finish(const LoopPtr& loop);
  Result<ClientResponse> fetch(const ScrapeTarget& target);
  void write(const std::string& url, const LoopPtr& loop, std::vector<Batch> batches);

  const Options options_;
  HttpClient client_;
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  std::condition_variable changed_;
  std::vector<LoopPtr> loops_ GUARDED_BY(mutex_);
  size_t under_way_ GUARDED_BY(mutex_) = 0;

  WorkerPool workers_;
  std::thread schedule_;
};

}  // namespace obelisk::scrape
