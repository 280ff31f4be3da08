#pragma once
// Metadata of a metric family comes with every request, and says the same each time. This remembers what was
// stored lately, so that it is stored again only when it changed or kRepeatNanos passed (retention must not
// lose it). Bounded: with kFamiliesMax families remembered, it forgets them all and begins anew. Thread safe.
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "base/time.h"
#include "model/tenant.h"
#include "plan/batch.h"

namespace obelisk {

class MetadataFilter {
 public:
  static constexpr size_t kFamiliesMax = 100'000;
  static constexpr int64_t kRepeatNanos = 3600 * kNanosPerSecond;

  // The rows of a batch of metadata that are news; they count as stored from now on.
  std::vector<uint8_t> keep(const Tenant& tenant, const Batch& batch, UnixNanos now);
  // The request failed: what was remembered of it is forgotten. Forgetting too much only costs a repetition.
  void forget_since(UnixNanos time);

 private:
  struct Stored {
    uint64_t hash = 0;  // of type, help and unit
    UnixNanos time;
  };
  Mutex mutex_;
  std::unordered_map<std::string, Stored> stored_ GUARDED_BY(mutex_);  // by tenant and family
};

}  // namespace obelisk
