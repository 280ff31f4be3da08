#pragma once
// Of Scraper alone: one target and its schedule.
#include "collect/scrape/scraper.h"

namespace obelisk::scrape {

// A target and its schedule. `series` belongs to the worker that scrapes it; the rest is guarded by
// Scraper::mutex_.
struct Scraper::Loop {
  explicit Loop(ScrapeTarget scraped)
      : target(std::make_shared<ScrapeTarget>(std::move(scraped))), series(target->labels) {
    describe();
  }
  void describe() {
    status.job_name = target->job->job_name;
    status.discovered_labels = target->discovered_labels;
    status.labels = target->labels;
    status.scrape_url = target->url;
    status.interval_nanos = target->interval_nanos;
    status.timeout_nanos = target->timeout_nanos;
  }

  std::shared_ptr<const ScrapeTarget> target;
  TargetSeries series;
  std::shared_ptr<const ScrapeConfig> configured;  // what `series` was last set to; the worker's, too
  UnixNanos next;
  // Shared with the answers to writes, which may outlive the loop: a failure is logged once, until a write
  // succeeds.
  const std::shared_ptr<std::atomic<bool>> write_failing = std::make_shared<std::atomic<bool>>(false);
  bool under_way = false;
  bool ended = false;  // no longer configured
  bool ever_scraped = false;
  TargetStatus status;
};

}  // namespace obelisk::scrape
