#pragma once
// The embedded engine as a store of query scripts, on a disk in memory: with everything in its head, with
// each request flushed to a part of its own, and with those parts merged.
#include <string>
#include <utility>
#include <vector>

#include "env/fault_disk.h"
#include "query/promql/test_store.h"
#include "storage/embedded/engine.h"

namespace obelisk::promql {

enum class EngineState { head, flushed, compacted };

inline ScriptStoreFactory engine_script_store(EngineState state) {
  return [state]() -> Result<std::unique_ptr<ScriptStore>> {
    struct Surroundings {
      FaultDisk disk;
      ManualClock clock{UnixNanos{1'700'000'000'000'000'000}};
    };
    auto surroundings = std::make_shared<Surroundings>();
    EngineOptions options;
    options.disk = &surroundings->disk;
    options.clock = &surroundings->clock;
    options.background = false;
    options.log_segment_bytes = 64 << 10;  // set aside in memory for every store made
    OBELISK_TRY(std::unique_ptr<Engine> engine, Engine::open(options));
    auto settle = [state](Engine& opened) -> Result<void> {
      if (state == EngineState::head) return {};
      OBELISK_CHECK_OK(opened.flush());
      for (bool more = state == EngineState::compacted; more;) {
        OBELISK_TRY(more, opened.merge());
      }
      return {};
    };
    return std::unique_ptr<ScriptStore>(
        std::make_unique<EngineScriptStore<Engine>>(surroundings, std::move(engine), settle));
  };
}

// Every store a script is run on, with the word that failures name it by.
inline std::vector<std::pair<std::string, ScriptStoreFactory>> all_script_stores() {
  return {{"in memory", memory_script_store()},
          {"in the head", engine_script_store(EngineState::head)},
          {"flushed", engine_script_store(EngineState::flushed)},
          {"compacted", engine_script_store(EngineState::compacted)}};
}

}  // namespace obelisk::promql
