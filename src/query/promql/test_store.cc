#include "query/promql/test_store.h"

#include "storage/memory/memory_store.h"

namespace obelisk::promql {
namespace {

class MemoryScriptStore : public ScriptStore {
 public:
  Reader& reader() override { return store_; }
  Writer& writer() override { return store_; }
  Result<void> settle() override { return {}; }

 private:
  MemoryStore store_;
};

}  // namespace

ScriptStoreFactory memory_script_store() {
  return []() -> Result<std::unique_ptr<ScriptStore>> {
    return std::unique_ptr<ScriptStore>(std::make_unique<MemoryScriptStore>());
  };
}

}  // namespace obelisk::promql
