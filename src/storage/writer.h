#pragma once
// The narrow waist, writing side. Thread safe.
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "model/tenant.h"
#include "plan/batch.h"
#include "plan/scan.h"

namespace obelisk {

// Where a request stands in the one sequence of the store's log.
struct LogPosition {
  uint64_t sequence = 0;
};

// All batches of one client request. It becomes durable and visible wholly or not at all.
struct WriteRequest {
  Tenant tenant = kDefaultTenant;
  std::vector<Batch> batches;
};

// What an erasure did: rows of requests up to this one that it selects are gone. Rows that come later stay,
// also where they are of the same series and times.
struct EraseReport {
  LogPosition through;
  // For is_erased. A report of an earlier run of the process has no mark.
  uint64_t id = 0;
  uint64_t log_mark = 0;
};

class Writer {
 public:
  using Done = std::function<void(Result<LogPosition>)>;
  virtual ~Writer() = default;

  // `done` is called exactly once, from any thread, possibly before append returns: with the position when
  // the request is durable as configured (default: fdatasync) and visible to new snapshots; or with an error,
  // and then nothing of the request is or will become visible: no_space (disk full; reads go on), overloaded
  // (queue full, try again), unavailable (shutting down), io. It must not block.
  virtual void append(WriteRequest request, Done done) = 0;

  // Erases the rows that `what` selects: its tenant, table, range and where; the rest of it must be as
  // constructed (invalid_argument otherwise, or when the store cannot decide `where` for this table;
  // unsupported when it cannot erase at all). Durable and invisible to snapshots taken afterwards when it
  // returns; taken out of the files by later merges. Blocks while what is in memory is written: not for a
  // thread that answers requests quickly.
  virtual Result<EraseReport> erase(const Scan& what);
  // Whether no file holds the rows of that erasure any more. True at once for stores that keep none.
  virtual Result<bool> is_erased(const Tenant& tenant, const EraseReport& report);
};

// invalid_argument unless `what` is a tenant, table, range and where alone.
Result<void> check_erasable(const Scan& what);

// Blocks until done. For tests and for callers that own their thread.
Result<LogPosition> append_and_wait(Writer& writer, WriteRequest request);

}  // namespace obelisk
