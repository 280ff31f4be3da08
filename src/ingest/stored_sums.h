#pragma once
// The newest stored sample of series: where the sums of delta series go on after a start of the server
// (delta_to_cumulative.h). Blocks on the store: an exact look-up a series, or one scan a metric where many of
// its series are asked for. Thread safe.
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "model/labels.h"
#include "model/tenant.h"
#include "storage/reader.h"

namespace obelisk {

struct StoredSum {
  int64_t time = 0;
  int64_t start_time = 0;
  double value = 0;
  std::string histogram;  // encoded; empty for a value
};

class StoredSums {
 public:
  explicit StoredSums(Reader& reader) : reader_(reader) {}

  // Of each of these series that has a sample at `from` or later, the newest; not of those whose newest has
  // no start time (nothing of ours) or is a stale marker (the sum has ended).
  Result<std::unordered_map<Labels, StoredSum>> newest(const Tenant& tenant,
                                                       const std::vector<Labels>& series,
                                                       UnixNanos from) const;

 private:
  Result<void> read(const Tenant& tenant, Expr where, UnixNanos from,
                    std::unordered_map<Labels, StoredSum>& found) const;

  Reader& reader_;
};

}  // namespace obelisk
