#pragma once
// The embedded engine as a store of test scripts, on a disk in memory and without threads of its own, so that
// a script finds its rows where it wants them. Every settle() makes one part (flushed, compacted), so that
// rows written at different times lie in different parts until compaction merges them.
#include <optional>
#include <string_view>

#include "storage/memory/test_store.h"

namespace obelisk {

enum class EngineState : uint8_t {
  head,       // in the log and in memory
  flushed,    // in one part for every settle()
  compacted,  // in parts merged as far as they can be
  restarted,  // in the head of an engine that was closed by a crash and opened again
};
std::string_view engine_state_name(EngineState state);
// The state of that name, if there is one.
std::optional<EngineState> engine_state_of(std::string_view name);

TestStoreFactory engine_test_stores(EngineState state);

}  // namespace obelisk
