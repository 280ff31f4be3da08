// How heads become parts: EventStore's flush.
#include <algorithm>

#include "storage/embedded/events/event_store.h"
#include "storage/embedded/events/row_order.h"
#include "storage/embedded/events/span_pieces.h"

namespace obelisk {

Result<EventStore::Change> EventStore::flush(uint64_t sequence) {
  OBELISK_ASSERT(!flush_open_.exchange(true));
  std::array<std::vector<HeadBatchPtr>, 3> batches;
  std::array<uint64_t, 3> order_keys{};
  {
    MutexLock lock(mutex_);
    // A request that was published after the caller looked may stand in one batch with one before it. Cut
    // there, that batch would stay in the head whole while the log is told that its first rows are in a part.
    sequence = std::max(sequence, settled_);
    for (size_t i = 0; i < heads_.size(); ++i) {
      heads_[i].freeze(sequence);
      batches[i] = heads_[i].frozen_batches();
      order_keys[i] = heads_[i].first_sequence();
    }
  }
  Change change;
  change.through_sequence = sequence;
  change.is_flush = true;
  for (Table table : kEventTables) {
    size_t i = event_table_index(table);
    Result<void> flushed =
        batches[i].empty() ? Result<void>() : flush_table(table, batches[i], order_keys[i], change);
    if (flushed.ok()) continue;
    abandon(change);
    return flushed.error();
  }
  return change;
}

namespace {

std::vector<PackedBatchPtr> packed_batches(const std::vector<HeadBatchPtr>& head) {
  std::vector<PackedBatchPtr> packed;
  packed.reserve(head.size());
  for (const HeadBatchPtr& batch : head) packed.push_back(batch->packed());
  return packed;
}

}  // namespace

Result<void> EventStore::flush_table(Table table, const std::vector<HeadBatchPtr>& head, uint64_t order_key,
                                     Change& change) {
  std::vector<PackedBatchPtr> batches = packed_batches(head);
  LabelRanks ranks;
  size_t row_count = 0;
  for (const PackedBatchPtr& batch : batches) {
    for (const Group& group : batch->groups()) ranks.add(group.labels, group.labels_hash);
    row_count += batch->row_count();
  }
  ranks.sort();
  if (table == Table::spans) {
    OBELISK_TRY(std::optional<SpanPieces> pieces, SpanPieces::make(batches));
    if (pieces) return write_pieces(batches, *pieces, ranks, order_key, change);
  }
  std::vector<OrderedRow> rows;
  rows.reserve(row_count);
  const std::vector<ColumnId> ordering = {fixed_column(column::kTraceId), fixed_column(column::kSpanId)};
  for (uint32_t i = 0; i < batches.size(); ++i) {
    OBELISK_TRY(Batch batch, batches[i]->unpack(&ordering));
    append_ordered_rows(batch, i, ranks, rows);
  }
  if (table == Table::spans) {
    order_spans(rows);
  } else {
    sort_rows(rows);
  }
  auto by_time = [](const OrderedRow& a, const OrderedRow& b) { return a.time < b.time; };
  auto [first, last] = std::minmax_element(rows.begin(), rows.end(), by_time);
  if (first != rows.end() && day_of(first->time) != day_of(last->time)) {
    std::stable_sort(rows.begin(), rows.end(), [](const OrderedRow& a, const OrderedRow& b) {
      return day_of(a.time) < day_of(b.time);
    });
  }
  return write_days(table, batches, rows, ranks, order_key, change);
}

// Spans of one day, piece by piece.
Result<void> EventStore::write_pieces(const std::vector<PackedBatchPtr>& batches, SpanPieces& pieces,
                                      const LabelRanks& ranks, uint64_t order_key, Change& change) {
  std::string name = next_part_name(Table::spans, day_of(pieces.any_time()));
  OBELISK_TRY(std::unique_ptr<PartWriter> writer,
              PartWriter::create(disk_, directory_ + "/" + name, Table::spans, order_key));
  std::vector<OrderedRow> rows;
  for (size_t i = 0; i < pieces.size(); ++i) {
    OBELISK_CHECK_OK(pieces.load(i, ranks, rows));
    PackedRowSource source(batches, pieces.batches_of(i));
    OBELISK_CHECK_OK(write_rows(*writer, Table::spans, options_.row_groups, source, rows, ranks));
  }
  OBELISK_TRY(uint64_t bytes, writer->finish());
  (void)bytes;
  return open_new(name, change);
}

// `rows` by day, and in the order of a part within each.
Result<void> EventStore::write_days(Table table, const std::vector<PackedBatchPtr>& batches,
                                    std::span<const OrderedRow> rows, const LabelRanks& ranks,
                                    uint64_t order_key, Change& change) {
  PackedRowSource source(batches);
  OBELISK_TRY(RowGroupCutter cutter, RowGroupCutter::make(table, options_.row_groups, source));
  struct Day {
    std::span<const OrderedRow> rows;
    std::vector<size_t> ends;
  };
  std::vector<Day> days;
  std::vector<size_t> all_ends;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    while (end < rows.size() && day_of(rows[end].time) == day_of(rows[begin].time)) ++end;
    days.push_back({rows.subspan(begin, end - begin), {}});
    days.back().ends = cutter.cut(days.back().rows);
    for (size_t in_day : days.back().ends) all_ends.push_back(begin + in_day);
    begin = end;
  }
  message::MessageEncoder messages;
  OBELISK_TRY(std::vector<EncodedRowGroup> groups,
              encode_row_groups(table, source, rows, all_ends, messages));
  std::span<EncodedRowGroup> left = groups;
  for (const Day& day : days) {
    OBELISK_CHECK_OK(
        write_day(table, day.rows, day.ends, left.first(day.ends.size()), ranks, order_key, change));
    left = left.subspan(day.ends.size());
  }
  return {};
}

Result<void> EventStore::write_day(Table table, std::span<const OrderedRow> rows,
                                   const std::vector<size_t>& ends, std::span<EncodedRowGroup> groups,
                                   const LabelRanks& ranks, uint64_t order_key, Change& change) {
  std::string name = next_part_name(table, day_of(rows[0].time));
  OBELISK_TRY(std::unique_ptr<PartWriter> writer,
              PartWriter::create(disk_, directory_ + "/" + name, table, order_key));
  for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
    OBELISK_CHECK_OK(
        writer->add_row_group(std::move(groups[i]), rows.subspan(begin, ends[i] - begin), ranks));
  }
  OBELISK_TRY(uint64_t bytes, writer->finish());
  (void)bytes;
  return open_new(name, change);
}

}  // namespace obelisk
