#include "net/io_loop.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <thread>

#include "base/assert.h"
#include "base/wake_batch.h"

namespace obelisk {
namespace asio = boost::asio;

namespace {
thread_local IoLoop* loop_of_this_thread = nullptr;
}

struct IoLoop::Implementation {
  asio::io_context context{1};
  asio::steady_timer ticker{context};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::thread thread;
  std::thread::id thread_id;
};

IoLoop::IoLoop(std::string name)
    : name_(std::move(name)), implementation_(std::make_unique<Implementation>()) {}

IoLoop::~IoLoop() {
  OBELISK_ASSERT(!implementation_->thread.joinable());
}

void IoLoop::start() {
  implementation_->work.emplace(implementation_->context.get_executor());
  implementation_->thread = std::thread([this] { run(); });
  pthread_setname_np(implementation_->thread.native_handle(), name_.substr(0, 15).c_str());
}

void IoLoop::run() {
  implementation_->thread_id = std::this_thread::get_id();
  loop_of_this_thread = this;
  implementation_->context.run();
}

void IoLoop::stop() {
  if (!implementation_->thread.joinable()) return;
  post([this] { close_members(); });
  implementation_->thread.join();
}

// After this nothing that is posted runs, so nobody can become a member, and the context runs dry.
void IoLoop::close_members() {
  std::vector<std::function<void()>> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
  }
  closing_ = true;
  for (const auto& member : members()) member->close_now();
  OBELISK_ASSERT(members_.empty());
  implementation_->ticker.cancel();
  implementation_->work.reset();
}

bool IoLoop::post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return false;
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return true;  // whoever made it non-empty has woken the loop
  }
  auto wake = [this] { asio::post(implementation_->context, [this] { run_posted(); }); };
  std::shared_ptr<IoLoop> self = WakeBatch::active() ? weak_from_this().lock() : nullptr;
  if (self) {
    WakeBatch::defer([self = std::move(self), wake] { wake(); });
  } else {
    wake();
  }
  return true;
}

void IoLoop::run_posted() {
  std::vector<std::function<void()>> batch;
  {
    MutexLock lock(mutex_);
    batch.swap(posted_);
  }
  for (std::function<void()>& work : batch) {
    if (closing_) return;
    work();
    work = nullptr;  // frees what it holds before the next one runs
  }
}

bool IoLoop::on_loop_thread() const {
  return std::this_thread::get_id() == implementation_->thread_id;
}

IoLoop* IoLoop::current() {
  return loop_of_this_thread;
}

void IoLoop::run_at(SteadyTime time, std::function<void()> work) {
  OBELISK_ASSERT(on_loop_thread());
  auto timer = std::make_shared<asio::steady_timer>(implementation_->context, time);
  timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& error) {
    if (!error) work();
  });
}

void IoLoop::add_member(std::shared_ptr<IoLoopMember> member) {
  IoLoopMember* key = member.get();
  members_.emplace(key, std::move(member));
  if (!ticking_) schedule_tick();
}

void IoLoop::remove_member(IoLoopMember* member) {
  auto it = members_.find(member);
  if (it == members_.end()) return;
  std::shared_ptr<IoLoopMember> kept = std::move(it->second);  // its destructor may come back here
  members_.erase(it);
}

std::vector<std::shared_ptr<IoLoopMember>> IoLoop::members() const {
  std::vector<std::shared_ptr<IoLoopMember>> all;
  all.reserve(members_.size());
  for (const auto& [key, member] : members_) all.push_back(member);
  return all;
}

void IoLoop::drain_members() {
  for (const auto& member : members()) member->drain();
}

void IoLoop::schedule_tick() {
  ticking_ = true;
  implementation_->ticker.expires_after(std::chrono::milliseconds(kTickMs));
  implementation_->ticker.async_wait([this](const boost::system::error_code& error) {
    ticking_ = false;
    if (error) return;
    SteadyTime now = std::chrono::steady_clock::now();
    for (const auto& member : members()) member->tick(now);
    if (!members_.empty()) schedule_tick();
  });
}

boost::asio::io_context& IoLoop::context() {
  return implementation_->context;
}

}  // namespace obelisk
