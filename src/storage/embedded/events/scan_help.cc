#include "storage/embedded/events/scan_help.h"

#include <atomic>
#include <condition_variable>
#include <thread>

#include "base/thread_annotations.h"
#include "base/worker_pool.h"
#include "plan/read_progress.h"
#include "plan/reads_counted.h"

namespace obelisk {

struct ScanHelp::Shared {
  enum class State { waiting, running, ended, withdrawn };
  Mutex mutex;
  std::condition_variable changed;
  State state GUARDED_BY(mutex) = State::waiting;
  std::function<void()> work;
  std::shared_ptr<ReadProgress> progress;

  void run() {
    {
      MutexLock lock(mutex);
      if (state == State::withdrawn) return;
      state = State::running;
    }
    count_reads_into(progress);
    work();
    count_reads_into(nullptr);
    {
      MutexLock lock(mutex);
      state = State::ended;
    }
    changed.notify_all();
  }

  void withdraw() {
    MutexLock lock(mutex);
    if (state == State::waiting) state = State::withdrawn;
    while (state == State::running) lock.wait(changed);
  }
};

namespace {

class Helpers {
 public:
  Helpers() : count_(std::max(1u, std::thread::hardware_concurrency()) - 1), pool_("scan", count_, count_) {}

  // False when no thread is free.
  bool submit(std::function<void()> work) {
    if (busy_.fetch_add(1) >= count_) {
      busy_.fetch_sub(1);
      return false;
    }
    bool accepted = pool_.submit([this, work = std::move(work)] {
      work();
      busy_.fetch_sub(1);
    });
    if (!accepted) busy_.fetch_sub(1);
    return accepted;
  }

 private:
  const size_t count_;
  std::atomic<size_t> busy_ = 0;
  WorkerPool pool_;
};

Helpers& helpers() {
  static Helpers instance;
  return instance;
}

}  // namespace

ScanHelp::ScanHelp(std::function<void()> work) {
  auto shared = std::make_shared<Shared>();
  shared->work = std::move(work);
  shared->progress = reads_counted_into();
  if (helpers().submit([shared] { shared->run(); })) shared_ = std::move(shared);
}

ScanHelp::~ScanHelp() {
  if (shared_ != nullptr) shared_->withdraw();
}

}  // namespace obelisk
