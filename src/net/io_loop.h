#pragma once
// One thread that waits for sockets and runs the short pieces of work that belong to them. Everything a
// connection owns is touched on its loop's thread only, so connections need no locks. post() is safe from any
// thread; the rest is for the loop's own thread, except start(), stop() and current(). Members (connections)
// are kept alive by their loop from add_member() until remove_member().
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"

namespace boost::asio {
class io_context;
}

namespace obelisk {

using SteadyTime = std::chrono::steady_clock::time_point;

class IoLoopMember {
 public:
  virtual ~IoLoopMember() = default;
  // Called about every kTickMs: the place to check deadlines. May remove the member.
  virtual void tick(SteadyTime now) = 0;
  // Finish what is under way, then close.
  virtual void drain() = 0;
  // Close at once; remove_member must have been called on return.
  virtual void close_now() = 0;
};

class IoLoop : public std::enable_shared_from_this<IoLoop> {
 public:
  // The precision of every network timeout. Ten wake-ups a second, only while there are members.
  static constexpr int kTickMs = 100;

  explicit IoLoop(std::string name);
  ~IoLoop();  // stop() must have been called, unless never started
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  void start();
  // Closes every member, runs what that leaves, and joins the thread. Later posts are dropped. Not from the
  // loop's thread.
  void stop();

  // False (and `work` is destroyed) when the loop has stopped. The loop is woken at the end of the thread's
  // WakeBatch (base/wake_batch.h), if it holds one.
  bool post(std::function<void()> work);
  bool on_loop_thread() const;
  // The loop whose thread this is; null on other threads.
  static IoLoop* current();
  // Runs `work` at `time`, or as soon as what was read before has been handled when that is over. A loop that
  // stops waits for it: for times that are near.
  void run_at(SteadyTime time, std::function<void()> work);

  void add_member(std::shared_ptr<IoLoopMember> member);
  void remove_member(IoLoopMember* member);
  std::vector<std::shared_ptr<IoLoopMember>> members() const;
  void drain_members();

  boost::asio::io_context& context();

 private:
  struct Implementation;
  void run();
  void run_posted();
  void close_members();
  void schedule_tick();

  const std::string name_;
  std::unique_ptr<Implementation> implementation_;
  std::unordered_map<IoLoopMember*, std::shared_ptr<IoLoopMember>> members_;  // loop thread only
  bool ticking_ = false;                                                      // loop thread only
  bool closing_ = false;                                                      // loop thread only
  Mutex mutex_;
  std::vector<std::function<void()>> posted_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace obelisk
