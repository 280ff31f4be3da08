#pragma once
// The data of a query script: `load` lines become samples of a store, as appending them would make them.
// Histograms get the reset hint that the sample before them implies, unless the script says gauge. A load is
// written in several requests, one after the other in time, so that stores which flush have several parts.
#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "query/promql/test_series.h"
#include "query/promql/test_store.h"

namespace obelisk::promql {

class ScriptLoader {
 public:
  explicit ScriptLoader(ScriptStoreFactory stores) : stores_(std::move(stores)) {}

  // Forgets everything. Also called before the first load.
  Result<void> clear();
  Reader& reader() { return store_->reader(); }
  // Point n of each series lies at n * step; series of start times (`name@st`) belong to the samples of the
  // series of their labels. `with_custom_buckets`: classic `_bucket` series also become a histogram with
  // custom bounds, under their name without the ending.
  Result<void> load(const std::vector<ScriptSeries>& series, int64_t step_ms, bool with_custom_buckets);

 private:
  struct Starts {
    std::map<Labels, const ScriptSeries*> of;
  };
  Result<void> write(const std::vector<ScriptSeries>& series, const Starts& starts, int64_t step_ms,
                     size_t begin, size_t end);
  void add(BatchBuilder& builder, const ScriptSeries& series, const ScriptSeries* starts, int64_t step_ms,
           size_t begin, size_t end);

  ScriptStoreFactory stores_;
  std::unique_ptr<ScriptStore> store_;
  std::map<Labels, HistogramPtr> last_histogram_;
};

}  // namespace obelisk::promql
