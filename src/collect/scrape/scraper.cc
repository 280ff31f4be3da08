#include "collect/scrape/scraper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/self_metrics.h"
#include "collect/scrape/failure_log.h"
#include "collect/scrape/page_fetch.h"
#include "collect/scrape/scraper_loop.h"

namespace obelisk::scrape {
namespace {

constexpr size_t kQueueMax = 100'000;  // one entry a target at most

struct ScrapeMetrics {
  Counter& succeeded = counter("obelisk_scrapes_total", "Scrapes, by outcome.", {{"outcome", "up"}});
  Counter& failed = counter("obelisk_scrapes_total", "Scrapes, by outcome.", {{"outcome", "down"}});
  Counter& skipped =
      counter("obelisk_scrape_skipped_total",
              "Scrapes left out because the one before was still under way or the queue was full.");
  Counter& clock_steps = counter("obelisk_scrape_clock_steps_total",
                                 "Times that a target was due too late because the clock was set back.");
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

PageSettings page_settings_of(const ScrapeConfig& job) {
  PageSettings settings;
  settings.honor_labels = job.honor_labels;
  settings.honor_timestamps = job.honor_timestamps;
  settings.track_timestamps_staleness = job.track_timestamps_staleness;
  settings.relabel = job.metric_relabel;
  settings.sample_limit = job.limits.samples;
  settings.label_limit = job.limits.labels;
  settings.label_name_bytes = job.limits.label_name_bytes;
  settings.label_value_bytes = job.limits.label_value_bytes;
  settings.exposition.native_histograms = job.native_histograms;
  settings.exposition.classic_to_custom_bounds = job.convert_classic_histograms;
  settings.exposition.always_classic = job.always_scrape_classic_histograms;
  settings.exposition.histogram_buckets_max = job.limits.histogram_buckets;
  settings.exposition.histogram_factor_min = job.limits.histogram_factor;
  settings.names = job.name_scheme;
  return settings;
}

double seconds_of(int64_t nanos) {
  return static_cast<double>(nanos) / static_cast<double>(kNanosPerSecond);
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

Scraper::Scraper(Options options)
    : options_(std::move(options)), fetcher_(options_.fetch), workers_("scrape", kWorkers, kQueueMax) {
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
    jobs_.clear();
    job_order_.clear();
  }
  changed_.notify_all();
  if (schedule_.joinable()) schedule_.join();
  workers_.stop();
}

UnixNanos Scraper::run_due() {
  UnixNanos now = options_.clock->now();
  UnixNanos next{INT64_MAX};
  MutexLock lock(mutex_);
  for (const auto& [name, job] : jobs_) {
    for (const LoopPtr& loop : job.loops) {
      // A target is due within its interval, unless the clock was set back: it must not go unseen until the
      // clock has come as far again.
      if (loop->next - now > loop->target->interval_nanos) {
        loop->next = loop->target->first_scrape(now);
        metrics().clock_steps.add();
      }
      if (loop->next <= now) start_due(loop, now);
      next = std::min(next, loop->next);
    }
  }
  return next;
}

void Scraper::start_due(const LoopPtr& loop, UnixNanos now) {
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

Result<std::vector<Batch>> Scraper::read_page(const LoopPtr& loop, const ScrapeTarget& target, UnixNanos time,
                                              ScrapeReport& report) {
  if (!target.refusal.empty()) return make_error(ErrorCode::too_large, target.refusal);
  Result<ClientResponse> response = fetcher_.fetch(make_scrape_request(target, &stopping_), target.job->http);
  if (!response.ok()) {
    if (response.error().code == ErrorCode::too_large) report.body_bytes = -1;
    return response.error();
  }
  report.body_bytes = static_cast<double>(response->body.size());
  OBELISK_TRY(ExpositionFormat format, format_of_answer(target, *response));
  return loop->series.accept_page(format, response->body, time, report);
}

void Scraper::scrape(const LoopPtr& loop, UnixNanos scheduled) {
  if (stopping_) return;
  std::shared_ptr<const ScrapeTarget> fixed;
  {
    MutexLock lock(mutex_);
    fixed = loop->target;
  }
  const ScrapeTarget& target = *fixed;
  if (loop->configured != target.job) {
    loop->series.set_settings(page_settings_of(*target.job));
    loop->configured = target.job;
  }
  UnixNanos time = scrape_time(options_.clock->now(), scheduled, target.interval_nanos);
  auto started = std::chrono::steady_clock::now();
  ScrapeReport report;
  report.extra = target.job->extra_scrape_metrics;
  report.timeout_seconds = seconds_of(target.timeout_nanos);
  report.sample_limit = static_cast<double>(target.job->limits.samples);
  Result<std::vector<Batch>> outcome = read_page(loop, target, time, report);
  if (stopping_) return;
  report.up = outcome.ok();
  report.duration_seconds = seconds_since(started);
  std::vector<Batch> batches = outcome.ok() ? std::move(*outcome) : loop->series.end_all(time);
  batches.push_back(loop->series.report_batch(report, time));
  (report.up ? metrics().succeeded : metrics().failed).add();
  metrics().samples.add(report.samples_scraped);
  metrics().duration.observe_seconds(report.duration_seconds);
  std::string error = outcome.ok() ? "" : error_text(outcome.error());
  if (!error.empty() && !target.job->failure_log_file.empty())
    append_failure(target.job->failure_log_file, {time, target.job->job_name, target.url, error});
  {
    MutexLock lock(mutex_);
    loop->ever_scraped = true;
    TargetStatus& status = loop->status;
    status.last_scrape = time;
    status.last_scrape_duration_seconds = report.duration_seconds;
    status.health = report.up ? TargetHealth::up : TargetHealth::down;
    status.last_error = std::move(error);
    status.families = loop->series.families();
  }
  write(target.url, loop, std::move(batches));
}

void Scraper::end(const LoopPtr& loop) {
  UnixNanos now = options_.clock->now();
  UnixNanos last;
  std::shared_ptr<const ScrapeTarget> target;
  {
    MutexLock lock(mutex_);
    last = loop->status.last_scrape;
    target = loop->target;
  }
  // After the last sample, even when the reload came within its millisecond.
  UnixNanos time = std::max(UnixNanos::from_millis(now.to_millis()), last + kNanosPerMilli);
  std::vector<Batch> batches = loop->series.end_all(time);
  ScrapeReport report;
  report.extra = target->job->extra_scrape_metrics;
  batches.push_back(loop->series.end_report(report, time));
  write(target->url, loop, std::move(batches));
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
