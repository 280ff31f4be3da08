#include "pipeline/derived_metrics_flusher.h"

#include "base/log.h"
#include "base/self_metrics.h"

namespace obelisk {
namespace {

Counter& failed_writes() {
  static Counter& metric = counter("obelisk_derived_metrics_failed_writes_total",
                                   "Writes of derived metrics that the store did not take.");
  return metric;
}

Counter& postponed_writes() {
  static Counter& metric =
      counter("obelisk_derived_metrics_postponed_writes_total",
              "Writes of derived metrics that were put off because the one before was not done.");
  return metric;
}

}  // namespace

DerivedMetricsFlusher::DerivedMetricsFlusher(Intake& intake, const Clock& clock,
                                             std::vector<std::shared_ptr<DerivedMetricsSource>> sources,
                                             Options options)
    : intake_(intake), clock_(clock), sources_(std::move(sources)), options_(options) {}

DerivedMetricsFlusher::~DerivedMetricsFlusher() {
  stop();
}

void DerivedMetricsFlusher::start() {
  OBELISK_ASSERT(!thread_.joinable() && !stopped_);
  thread_ = std::thread([this] { run(); });
}

void DerivedMetricsFlusher::stop() {
  if (std::exchange(stopped_, true)) return;
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (thread_.joinable()) thread_.join();
  if (wait_for_writes(options_.stop_timeout_ms)) flush();
  if (!wait_for_writes(options_.stop_timeout_ms)) {
    log_warning("pipeline", "stopped before the last write of derived metrics was done");
  }
}

void DerivedMetricsFlusher::run() {
  auto interval = std::chrono::milliseconds(options_.interval_ms);
  auto next = std::chrono::steady_clock::now() + interval;
  for (;;) {
    {
      MutexLock lock(state_->mutex);
      while (!state_->stopping && std::chrono::steady_clock::now() < next) {
        lock.wait_for(state_->changed, next - std::chrono::steady_clock::now());
      }
      if (state_->stopping) return;
    }
    next += interval;
    flush();
  }
}

bool DerivedMetricsFlusher::wait_for_writes(int64_t timeout_ms) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  MutexLock lock(state_->mutex);
  while (state_->writes > 0 && std::chrono::steady_clock::now() < deadline) {
    lock.wait_for(state_->changed, deadline - std::chrono::steady_clock::now());
  }
  return state_->writes == 0;
}

void DerivedMetricsFlusher::flush() {
  {
    MutexLock lock(state_->mutex);
    if (state_->writes > 0) return postponed_writes().add();
    ++state_->writes;  // this call's own, so that no other collects meanwhile
  }
  auto finish = [state = state_] {
    {
      MutexLock lock(state->mutex);
      --state->writes;
    }
    state->changed.notify_all();
  };
  UnixNanos now = clock_.now();
  for (const std::shared_ptr<DerivedMetricsSource>& source : sources_) {
    for (TenantBatches& batches : source->collect(now)) {
      {
        MutexLock lock(state_->mutex);
        ++state_->writes;
      }
      intake_.write(batches.tenant, std::move(batches.batches), [finish](Result<IntakeOutcome> outcome) {
        if (!outcome.ok()) {
          failed_writes().add();
          log_warning("pipeline", "derived metrics were not stored: " + outcome.error().message);
        } else if (outcome->rejected_rows > 0) {
          log_warning("pipeline", "derived metrics were rejected: " + outcome->message);
        }
        finish();
      });
    }
  }
  finish();
}

}  // namespace obelisk
