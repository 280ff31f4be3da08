#pragma once
// The times of a row group's rows, whole or read piece by piece (codec/integer_skips.h), and where in rows
// that ascend by time a moment lies. One thread; points into what made it (RowGroupReader).
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "codec/integer_skips.h"
#include "storage/embedded/events/part_format.h"

namespace obelisk {

class RowTimes {
 public:
  explicit RowTimes(const std::vector<int64_t>* whole, bool ascending)
      : whole_(whole), ascending_(ascending) {}
  RowTimes(std::shared_ptr<const void> owner, std::shared_ptr<const IntegerSkips> skips,
           SkippingIntegers pieces)
      : owner_(std::move(owner)), skips_(std::move(skips)), pieces_(std::move(pieces)), ascending_(true) {}

  // Whether the rows of every run ascend by time, as rows of logs are written.
  bool ascending() const { return ascending_; }
  int64_t at(size_t row) { return whole_ != nullptr ? (*whole_)[row] : pieces_->at(row); }
  // The first row in [first, end), rows of one run, with a time not before `time`; `end` when there is none.
  // Looks near `first` first.
  size_t first_not_before(size_t first, size_t end, int64_t time);

 private:
  const std::vector<int64_t>* whole_ = nullptr;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const IntegerSkips> skips_;
  std::optional<SkippingIntegers> pieces_;
  bool ascending_ = false;
};

// Whether the times of every run ascend.
bool runs_ascend(const std::vector<GroupRun>& runs, const std::vector<int64_t>& times);

}  // namespace obelisk
