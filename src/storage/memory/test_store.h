#pragma once
// A store that test scripts write to and query. Scripts say what is true; their runner repeats them on every
// kind of store: this memory store, and the embedded engine with its rows in the head, in parts, and in
// merged parts (storage/embedded/test_engine_store.h). Not thread safe.
#include <functional>
#include <memory>

#include "storage/memory/memory_store.h"

namespace obelisk {

class TestStore {
 public:
  virtual ~TestStore() = default;
  virtual Reader& reader() = 0;
  virtual Writer& writer() = 0;
  // After rows were written and before they are read: brings them where this kind of store is to have them.
  virtual Result<void> settle() = 0;
};
using TestStoreFactory = std::function<Result<std::unique_ptr<TestStore>>()>;

class MemoryTestStore : public TestStore {
 public:
  Reader& reader() override { return store_; }
  Writer& writer() override { return store_; }
  Result<void> settle() override { return {}; }

  static TestStoreFactory factory() {
    return [] { return Result<std::unique_ptr<TestStore>>(std::make_unique<MemoryTestStore>()); };
  }

 private:
  MemoryStore store_;
};

}  // namespace obelisk
