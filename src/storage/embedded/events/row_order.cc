#include "storage/embedded/events/row_order.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "model/trace_id_order.h"
#include "storage/embedded/events/trace_numbers.h"

namespace obelisk {
namespace {

bool labels_before(LabelsView a, LabelsView b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

TraceId key_of_rank(uint32_t rank) {
  TraceId key;
  for (int i = 0; i < 4; ++i) key.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(rank >> (24 - 8 * i));
  return key;
}

}  // namespace

std::string_view service_of(LabelsView labels) {
  static constexpr std::string_view kNames[] = {"service_name", "service", "app", "job", "container"};
  for (std::string_view name : kNames) {
    if (std::string_view value = label_value(labels, name); !value.empty()) return value;
  }
  return {};
}

void LabelRanks::add(LabelsView labels, uint64_t hash) {
  sorted_.push_back({labels, hash});
}

void LabelRanks::sort() {
  // By hash first: most label sets repeat, and comparing numbers is cheap.
  std::sort(sorted_.begin(), sorted_.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : labels_before(a.labels, b.labels);
  });
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end(),
                            [](const Entry& a, const Entry& b) {
                              return a.hash == b.hash && labels_equal(a.labels, b.labels);
                            }),
                sorted_.end());
  for (Entry& entry : sorted_) entry.service = service_of(entry.labels);
  std::sort(sorted_.begin(), sorted_.end(), [](const Entry& a, const Entry& b) {
    return a.service != b.service ? a.service < b.service : labels_before(a.labels, b.labels);
  });
  by_hash_.clear();
  for (uint32_t rank = 0; rank < sorted_.size(); ++rank) by_hash_.push_back({sorted_[rank].hash, rank});
  std::sort(by_hash_.begin(), by_hash_.end());
}

uint32_t LabelRanks::rank(LabelsView labels, uint64_t hash) const {
  auto it = std::lower_bound(by_hash_.begin(), by_hash_.end(), std::pair(hash, uint32_t{0}));
  while (it != by_hash_.end() && it->first == hash && !labels_equal(sorted_[it->second].labels, labels)) ++it;
  OBELISK_ASSERT(it != by_hash_.end() && it->first == hash);
  return it->second;
}

void append_ordered_rows(const Batch& batch, uint32_t index, const LabelRanks& ranks,
                         std::vector<OrderedRow>& rows) {
  if (batch.row_count == 0) return;
  const std::vector<int64_t>& times = batch.times();
  const ColumnData* traces = nullptr;
  const ColumnData* spans = nullptr;
  if (batch.table == Table::spans) {
    traces = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
    spans = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
  }
  for (const Group& group : batch.groups) {
    uint32_t rank = ranks.rank(group.labels, group.labels_hash);
    TraceId key = batch.table == Table::spans ? TraceId{} : key_of_rank(rank);
    for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
      OrderedRow ordered;
      ordered.key = traces != nullptr ? traces->trace_ids[row] : key;
      ordered.time = times[row];
      ordered.span_id = spans != nullptr ? static_cast<uint64_t>(spans->ints[row]) : 0;
      ordered.group = rank;
      ordered.ref = {index, row};
      rows.push_back(ordered);
    }
  }
}

void sort_rows(std::vector<OrderedRow>& rows) {
  auto before = [](const OrderedRow& a, const OrderedRow& b) { return a.before(b); };
  // Few streams, each nearly in order already: rows are dealt out to their streams, which are sorted where
  // they must.
  uint32_t last = 0;
  for (const OrderedRow& row : rows) last = std::max(last, row.group);
  std::vector<size_t> starts(size_t{last} + 2);
  for (const OrderedRow& row : rows) ++starts[row.group + 1];
  for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<size_t> next(starts.begin(), starts.end() - 1);
  std::vector<OrderedRow> dealt(rows.size());
  for (const OrderedRow& row : rows) dealt[next[row.group]++] = row;
  rows = std::move(dealt);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    auto begin = rows.begin() + static_cast<ptrdiff_t>(starts[i]);
    auto end = rows.begin() + static_cast<ptrdiff_t>(starts[i + 1]);
    if (!std::is_sorted(begin, end, before)) std::stable_sort(begin, end, before);
  }
}

int64_t trace_window_of(int64_t time) {
  return time / kTraceWindowNanos - (time % kTraceWindowNanos < 0 ? 1 : 0);
}

namespace {

struct TraceRows {
  TraceId id;
  int64_t begin = 0;
  int64_t window = 0;
  uint32_t row_count = 0;
  uint32_t next = 0;  // where its next row goes
};

// Sorts the traces, and gives each the place of its first row.
void place_traces(std::vector<TraceRows>& traces) {
  std::vector<uint32_t> order(traces.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return traces[a].window != traces[b].window ? traces[a].window < traces[b].window
                                                : trace_before(traces[a].id, traces[b].id);
  });
  uint32_t start = 0;
  for (uint32_t number : order) {
    traces[number].next = start;
    start += traces[number].row_count;
  }
}

// Rows that were dealt out to their traces, each trace's in order.
void sort_within_traces(const std::vector<TraceRows>& traces, std::vector<OrderedRow>& rows) {
  auto before = [](const OrderedRow& a, const OrderedRow& b) {
    return a.time != b.time ? a.time < b.time : a.span_id < b.span_id;
  };
  for (const TraceRows& trace : traces) {
    auto end = rows.begin() + trace.next, begin = end - trace.row_count;
    if (!std::is_sorted(begin, end, before)) std::stable_sort(begin, end, before);
  }
}

}  // namespace

// Traces are sorted, and rows dealt out to them: a trace has some ten rows, mostly in order already.
void order_spans(std::vector<OrderedRow>& rows) {
  auto before = [](const OrderedRow& a, const OrderedRow& b) { return a.before(b); };
  TraceNumbers numbers;
  std::vector<TraceRows> traces;
  std::vector<uint32_t> trace_of(rows.size());
  bool all_have_traces = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    all_have_traces = all_have_traces && !rows[i].key.is_none();
    trace_of[i] = numbers.number_of(rows[i].key);
    if (trace_of[i] == traces.size())
      traces.push_back({rows[i].key, std::numeric_limits<int64_t>::max(), 0, 0, 0});
    TraceRows& trace = traces[trace_of[i]];
    trace.begin = std::min(trace.begin, rows[i].time);
    ++trace.row_count;
  }
  for (TraceRows& trace : traces) trace.window = trace_window_of(trace.begin);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i].window = rows[i].key.is_none() ? trace_window_of(rows[i].time) : traces[trace_of[i]].window;
  if (!all_have_traces) return std::stable_sort(rows.begin(), rows.end(), before);
  place_traces(traces);
  std::vector<OrderedRow> dealt(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) dealt[traces[trace_of[i]].next++] = rows[i];
  rows = std::move(dealt);
  sort_within_traces(traces, rows);
}

}  // namespace obelisk
