#pragma once
// Names for clang's -Wthread-safety attributes, and a mutex that carries them. Empty with other compilers.
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define OBELISK_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define OBELISK_THREAD_ATTRIBUTE(x)
#endif
#define GUARDED_BY(x) OBELISK_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) OBELISK_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) OBELISK_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace obelisk {

class OBELISK_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() OBELISK_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() OBELISK_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  bool try_lock() OBELISK_THREAD_ATTRIBUTE(try_acquire_capability(true)) { return mutex_.try_lock(); }
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

// Locks for a scope. `wait` releases and reacquires, as std::condition_variable does.
class OBELISK_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) OBELISK_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : lock_(mutex.native()) {}
  ~MutexLock() OBELISK_THREAD_ATTRIBUTE(release_capability()) = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void wait(std::condition_variable& condition) { condition.wait(lock_); }
  template <typename Duration>
  bool wait_for(std::condition_variable& condition, Duration duration) {
    return condition.wait_for(lock_, duration) == std::cv_status::no_timeout;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace obelisk
