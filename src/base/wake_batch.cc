#include "base/wake_batch.h"

#include <utility>

#include "base/assert.h"

namespace obelisk {
namespace {

thread_local WakeBatch* scope = nullptr;

}  // namespace

WakeBatch::WakeBatch() {
  OBELISK_ASSERT(scope == nullptr);
  scope = this;
}

WakeBatch::~WakeBatch() {
  scope = nullptr;
  for (const std::function<void()>& wake : wakes_) wake();
}

bool WakeBatch::active() {
  return scope != nullptr;
}

void WakeBatch::defer(std::function<void()> wake) {
  OBELISK_ASSERT(scope != nullptr);
  scope->wakes_.push_back(std::move(wake));
}

}  // namespace obelisk
