#include "query/logql/row_source.h"

#include <set>

#include "base/hash.h"

namespace obelisk::logql {
namespace {

// A line that a stream has twice at the same time is one line (a request that was sent again). Rows of a time
// ordered scan come instant by instant, so only those of one are remembered: by 128 bits of hash.
class RepeatedRows {
 public:
  bool is_repeated(int64_t time, uint64_t labels_hash, std::string_view line) {
    Hash hash{hash64(line, labels_hash), hash64(line, ~labels_hash)};
    if (time != time_ || empty_) {
      time_ = time;
      empty_ = false;
      first_ = hash;
      if (!others_.empty()) others_.clear();
      return false;
    }
    return hash == first_ || !others_.insert(hash).second;
  }

 private:
  using Hash = std::pair<uint64_t, uint64_t>;
  bool empty_ = true;
  int64_t time_ = 0;
  Hash first_;  // apart, since most instants have one line
  std::set<Hash> others_;
};

// One batch. False: the consumer wants no more.
Result<bool> batch_rows(QueryContext& context, const Batch& batch, uint64_t number, Pipeline& pipeline,
                        RowLabels& labels, RepeatedRows* repeated, ReadStatistics& statistics,
                        const std::function<Result<bool>(const PassedRow&)>& take) {
  constexpr uint64_t kRowsBetweenChecks = 4096;
  const std::vector<int64_t>& times = batch.times();
  const ColumnData* lines = batch.find_fixed(column::kLine);
  MetadataColumns metadata(batch, pipeline.demand());
  for (uint32_t index = 0; index < batch.groups.size(); ++index) {
    const Group& group = batch.groups[index];
    for (size_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
      if (++statistics.rows % kRowsBetweenChecks == 0) OBELISK_CHECK_OK(context.cancel.check());
      if (repeated != nullptr && lines != nullptr &&
          repeated->is_repeated(times[row], group.labels_hash, lines->strings[row])) {
        ++statistics.repeated_rows;
        continue;
      }
      labels.begin(group.labels);
      if (!metadata.empty()) metadata.add_to(labels, row);
      LogRow log_row{times[row], lines == nullptr ? std::string_view() : lines->strings[row], labels};
      statistics.line_bytes += log_row.line.size();
      if (!pipeline.apply(log_row)) continue;
      ++statistics.rows_after_filter;
      OBELISK_TRY(bool go_on, take(PassedRow{log_row, number, index}));
      if (!go_on) return false;
    }
  }
  return true;
}

}  // namespace

Result<void> for_each_row(QueryContext& context, const Scan& scan, Pipeline& pipeline,
                          ReadStatistics& statistics,
                          const std::function<Result<bool>(const PassedRow&)>& take) {
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  RowLabels labels;
  RepeatedRows repeated;
  bool by_time = scan.order != Order::any;
  uint64_t number = 0;
  for (;;) {
    OBELISK_CHECK_OK(context.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    OBELISK_TRY(bool go_on, batch_rows(context, *batch, ++number, pipeline, labels,
                                       by_time ? &repeated : nullptr, statistics, take));
    if (!go_on) break;
  }
  Coverage coverage = cursor->coverage();
  if (!coverage.complete) {
    statistics.complete = false;
    statistics.incomplete_reason = coverage.reason;
  }
  return {};
}

}  // namespace obelisk::logql
