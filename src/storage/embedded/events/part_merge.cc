#include "storage/embedded/events/part_merge.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "storage/embedded/events/row_group_reader.h"
#include "storage/embedded/events/trace_overlap.h"

namespace obelisk {
namespace {

// Merging is not a query: its memory follows from the size of row groups and the number of inputs.
constexpr uint64_t kMergeBudgetBytes = 4ull << 30;

// The rows of consecutive row groups of one part, in sorted order.
struct Input {
  EventPartPtr part;
  std::shared_ptr<const LabelTable> labels;
  size_t next_row_group = 0;
  size_t end_row_group = 0;
  BatchPtr batch;
  std::vector<OrderedRow> rows;
  size_t at = 0;
};

class Merger {
 public:
  Merger(const std::vector<EventPartPtr>& parts, const RowGroupLimits& limits, PartWriter& writer)
      : parts_(parts),
        limits_(limits),
        writer_(writer),
        table_(parts[0]->directory().table),
        budget_(kMergeBudgetBytes) {}

  Result<void> run() {
    for (const EventPartPtr& part : parts_) {
      OBELISK_TRY(std::shared_ptr<const LabelTable> labels, part->labels());
      for (uint32_t group = 0; group < labels->size(); ++group)
        ranks_.add(labels->labels(group), labels->hash(group));
      labels_.push_back(std::move(labels));
    }
    ranks_.sort();
    if (table_ == Table::logs) return merge_small_copy_large();
    for (size_t i = 0; i < parts_.size(); ++i)
      inputs_.push_back({parts_[i], labels_[i], 0, parts_[i]->directory().row_groups.size(), nullptr, {}, 0});
    return merge_inputs();
  }

 private:
  static uint64_t stored_bytes(const RowGroupInfo& group) {
    uint64_t bytes = 0;
    for (const ChunkInfo& chunk : group.chunks) bytes += chunk.length;
    return bytes;
  }

  bool is_large(const RowGroupInfo& group) const {
    return group.row_count * 2 >= limits_.rows_of(table_, group.chunks.size()) ||
           stored_bytes(group) >= kCopiedRowGroupBytes;
  }

  Result<void> merge_small_copy_large() {
    uint64_t small_rows = 0, small_bytes = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const EventPartDirectory& directory = parts_[i]->directory();
      for (size_t row_group = 0; row_group < directory.row_groups.size(); ++row_group) {
        if (is_large(directory.row_groups[row_group])) {
          OBELISK_CHECK_OK(merge_inputs());
          small_rows = small_bytes = 0;
          OBELISK_CHECK_OK(writer_.copy_row_group(*parts_[i], row_group, *labels_[i]));
          continue;
        }
        inputs_.push_back({parts_[i], labels_[i], row_group, row_group + 1, nullptr, {}, 0});
        small_rows += directory.row_groups[row_group].row_count;
        small_bytes += stored_bytes(directory.row_groups[row_group]);
        // Bytes too: few wide lines that compress well are decoded at once.
        if (small_rows < limits_.log_rows && small_bytes < 2 * kCopiedRowGroupBytes) continue;
        OBELISK_CHECK_OK(merge_inputs());
        small_rows = small_bytes = 0;
      }
    }
    return merge_inputs();
  }

  // Everything in inputs_, which is empty afterwards.
  Result<void> merge_inputs() {
    // More than one row group at a time, so that their size is cut by write_rows and not by what the inputs
    // had.
    size_t rows_at_once = 2 * limits_.rows_of(table_, 1);
    for (bool more = !inputs_.empty(); more;) {
      OBELISK_TRY(more, take(rows_at_once));
      OBELISK_CHECK_OK(write(more));
    }
    inputs_.clear();
    return {};
  }

  // Moves the smallest rows to `pending_` until there are enough; false at the end of all inputs.
  Result<bool> take(size_t rows) {
    while (pending_.size() < rows && pending_text_ < limits_.text_bytes) {
      Input* smallest = nullptr;
      for (Input& input : inputs_) {
        if (input.at == input.rows.size()) OBELISK_CHECK_OK(refill(input));
        if (input.at == input.rows.size()) continue;
        if (smallest == nullptr || input.rows[input.at].before(smallest->rows[smallest->at]))
          smallest = &input;
      }
      if (smallest == nullptr) return false;
      pending_.push_back(smallest->rows[smallest->at++]);
    }
    return true;
  }

  Result<void> refill(Input& input) {
    input.rows.clear();
    input.at = 0;
    if (input.next_row_group == input.end_row_group) return {};
    ReadCounts counts;
    RowGroupReader reader(input.part, static_cast<uint32_t>(input.next_row_group++), input.labels, budget_,
                          counts);
    std::vector<uint32_t> rows(reader.info().row_count);
    for (uint32_t row = 0; row < rows.size(); ++row) rows[row] = row;
    OBELISK_TRY(Batch batch, reader.materialise(rows, nullptr));
    input.batch = std::make_shared<const Batch>(std::move(batch));
    uint32_t index = static_cast<uint32_t>(batches_.size());
    batches_.push_back(input.batch);
    append_ordered_rows(*input.batch, index, ranks_, input.rows);
    for (const ColumnData& data : input.batch->columns) {
      for (std::string_view text : data.strings) pending_text_ += text.size();
    }
    return {};
  }

  Result<void> write(bool more) {
    if (pending_.empty()) return {};
    OBELISK_CHECK_OK(write_rows(writer_, table_, limits_, batches_, pending_, ranks_));
    pending_.clear();
    pending_text_ = 0;
    batches_.clear();
    if (!more) return {};
    // What the inputs still hold gets new numbers.
    for (Input& input : inputs_) {
      if (input.at == input.rows.size()) continue;
      uint32_t index = static_cast<uint32_t>(batches_.size());
      batches_.push_back(input.batch);
      for (size_t i = input.at; i < input.rows.size(); ++i) input.rows[i].ref.batch = index;
    }
    return {};
  }

  const std::vector<EventPartPtr>& parts_;
  std::vector<std::shared_ptr<const LabelTable>> labels_;
  const RowGroupLimits& limits_;
  PartWriter& writer_;
  const Table table_;
  Budget budget_;
  LabelRanks ranks_;
  std::vector<Input> inputs_;
  std::vector<BatchPtr> batches_;
  std::vector<OrderedRow> pending_;
  size_t pending_text_ = 0;
};

}  // namespace

namespace {

// Row groups with fewer rows than this are put together again.
constexpr uint64_t kSmallRowGroupRows = 2048;
// Rows that are sorted in memory.
constexpr uint64_t kSortedRowsMax = 256 << 10;

// Whether the row groups of the inputs are so small that they are worth decoding.
bool are_small(const std::vector<EventPartPtr>& inputs, const RowGroupLimits& limits) {
  uint64_t rows = 0, row_groups = 0, columns = 0;
  for (const EventPartPtr& input : inputs) {
    rows += input->directory().row_count;
    row_groups += input->directory().row_groups.size();
    columns = std::max<uint64_t>(columns, input->directory().columns.size());
  }
  uint64_t small = std::min<uint64_t>(kSmallRowGroupRows, limits.rows_of(Table::spans, columns) / 4);
  return rows <= kSortedRowsMax && rows < row_groups * small;
}

// Spans lie by when their trace began, so parts that came one after the other hardly overlap: their row
// groups are taken over as they are stored, in the order of time.
Result<void> concatenate(const std::vector<EventPartPtr>& inputs, PartWriter& writer) {
  OBELISK_TRY(std::shared_ptr<const TraceOverlap> overlap, find_trace_overlap(inputs));
  struct Source {
    size_t input;
    uint32_t row_group;
    int64_t min_time;
  };
  std::vector<Source> sources;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const EventPartDirectory& directory = inputs[i]->directory();
    // A row group never goes before one of its own part: a trace over two of them stays together.
    int64_t latest = std::numeric_limits<int64_t>::min();
    for (uint32_t group = 0; group < directory.row_groups.size(); ++group) {
      latest = std::max(latest, directory.row_groups[group].min_time);
      sources.push_back({i, group, latest});
    }
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.min_time < b.min_time; });
  std::vector<std::vector<uint32_t>> moved_to(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) moved_to[i].resize(inputs[i]->directory().row_groups.size());
  for (const Source& source : sources) {
    moved_to[source.input][source.row_group] = static_cast<uint32_t>(writer.row_group_count());
    OBELISK_TRY(std::shared_ptr<const LabelTable> labels, inputs[source.input]->labels());
    bool may_repeat = overlap->row_groups[source.input][source.row_group] != 0;
    OBELISK_CHECK_OK(writer.copy_row_group(*inputs[source.input], source.row_group, *labels, may_repeat));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    OBELISK_TRY(auto entries, inputs[i]->trace_entries());
    for (const auto& [key, row_group] : entries) {
      if (row_group >= moved_to[i].size())
        return make_error(ErrorCode::corrupt, inputs[i]->name() + ": trace index: row group out of range");
      writer.add_trace(key, moved_to[i][row_group]);
    }
  }
  return {};
}

// Few rows: all in memory, sorted as a flush does it.
Result<void> sort_again(const std::vector<EventPartPtr>& inputs, const RowGroupLimits& limits,
                        PartWriter& writer) {
  Budget budget(kMergeBudgetBytes);
  std::vector<BatchPtr> batches;
  LabelRanks ranks;
  for (const EventPartPtr& input : inputs) {
    OBELISK_TRY(std::shared_ptr<const LabelTable> labels, input->labels());
    for (uint32_t group = 0; group < labels->size(); ++group)
      ranks.add(labels->labels(group), labels->hash(group));
    for (uint32_t group = 0; group < input->directory().row_groups.size(); ++group) {
      ReadCounts counts;
      RowGroupReader reader(input, group, labels, budget, counts);
      std::vector<uint32_t> rows(reader.info().row_count);
      std::iota(rows.begin(), rows.end(), 0u);
      OBELISK_TRY(Batch batch, reader.materialise(rows, nullptr));
      batches.push_back(std::make_shared<const Batch>(std::move(batch)));
    }
  }
  ranks.sort();
  std::vector<OrderedRow> rows;
  for (uint32_t i = 0; i < batches.size(); ++i) append_ordered_rows(*batches[i], i, ranks, rows);
  order_spans(rows);
  return write_rows(writer, Table::spans, limits, batches, rows, ranks);
}

}  // namespace

Result<uint64_t> merge_parts(Disk& disk, const std::string& path, const std::vector<EventPartPtr>& inputs,
                             const RowGroupLimits& limits) {
  OBELISK_ASSERT(!inputs.empty());
  const EventPartDirectory& first = inputs[0]->directory();
  OBELISK_TRY(std::unique_ptr<PartWriter> writer,
              PartWriter::create(disk, path, first.table, first.order_key));
  if (first.table != Table::spans) {
    OBELISK_CHECK_OK(Merger(inputs, limits, *writer).run());
  } else if (are_small(inputs, limits)) {
    OBELISK_CHECK_OK(sort_again(inputs, limits, *writer));
  } else {
    OBELISK_CHECK_OK(concatenate(inputs, *writer));
  }
  uint64_t rows = 0;
  for (const EventPartPtr& input : inputs) rows += input->directory().row_count;
  OBELISK_ASSERT(writer->row_count() == rows);
  return writer->finish();
}

std::vector<size_t> choose_merge(const std::vector<EventPartPtr>& parts, const MergePolicy& policy) {
  auto tier_of = [](uint64_t bytes) {  // sizes within a factor of four
    int tier = 0;
    for (bytes >>= 16; bytes > 0; bytes >>= 2) ++tier;
    return tier;
  };
  for (size_t first = 0; first < parts.size(); ++first) {
    std::vector<size_t> chosen;
    uint64_t bytes = 0, rows = 0;
    int tier = tier_of(parts[first]->directory().file_bytes);
    for (size_t i = first; i < parts.size() && chosen.size() < policy.parts_max; ++i) {
      const EventPartDirectory& directory = parts[i]->directory();
      if (tier_of(directory.file_bytes) > tier || bytes + directory.file_bytes > policy.bytes_max ||
          rows + directory.row_count > policy.rows_max) {
        break;
      }
      bytes += directory.file_bytes;
      rows += directory.row_count;
      chosen.push_back(i);
    }
    if (chosen.size() >= policy.parts_min) return chosen;
  }
  return {};
}

}  // namespace obelisk
