#pragma once
// The store of a query script: `load` lines become samples in it, as appending them would make them.
// Histograms get the reset hint that the sample before them implies, unless the script says gauge.
#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "query/promql/test_series.h"
#include "storage/memory/memory_store.h"

namespace obelisk::promql {

class ScriptLoader {
 public:
  void clear();
  MemoryStore& store() { return *store_; }
  // Point n of each series lies at n * step. `with_custom_buckets`: classic `_bucket` series also become a
  // histogram with custom bounds, under their name without the ending.
  Result<void> load(const std::vector<ScriptSeries>& series, int64_t step_ms, bool with_custom_buckets);

 private:
  void add(BatchBuilder& builder, const ScriptSeries& series, int64_t step_ms);

  std::unique_ptr<MemoryStore> store_ = std::make_unique<MemoryStore>();
  std::map<Labels, HistogramPtr> last_histogram_;
};

}  // namespace obelisk::promql
