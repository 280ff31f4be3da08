#pragma once
// The brute-force store: every batch in a vector, every predicate applied row by row. It implements Reader
// and Writer with as little cleverness as possible, so that it can be the oracle of the embedded engine and
// of every query script. Nothing is durable, nothing is bounded. Thread safe.
//
// Rules it fixes for every store:
// * samples: of two rows of one series with the same time, the one appended last is returned, and only that
// one;
// * metadata: all rows; the reader of the table decides (last one wins);
// * logs, spans and exemplars: every appended row is returned once for each time it was appended.
#include <map>
#include <vector>

#include "base/thread_annotations.h"
#include "storage/reader.h"
#include "storage/writer.h"

namespace obelisk {

class MemoryStore : public Reader, public Writer {
 public:
  void append(WriteRequest request, Done done) override;
  Result<EraseReport> erase(const Scan& what) override;

  Result<Snapshot> snapshot(const Tenant& tenant) override;
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override;
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override;
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override;
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override;
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override;

 private:
  struct Stored {
    uint64_t sequence;
    BatchPtr batch;
  };

  std::vector<BatchPtr> visible(const Snapshot& at, const Scan& scan);

  Mutex mutex_;
  uint64_t sequence_ GUARDED_BY(mutex_) = 0;
  std::map<std::pair<Tenant, Table>, std::vector<Stored>> tables_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
