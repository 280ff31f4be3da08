#pragma once
// Rows of one request, or of several small ones, that are not in a part yet. They stay as the log has them
// (plan/packed_batch.h), a seventh of the memory of columns, and are decoded by those who read them.
// Immutable; safe from any thread.
#include <memory>
#include <span>
#include <vector>

#include "plan/packed_batch.h"
#include "storage/embedded/events/label_filter.h"

namespace obelisk {

using PackedBatchPtr = std::shared_ptr<const PackedBatch>;

class HeadBatch {
 public:
  // Fewer groups are asked one by one.
  static constexpr size_t kFilteredGroupsMin = 256;

  // The batch must have been checked (PackedBatch::check), or come from encode_batch.
  explicit HeadBatch(PackedBatchPtr packed);
  // `batch` in packed form.
  static std::shared_ptr<const HeadBatch> pack(const Batch& batch);
  // The rows of all, one after the other.
  static std::shared_ptr<const HeadBatch> join(std::span<const std::shared_ptr<const HeadBatch>> batches);

  Table table() const { return table_; }
  size_t row_count() const { return row_count_; }
  // Of the rows, when there are any.
  int64_t min_time() const { return min_time_; }
  int64_t max_time() const { return max_time_; }
  size_t memory_bytes() const { return memory_bytes_; }
  const PackedBatchPtr& packed() const { return packed_; }
  // Without knowledge where the groups are few.
  const LabelFilter& label_filter() const { return label_filter_; }

  // The rows with the columns in `wanted` (null: all) and the time.
  BatchPtr batch(const std::vector<ColumnId>* wanted) const;
  // The same of these rows (ascending).
  BatchPtr rows(const std::vector<uint32_t>& rows, const std::vector<ColumnId>* wanted) const;

 private:
  void note_times(const std::vector<int64_t>& times);

  Table table_;
  size_t row_count_;
  int64_t min_time_ = 0;
  int64_t max_time_ = 0;
  size_t memory_bytes_ = 0;
  PackedBatchPtr packed_;
  LabelFilter label_filter_;
};

using HeadBatchPtr = std::shared_ptr<const HeadBatch>;

}  // namespace obelisk
