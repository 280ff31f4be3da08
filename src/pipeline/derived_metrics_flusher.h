#pragma once
// Writes derived series through the intake on a timer, and once more when it is stopped.
// One write at a time: while one is under way (the store is slow or down) the next is put off and counted;
// since the series are cumulative nothing but exemplars is lost. start() and stop() from one thread; flush()
// from any.
#include <condition_variable>
#include <memory>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "env/clock.h"
#include "ingest/intake.h"
#include "pipeline/derived_series.h"

namespace obelisk {

class DerivedMetricsSource {
 public:
  virtual ~DerivedMetricsSource() = default;
  virtual std::vector<TenantBatches> collect(UnixNanos now) = 0;
};

// One whose tenants may end and begin, as those of DerivedSeries.
class TenantMetricsSource : public DerivedMetricsSource {
 public:
  virtual std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) = 0;
  virtual void begin(const Tenant& tenant, UnixNanos not_before) = 0;
};

class DerivedMetricsFlusher {
 public:
  struct Options {
    int64_t interval_ms = 15'000;     // Tempo's collection interval
    int64_t stop_timeout_ms = 5'000;  // how long stop() waits for the last write
  };
  // Times of samples are taken from the clock; the interval is real time. The intake must outlive the
  // flusher.
  DerivedMetricsFlusher(Intake& intake, const Clock& clock,
                        std::vector<std::shared_ptr<DerivedMetricsSource>> sources, Options options);
  ~DerivedMetricsFlusher();

  void start();
  // Ends the timer, writes what there is, and waits for it. Does nothing the second time.
  void stop();
  // Writes now, unless a write is under way. Returns before it is stored.
  void flush();

 private:
  // What writes under way share with the flusher, which they may outlive.
  struct State {
    Mutex mutex;
    std::condition_variable changed;
    size_t writes GUARDED_BY(mutex) = 0;
    bool stopping GUARDED_BY(mutex) = false;
  };

  void run();
  bool wait_for_writes(int64_t timeout_ms);

  Intake& intake_;
  const Clock& clock_;
  const std::vector<std::shared_ptr<DerivedMetricsSource>> sources_;
  const Options options_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace obelisk
