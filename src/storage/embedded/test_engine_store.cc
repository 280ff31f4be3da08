#include "storage/embedded/test_engine_store.h"

#include <array>

#include "env/fault_disk.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr std::array<std::string_view, 4> kNames{"head", "flushed", "compacted", "restarted"};

class EngineTestStore : public TestStore {
 public:
  explicit EngineTestStore(EngineState state)
      : state_(state), clock_(UnixNanos{1'700'000'000 * kNanosPerSecond}) {}

  Result<void> open() {
    engine_.reset();
    EngineOptions options;
    options.disk = &disk_;
    options.clock = &clock_;
    options.background = false;
    options.log_segment_bytes = 1 << 20;
    // Small row groups and eager merges, so that even a script's few rows meet the borders between them.
    options.events.row_groups.log_rows = 50;
    options.events.row_groups.span_rows = 50;
    options.events.merge.parts_min = 2;
    OBELISK_TRY(engine_, Engine::open(options));
    return {};
  }

  Reader& reader() override { return *engine_; }
  Writer& writer() override { return *engine_; }

  Result<void> settle() override {
    if (state_ == EngineState::restarted) return open();
    if (state_ == EngineState::head) return {};
    OBELISK_CHECK_OK(engine_->flush());
    while (state_ == EngineState::compacted) {
      OBELISK_TRY(bool merged, engine_->merge());
      if (!merged) break;
    }
    return {};
  }

 private:
  const EngineState state_;
  FaultDisk disk_;
  ManualClock clock_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

std::string_view engine_state_name(EngineState state) {
  return kNames[static_cast<size_t>(state)];
}

std::optional<EngineState> engine_state_of(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<EngineState>(i);
  }
  return std::nullopt;
}

TestStoreFactory engine_test_stores(EngineState state) {
  return [state]() -> Result<std::unique_ptr<TestStore>> {
    auto store = std::make_unique<EngineTestStore>(state);
    OBELISK_CHECK_OK(store->open());
    return std::unique_ptr<TestStore>(std::move(store));
  };
}

}  // namespace obelisk
