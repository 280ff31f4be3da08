#pragma once
// One bound on the bytes of request bodies that the server holds at a time, over all connections: without it
// the per-request limit times the number of connections would be the bound, far above any machine's memory.
// BodyBudget is thread safe and shared by all connections of a server; a BodyCharge belongs to one request.
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace obelisk {

class BodyBudget {
 public:
  explicit BodyBudget(size_t bytes_max) : bytes_max_(bytes_max) {}
  bool take(size_t bytes) {
    size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void give_back(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t bytes_max() const { return bytes_max_; }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> used_{0};
};

// Gives back what it took when it is destroyed. An empty charge refuses nothing.
class BodyCharge {
 public:
  BodyCharge() = default;
  explicit BodyCharge(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyCharge(BodyCharge&& other) noexcept
      : budget_(std::move(other.budget_)), taken_(std::exchange(other.taken_, 0)) {}
  BodyCharge& operator=(BodyCharge&& other) noexcept {
    release();
    budget_ = std::move(other.budget_);
    taken_ = std::exchange(other.taken_, 0);
    return *this;
  }
  ~BodyCharge() { release(); }

  // Raises the charge to `total` bytes; false when the budget does not have them.
  bool raise_to(size_t total) {
    if (!budget_ || total <= taken_) return true;
    if (!budget_->take(total - taken_)) return false;
    taken_ = total;
    return true;
  }

 private:
  void release() {
    if (budget_ && taken_ > 0) budget_->give_back(std::exchange(taken_, 0));
  }

  std::shared_ptr<BodyBudget> budget_;
  size_t taken_ = 0;
};

}  // namespace obelisk
