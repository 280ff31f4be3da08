#pragma once
// What units of a scan give, computed by the thread that takes it and, where one is free, a helper
// (scan_help.h), and handed out in the order of the units. At most kAhead units are computed before the one
// that is taken next, so that little is in vain when the scan ends early. take() and help belong to one
// thread; `compute` is called on two.
#include <array>
#include <condition_variable>
#include <functional>
#include <optional>

#include "base/thread_annotations.h"
#include "storage/embedded/events/scan_help.h"

namespace obelisk {

template <typename Outcome>
class UnitPipeline {
 public:
  UnitPipeline(size_t unit_count, std::function<Outcome(size_t unit)> compute)
      : unit_count_(unit_count), compute_(std::move(compute)) {}

  bool done() const { return next_ == unit_count_; }
  size_t next_unit() const { return next_; }

  // Of the next unit; there must be one.
  Outcome take() {
    MutexLock lock(mutex_);
    for (;;) {
      std::optional<Outcome>& wanted = outcomes_[next_ % kAhead];
      if (wanted) {
        Outcome outcome = std::move(*wanted);
        wanted.reset();
        ++next_;
        changed_.notify_one();
        return outcome;
      }
      if (!compute_one()) lock.wait(changed_);
    }
  }

  // A helper, if one is free, computes for as long as the result lives.
  class Helped {
   public:
    explicit Helped(UnitPipeline& pipeline) : pipeline_(pipeline) {
      {
        MutexLock lock(pipeline_.mutex_);
        pipeline_.is_helped_ = true;
      }
      help_.emplace([&pipeline] { pipeline.help(); });
    }
    ~Helped() {
      {
        MutexLock lock(pipeline_.mutex_);
        pipeline_.is_helped_ = false;
      }
      pipeline_.changed_.notify_all();
      help_.reset();
    }
    Helped(const Helped&) = delete;
    Helped& operator=(const Helped&) = delete;

   private:
    UnitPipeline& pipeline_;
    std::optional<ScanHelp> help_;
  };

 private:
  static constexpr size_t kAhead = 32;

  // False when no unit may be begun now.
  bool compute_one() REQUIRES(mutex_) {
    if (begun_ == unit_count_ || begun_ >= next_ + kAhead) return false;
    size_t unit = begun_++;
    mutex_.unlock();
    Outcome outcome = compute_(unit);
    mutex_.lock();
    outcomes_[unit % kAhead].emplace(std::move(outcome));
    if (unit == next_) changed_.notify_one();
    return true;
  }

  void help() {
    MutexLock lock(mutex_);
    while (is_helped_ && begun_ < unit_count_) {
      if (!compute_one()) lock.wait(changed_);
    }
  }

  const size_t unit_count_;
  const std::function<Outcome(size_t)> compute_;
  Mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;  // changed by take() under the mutex
  size_t begun_ GUARDED_BY(mutex_) = 0;
  bool is_helped_ GUARDED_BY(mutex_) = false;
  std::array<std::optional<Outcome>, kAhead> outcomes_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
