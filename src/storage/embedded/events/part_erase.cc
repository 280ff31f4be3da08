#include "storage/embedded/events/part_erase.h"

#include "storage/embedded/events/row_group_reader.h"

namespace obelisk {
namespace {

// Not a query: what it holds follows from the size of a row group.
constexpr uint64_t kEraseBudgetBytes = 4ull << 30;

class PartEraser {
 public:
  PartEraser(const EventPartPtr& part, const TimeRange& range, const Expr& where)
      : part_(part), range_(range), where_(where), budget_(kEraseBudgetBytes) {}

  Result<ErasedPart> run(Disk& disk, const std::string& path, const RowGroupLimits& limits) {
    OBELISK_TRY(labels_, part_->labels());
    for (uint32_t group = 0; group < labels_->size(); ++group) {
      decisions_.push_back(decide_by_labels(where_, labels_->labels(group)));
      ranks_.add(labels_->labels(group), labels_->hash(group));
    }
    ranks_.sort();
    OBELISK_CHECK_OK(choose());
    if (chosen_count_ == 0) return ErasedPart::untouched;
    if (chosen_count_ == part_->directory().row_count) return ErasedPart::emptied;
    OBELISK_CHECK_OK(write(disk, path, limits));
    return ErasedPart::rewritten;
  }

 private:
  RowGroupReader reader_of(size_t row_group) {
    return RowGroupReader(part_, static_cast<uint32_t>(row_group), labels_, budget_, counts_);
  }

  // Which rows are chosen, by row group; reads only what `where` reads.
  Result<void> choose() {
    for (size_t i = 0; i < part_->directory().row_groups.size(); ++i) {
      RowGroupReader reader = reader_of(i);
      OBELISK_TRY(RowMask mask, reader.candidates(range_, decisions_));
      if (any_row(mask)) {
        OBELISK_TRY(mask, reader.evaluate(where_, mask));
      }
      chosen_count_ += rows_of(mask).size();
      chosen_.push_back(std::move(mask));
    }
    return {};
  }

  Result<void> write(Disk& disk, const std::string& path, const RowGroupLimits& limits) {
    const EventPartDirectory& directory = part_->directory();
    OBELISK_TRY(std::unique_ptr<PartWriter> writer,
                PartWriter::create(disk, path, directory.table, directory.order_key));
    for (size_t i = 0; i < directory.row_groups.size(); ++i) {
      RowMask left = chosen_[i];
      for (uint8_t& row : left) row = row == 0;
      if (!any_row(left)) continue;
      RowGroupReader reader = reader_of(i);
      OBELISK_TRY(Batch batch, reader.materialise(rows_of(left), nullptr));
      std::vector<BatchPtr> batches{std::make_shared<const Batch>(std::move(batch))};
      std::vector<OrderedRow> rows;
      append_ordered_rows(*batches[0], 0, ranks_, rows);
      OBELISK_CHECK_OK(write_rows(*writer, directory.table, limits, batches, rows, ranks_));
    }
    // Exactly the chosen rows are missing, or the old file stays.
    OBELISK_ASSERT(writer->row_count() + chosen_count_ == directory.row_count);
    OBELISK_TRY(uint64_t bytes, writer->finish());
    (void)bytes;
    return {};
  }

  const EventPartPtr& part_;
  const TimeRange range_;
  const Expr& where_;
  Budget budget_;
  ReadCounts counts_;
  std::shared_ptr<const LabelTable> labels_;
  std::vector<Decision> decisions_;
  LabelRanks ranks_;
  std::vector<RowMask> chosen_;
  uint64_t chosen_count_ = 0;
};

}  // namespace

Result<ErasedPart> erase_from_part(Disk& disk, const std::string& path, const EventPartPtr& part,
                                   const TimeRange& range, const Expr& where, const RowGroupLimits& limits) {
  return PartEraser(part, range, where).run(disk, path, limits);
}

}  // namespace obelisk
