#pragma once
// Jaeger's archive: traces that are kept for ever, whatever retention drops. A trace is archived by writing
// its spans, as they are stored at that moment, into the tenant's archive in the same store
// (model/archive_tenant.h): durable as everything is, and read by every look-up by id (archive_view.h), but
// by no search. Spans that lie there already are not written again, so that archiving again adds only those
// that came since. Bound: spans_max spans of a tenant; beyond, archiving answers too_large and counts
// (obelisk_archive_refused_total). Thread safe; blocks until durable.
#include <cstdint>

#include "base/thread_annotations.h"
#include "model/ids.h"
#include "query/core/query_context.h"
#include "storage/writer.h"

namespace obelisk::jaeger {

class TraceArchive {
 public:
  static constexpr uint64_t kSpansMaxDefault = 10'000'000;  // some 300 MB on disk
  // The writer must outlive the archive.
  explicit TraceArchive(Writer& writer, uint64_t spans_max = kSpansMaxDefault)
      : writer_(writer), spans_max_(spans_max) {}

  // How many spans were added. not_found where neither store nor archive have the trace; invalid_argument
  // where the context is of several tenants. A large trace is written in pieces: after an error some of them
  // may be there, and the same call completes them.
  Result<uint64_t> add(const QueryContext& context, const TraceId& id);
  // Takes a trace out of the archive; what retention keeps of it stays. not_found where it is not there.
  Result<void> remove(const QueryContext& context, const TraceId& id);

 private:
  Result<void> check_room(const QueryContext& context, uint64_t spans) const;

  Writer& writer_;
  const uint64_t spans_max_;
  Mutex adding_;  // one after another, so that the bound holds
};

}  // namespace obelisk::jaeger
