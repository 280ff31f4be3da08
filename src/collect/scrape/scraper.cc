#include "collect/scrape/scraper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/log.h"
#include "base/self_metrics.h"
#include "collect/scrape/page_fetch.h"
#include "collect/scrape/target_series.h"

namespace obelisk::scrape {
namespace {

constexpr size_t kQueueMax = 100'000;  // one entry a target at most

struct ScrapeMetrics {
  Counter& succeeded = counter("obelisk_scrapes_total", "Scrapes, by outcome.", {{"outcome", "up"}});
  Counter& failed = counter("obelisk_scrapes_total", "Scrapes, by outcome.", {{"outcome", "down"}});
  Counter& skipped =
      counter("obelisk_scrape_skipped_total",
              "Scrapes left out because the one before was still under way or the queue was full.");
  Counter& samples = counter("obelisk_scrape_samples_total", "Samples scraped.");
  Counter& failed_writes =
      counter("obelisk_scrape_failed_writes_total", "Scrapes whose rows could not be stored.");
  Counter& rejected_rows =
      counter("obelisk_scrape_rejected_rows_total", "Scraped rows that were over a limit.");
  LatencyHistogram& duration = latency_histogram("obelisk_scrape_duration_seconds", "Time of a scrape.");
};

ScrapeMetrics& metrics() {
  static ScrapeMetrics all;
  return all;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The scheduled time when the start is hardly late, cut to the milliseconds that PromQL has.
UnixNanos scrape_time(UnixNanos now, UnixNanos scheduled, int64_t interval_nanos) {
  int64_t tolerance = std::min<int64_t>(2 * kNanosPerMilli, interval_nanos / 100);
  UnixNanos chosen = now - scheduled <= tolerance && now >= scheduled ? scheduled : now;
  return UnixNanos::from_millis(chosen.to_millis());
}

// The position matters where a page could not be parsed.
std::string error_text(const Error& error) {
  return error.position ? error.to_string() : error.message;
}

}  // namespace

std::string_view target_health_name(TargetHealth health) {
  switch (health) {
    case TargetHealth::unknown:
      return "unknown";
    case TargetHealth::up:
      return "up";
    case TargetHealth::down:
      return "down";
  }
  return "unknown";
}

// A target and its schedule. `series` belongs to the worker that scrapes it; the rest is guarded by
// Scraper::mutex_.
struct Scraper::Loop {
  explicit Loop(ScrapeTarget scraped)
      : target(std::make_shared<ScrapeTarget>(std::move(scraped))), series(target->labels) {
    describe();
  }
  void describe() {
    status.job_name = target->job.job_name;
    status.discovered_labels = target->discovered_labels;
    status.labels = target->labels;
    status.scrape_url = target->url;
    status.interval_nanos = target->interval_nanos;
    status.timeout_nanos = target->timeout_nanos;
  }

  std::shared_ptr<const ScrapeTarget> target;
  TargetSeries series;
  UnixNanos next;
  // Shared with the answers to writes, which may outlive the loop: a failure is logged once, until a write
  // succeeds.
  const std::shared_ptr<std::atomic<bool>> write_failing = std::make_shared<std::atomic<bool>>(false);
  bool under_way = false;
  bool ended = false;  // no longer configured
  bool ever_scraped = false;
  TargetStatus status;
};

Scraper::Scraper(Options options) : options_(std::move(options)), workers_("scrape", kWorkers, kQueueMax) {
  OBELISK_ASSERT(options_.clock != nullptr && options_.output);
  if (options_.own_thread) schedule_ = std::thread([this] { keep_schedule(); });
}

Scraper::~Scraper() {
  stop();
}

void Scraper::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    loops_.clear();
  }
  changed_.notify_all();
  if (schedule_.joinable()) schedule_.join();
  workers_.stop();
}

Result<void> Scraper::reload(const PrometheusConfig& config) {
  OBELISK_TRY(std::vector<ScrapeTarget> targets, make_targets(config));
  UnixNanos now = options_.clock->now();
  std::vector<LoopPtr> gone;
  {
    MutexLock lock(mutex_);
    std::vector<LoopPtr> before = std::move(loops_);
    loops_.clear();
    std::map<std::string, LoopPtr> by_key;
    for (LoopPtr& loop : before) by_key.emplace(loop->target->key(), std::move(loop));
    for (ScrapeTarget& target : targets) {
      auto known = by_key.find(target.key());
      if (known == by_key.end()) {
        auto loop = std::make_shared<Loop>(std::move(target));
        loop->next = loop->target->first_scrape(now);
        loops_.push_back(std::move(loop));
        continue;
      }
      LoopPtr loop = std::move(known->second);
      by_key.erase(known);
      bool same_schedule = loop->target->interval_nanos == target.interval_nanos;
      loop->target = std::make_shared<ScrapeTarget>(std::move(target));
      loop->describe();
      if (!same_schedule) loop->next = loop->target->first_scrape(now);
      loops_.push_back(std::move(loop));
    }
    for (auto& [key, loop] : by_key) {
      loop->ended = true;
      if (!loop->under_way) gone.push_back(std::move(loop));  // else the worker ends it
    }
    for (const LoopPtr& loop : gone) submit(loop, now, true);
  }
  changed_.notify_all();
  return {};
}

std::vector<TargetStatus> Scraper::targets() const {
  MutexLock lock(mutex_);
  std::vector<TargetStatus> all;
  all.reserve(loops_.size());
  for (const LoopPtr& loop : loops_) all.push_back(loop->status);
  return all;
}

UnixNanos Scraper::run_due() {
  UnixNanos now = options_.clock->now();
  UnixNanos next{INT64_MAX};
  MutexLock lock(mutex_);
  for (const LoopPtr& loop : loops_) {
    if (loop->next <= now) {
      UnixNanos scheduled = loop->next;
      // After a pause (a suspended machine) the missed scrapes are not made up for.
      int64_t missed = (now - scheduled) / loop->target->interval_nanos;
      loop->next = scheduled + (missed + 1) * loop->target->interval_nanos;
      if (loop->under_way) {
        metrics().skipped.add();
      } else {
        submit(loop, scheduled + missed * loop->target->interval_nanos, false);
      }
    }
    next = std::min(next, loop->next);
  }
  return next;
}

void Scraper::keep_schedule() {
  while (!stopping_) {
    UnixNanos next = run_due();
    MutexLock lock(mutex_);
    if (stopping_) return;
    // At most a second, so that a clock that was set is noticed.
    int64_t wait = std::clamp<int64_t>(next - options_.clock->now(), 0, kNanosPerSecond);
    lock.wait_for(changed_, std::chrono::nanoseconds(wait));
  }
}

void Scraper::submit(const LoopPtr& loop, UnixNanos scheduled, bool end_of_target) {
  bool accepted = workers_.submit([this, loop, scheduled, end_of_target] {
    if (!end_of_target) scrape(loop, scheduled);
    finish(loop);
  });
  if (!accepted) return metrics().skipped.add();
  loop->under_way = true;
  ++under_way_;
}

// The end of a worker's turn: a target that is no longer configured is ended by whoever had it last.
void Scraper::finish(const LoopPtr& loop) {
  bool ended = false;
  {
    MutexLock lock(mutex_);
    ended = loop->ended && loop->ever_scraped;
  }
  if (ended && !stopping_) end(loop);
  MutexLock lock(mutex_);
  loop->under_way = false;
  --under_way_;
  changed_.notify_all();
}

void Scraper::wait_until_idle() {
  MutexLock lock(mutex_);
  while (under_way_ > 0) lock.wait(changed_);
}

Result<ClientResponse> Scraper::fetch(const ScrapeTarget& target) {
  ClientRequest request = make_scrape_request(target, &stopping_);
  return options_.fetch ? options_.fetch(request) : client_.request(request);
}

void Scraper::scrape(const LoopPtr& loop, UnixNanos scheduled) {
  if (stopping_) return;
  std::shared_ptr<const ScrapeTarget> fixed;
  {
    MutexLock lock(mutex_);
    fixed = loop->target;
  }
  const ScrapeTarget& target = *fixed;
  loop->series.set_honor(target.job.honor_labels, target.job.honor_timestamps);
  UnixNanos time = scrape_time(options_.clock->now(), scheduled, target.interval_nanos);
  auto started = std::chrono::steady_clock::now();
  ScrapeReport report;
  std::vector<Batch> batches;
  auto run = [&]() -> Result<void> {
    OBELISK_TRY(ClientResponse response, fetch(target));
    OBELISK_TRY(ExpositionFormat format, format_of_answer(target, response));
    OBELISK_TRY(Exposition exposition, parse_exposition(format, response.body));
    uint64_t limit = target.job.sample_count_max;
    if (limit > 0 && exposition.samples.size() > limit)
      return make_error(ErrorCode::too_large,
                        fmt::format("sample limit exceeded: {} samples, the limit is {}",
                                    exposition.samples.size(), limit));
    batches = loop->series.accept(exposition, time, report);
    return {};
  };
  Result<void> outcome = run();
  if (stopping_) return;
  if (!outcome.ok()) batches = loop->series.end_all(time);
  report.up = outcome.ok();
  report.duration_seconds = seconds_since(started);
  batches.push_back(loop->series.report_batch(report, time));
  (report.up ? metrics().succeeded : metrics().failed).add();
  metrics().samples.add(report.samples_scraped);
  metrics().duration.observe_seconds(report.duration_seconds);
  {
    MutexLock lock(mutex_);
    loop->ever_scraped = true;
    TargetStatus& status = loop->status;
    status.last_scrape = time;
    status.last_scrape_duration_seconds = report.duration_seconds;
    status.health = report.up ? TargetHealth::up : TargetHealth::down;
    status.last_error = outcome.ok() ? "" : error_text(outcome.error());
  }
  write(target.url, loop, std::move(batches));
}

void Scraper::end(const LoopPtr& loop) {
  UnixNanos now = options_.clock->now();
  UnixNanos last;
  std::string url;
  {
    MutexLock lock(mutex_);
    last = loop->status.last_scrape;
    url = loop->target->url;
  }
  // After the last sample, even when the reload came within its millisecond.
  UnixNanos time = std::max(UnixNanos::from_millis(now.to_millis()), last + kNanosPerMilli);
  std::vector<Batch> batches = loop->series.end_all(time);
  batches.push_back(loop->series.end_report(time));
  write(url, loop, std::move(batches));
}

// The answer may come after the scraper is gone, so it touches nothing of it.
void Scraper::write(const std::string& url, const LoopPtr& loop, std::vector<Batch> batches) {
  options_.output(std::move(batches), [url, failing = loop->write_failing](Result<IntakeOutcome> outcome) {
    std::string problem;
    if (!outcome.ok()) {
      metrics().failed_writes.add();
      problem = fmt::format("rows could not be stored: {}", outcome.error().to_string());
    } else if (outcome->rejected_rows > 0) {
      metrics().rejected_rows.add(outcome->rejected_rows);
      problem = fmt::format("{} rows were refused: {}", outcome->rejected_rows, outcome->message);
    }
    bool failed_before = failing->exchange(!problem.empty());
    if (!problem.empty() && !failed_before) log_warning("scrape", fmt::format("{}: {}", url, problem));
    if (problem.empty() && failed_before) log_info("scrape", fmt::format("{}: rows are stored again", url));
  });
}

}  // namespace obelisk::scrape
