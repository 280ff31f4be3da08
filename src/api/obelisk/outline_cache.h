#pragma once
// Outlines of large traces by tenant and trace, kept between the requests of a viewer, so that the pages it
// asks for show one state of the trace and cost no second reading. Thread safe: of several requests for one
// trace one reads it and the others wait, so that it is never in memory twice.
//
// An outline is kept while it is used, until it is kOutlineIdleNanos idle, and is read anew by a request that
// wants a fresh one (a viewer that opens the trace) once it is older than kOutlineFreshNanos. Bound: outlines
// of kOutlineCacheBytesMax together, a larger one is not kept; a trace of a million spans takes 65 MB.
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <set>

#include "base/thread_annotations.h"
#include "base/time.h"
#include "model/tenant.h"
#include "query/traceql/trace_outline.h"

namespace obelisk {

inline constexpr size_t kOutlineCacheBytesMax = 128 << 20;
inline constexpr int64_t kOutlineFreshNanos = 10 * kNanosPerSecond;
inline constexpr int64_t kOutlineIdleNanos = 120 * kNanosPerSecond;

class OutlineCache {
 public:
  using OutlinePtr = std::shared_ptr<const traceql::TraceOutline>;
  using Reading = std::function<Result<OutlinePtr>()>;

  // What is kept, or what `read` finds (null: no such trace, and nothing is kept).
  Result<OutlinePtr> get(const Tenant& tenant, const TraceId& id, bool fresh, int64_t now,
                         const Cancel& cancel, const Reading& read) EXCLUDES(mutex_);

 private:
  struct Entry {
    Tenant tenant;
    OutlinePtr outline;
    int64_t made = 0;
    int64_t used = 0;
    size_t bytes = 0;
  };
  using Key = std::pair<Tenant, TraceId>;

  OutlinePtr find(const Key& key, bool fresh, int64_t now) REQUIRES(mutex_);
  void put(const Key& key, OutlinePtr outline, int64_t now) REQUIRES(mutex_);
  void drop(std::list<Entry>::iterator entry) REQUIRES(mutex_);
  void drop_idle(int64_t now) REQUIRES(mutex_);

  Mutex mutex_;
  std::condition_variable read_one_;
  std::set<Key> being_read_ GUARDED_BY(mutex_);
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // the last used first
  size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace obelisk
