#pragma once
// Where a query script's data lies. A script runs on any of them and must give the same: in memory; on the
// embedded engine with everything in its head, flushed to parts, and with the parts merged.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/reader.h"
#include "storage/writer.h"

namespace obelisk::promql {

class ScriptStore {
 public:
  virtual ~ScriptStore() = default;
  virtual Reader& reader() = 0;
  virtual Writer& writer() = 0;
  // Called after every request, before the next: a store that flushes does it here.
  virtual Result<void> settle() = 0;
};

// An empty store; `clear` in a script asks for another.
using ScriptStoreFactory = std::function<Result<std::unique_ptr<ScriptStore>>()>;

ScriptStoreFactory memory_script_store();

// Over an engine (Engine of storage/embedded/engine.h, made by `open`) which settles by `settle`; a template,
// so that only who runs scripts on an engine knows it.
template <typename EngineType>
class EngineScriptStore : public ScriptStore {
 public:
  using Settle = std::function<Result<void>(EngineType&)>;
  EngineScriptStore(std::shared_ptr<void> keep_alive, std::unique_ptr<EngineType> engine, Settle settle)
      : keep_alive_(std::move(keep_alive)), engine_(std::move(engine)), settle_(std::move(settle)) {}
  Reader& reader() override { return *engine_; }
  Writer& writer() override { return *engine_; }
  Result<void> settle() override { return settle_(*engine_); }

 private:
  std::shared_ptr<void> keep_alive_;  // the disk and clock the engine uses; destroyed after it
  std::unique_ptr<EngineType> engine_;
  Settle settle_;
};

}  // namespace obelisk::promql
