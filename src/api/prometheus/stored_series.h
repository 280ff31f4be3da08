#pragma once
// The samples of selected series as they are stored, sorted by labels: what remote read and federation give
// away. Everything is held in memory, which the query's budget bounds. Not thread safe.
#include <deque>
#include <vector>

#include "api/request/context.h"
#include "model/histogram.h"
#include "plan/batch.h"
#include "plan/expression.h"

namespace obelisk::prometheus_api {

// A sample: a histogram when it is not null.
struct StoredPoint {
  int64_t time_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;
};

class StoredSeries {
 public:
  // All series with samples in the range that fit `where`.
  static Result<StoredSeries> load(Reader& reader, QueryRun& run, Expr where, TimeRange range);

  size_t size() const { return series_.size(); }
  LabelsView labels(size_t index) const { return series_[index].group->labels; }
  // In ascending time; of several within one millisecond the last. Histograms live as long as this object, or
  // until forget_histograms().
  Result<std::vector<StoredPoint>> points(size_t index);
  // The last sample only.
  Result<StoredPoint> last_point(size_t index);
  void forget_histograms() { histograms_.clear(); }

 private:
  struct Series {
    const Batch* batch = nullptr;
    const Group* group = nullptr;
  };

  Result<StoredPoint> point_at(const Batch& batch, uint32_t row);

  std::vector<BatchPtr> batches_;
  std::vector<Series> series_;
  std::deque<Histogram> histograms_;
};

}  // namespace obelisk::prometheus_api
