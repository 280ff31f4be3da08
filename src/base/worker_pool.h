#pragma once
// A fixed number of threads over one bounded queue. Work that does not fit is refused, never blocked on, so
// that a slow query cannot stop the network. Thread safe. The destructor finishes what was accepted.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"

namespace obelisk {

class WorkerPool {
 public:
  WorkerPool(std::string name, size_t thread_count, size_t queue_length_max);
  ~WorkerPool();

  // False when the queue is full or the pool is stopping; `work` is then not run.
  bool submit(std::function<void()> work);
  // Waits for everything accepted so far, then joins the threads. Further submissions are refused.
  void stop();
  size_t queue_length() const;

 private:
  void run();

  const std::string name_;
  const size_t queue_length_max_;
  std::vector<std::thread> threads_;
  mutable Mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace obelisk
