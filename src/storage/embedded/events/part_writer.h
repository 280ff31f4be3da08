#pragma once
// Writes one event part, row group by row group, then its labels, trace index and directory. The rows must
// come in the order of row_order.h. The file is complete and synced after finish(); before that it is
// nothing, and removed when the writer goes away. One thread.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/disk.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/label_table.h"
#include "storage/embedded/events/message/message_encode.h"
#include "storage/embedded/events/part_format.h"
#include "storage/embedded/events/row_group_encode.h"
#include "storage/embedded/events/row_order.h"
#include "storage/embedded/events/row_source.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {

// How many rows go into a row group. Logs want large ones (text compresses across lines, and column headers
// are paid once); spans and exemplars small ones (a trace is read by its row group).
struct RowGroupLimits {
  size_t log_rows = 64 << 10;
  size_t span_rows = 4 << 10;
  // Text of a row group: bounds what reading one can cost.
  size_t text_bytes = 32 << 20;
  // Rows times columns: attribute names may be many.
  size_t cells = 4 << 20;

  size_t rows_of(Table table, size_t column_count) const;
};

class PartWriter {
 public:
  static Result<std::unique_ptr<PartWriter>> create(Disk& disk, std::string path, Table table,
                                                    uint64_t order_key);
  ~PartWriter();

  // `encoded` are the columns of `rows`; `ranks` names their groups. At most kRowGroupRowsMax.
  Result<void> add_row_group(EncodedRowGroup encoded, std::span<const OrderedRow> rows,
                             const LabelRanks& ranks);
  // A row group of another part as it is: its bytes are checked and copied, nothing is decoded. Of a part
  // with a trace index its traces are added with add_trace. `may_repeat`: it holds a trace that is in other
  // row groups too, and not directly before or after.
  Result<void> copy_row_group(const EventPart& part, size_t row_group, const LabelTable& labels,
                              bool may_repeat = false);
  void add_trace(uint64_t key, uint32_t row_group) { traces_.add_key(key, row_group); }
  size_t row_group_count() const { return directory_.row_groups.size(); }
  // The part's file size. Nothing may be added afterwards.
  Result<uint64_t> finish();
  uint64_t row_count() const { return directory_.row_count; }
  // Its buffers serve all row groups.
  message::MessageEncoder& messages() { return messages_; }

 private:
  PartWriter(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  uint32_t column_number(const PartColumn& wanted);
  Result<void> finish_row_group(RowGroupInfo group, std::string_view bytes);
  void add_runs(std::span<const OrderedRow> rows, const LabelRanks& ranks, RowGroupInfo& group);
  Result<void> append(std::string_view bytes);
  void watch_spans(std::span<const OrderedRow> rows);
  void end_trace();

  Disk& disk_;
  const std::string path_;
  std::unique_ptr<File> file_;
  bool finished_ = false;
  uint64_t offset_ = 0;
  EventPartDirectory directory_;
  std::vector<std::pair<PartColumn, uint32_t>> column_numbers_;  // sorted by column
  LabelTableBuilder labels_;
  TraceIndexBuilder traces_;
  message::MessageEncoder messages_;
  // Span ids of the trace whose rows were added last, and where they begin: to find repeated ones.
  TraceId open_trace_;
  std::vector<uint64_t> open_span_ids_;
  size_t open_row_group_ = 0;
};

// Where row groups end.
class RowGroupCutter {
 public:
  // `limits` and `source` outlive it.
  static Result<RowGroupCutter> make(Table table, const RowGroupLimits& limits, RowSource& source);
  // Positions in `rows` (sorted), the last one its size.
  std::vector<size_t> cut(std::span<const OrderedRow> rows) const;

 private:
  RowGroupCutter(Table table, const RowGroupLimits& limits, const RowSource& source)
      : table_(table), limits_(limits), source_(source) {}

  Table table_;
  const RowGroupLimits& limits_;
  const RowSource& source_;
  std::vector<uint32_t> text_bytes_;  // by flat row; empty: no row group can have too much
};

// Writes `rows` (sorted) into row groups of the right size. What it holds of them beside the source is their
// coded form.
Result<void> write_rows(PartWriter& writer, Table table, const RowGroupLimits& limits, RowSource& source,
                        std::span<const OrderedRow> rows, const LabelRanks& ranks);
Result<void> write_rows(PartWriter& writer, Table table, const RowGroupLimits& limits,
                        const std::vector<BatchPtr>& batches, std::span<const OrderedRow> rows,
                        const LabelRanks& ranks);

}  // namespace obelisk
