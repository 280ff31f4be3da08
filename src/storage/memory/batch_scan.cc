#include "storage/memory/batch_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "plan/read_progress.h"
#include "plan/row_copy.h"
#include "storage/row_sort.h"

namespace obelisk {
namespace {

// Returns batches that are ready.
class ReadyCursor : public Cursor {
 public:
  ReadyCursor(std::vector<BatchPtr> batches, Coverage coverage)
      : batches_(std::move(batches)), coverage_(std::move(coverage)) {}
  Result<BatchPtr> next() override { return at_ < batches_.size() ? batches_[at_++] : BatchPtr(); }
  Coverage coverage() const override { return coverage_; }

 private:
  std::vector<BatchPtr> batches_;
  Coverage coverage_;
  size_t at_ = 0;
};

std::vector<RowRef> matching_rows(const std::vector<BatchPtr>& batches, const Scan& scan) {
  std::vector<RowRef> rows;
  for (uint32_t index = 0; index < batches.size(); ++index) {
    const Batch& batch = *batches[index];
    if (batch.row_count == 0) continue;
    std::vector<uint8_t> keep = evaluate(scan.where, batch);
    const std::vector<int64_t>& times = batch.times();
    for (uint32_t row = 0; row < batch.row_count; ++row) {
      if (keep[row] && scan.range.contains({times[row]})) rows.push_back({index, row});
    }
  }
  return rows;
}

// Sorts the rows by series, then time; of equal samples the last appended stays.
Batch gather_series(const std::vector<BatchPtr>& batches, const std::vector<RowRef>& rows, const Scan& scan,
                    const std::vector<ColumnId>* wanted) {
  std::map<Labels, std::vector<RowRef>> series;
  for (const RowRef& ref : rows) {
    const Batch& batch = *batches[ref.batch];
    auto group = std::upper_bound(batch.groups.begin(), batch.groups.end(), ref.row,
                                  [](uint32_t row, const Group& g) { return row < g.first_row; });
    series[Labels((group - 1)->labels)].push_back(ref);
  }
  BatchBuilder builder(scan.table);
  for (const BatchPtr& batch : batches) builder.keep_alive(batch);
  RowCopier copier(builder, wanted, false);
  uint64_t taken = 0;
  for (auto& [labels, refs] : series) {
    if (scan.limit != 0 && taken++ == scan.limit) break;
    auto time_of = [&](const RowRef& ref) { return batches[ref.batch]->times()[ref.row]; };
    std::stable_sort(refs.begin(), refs.end(), [&](auto& a, auto& b) { return time_of(a) < time_of(b); });
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    for (size_t i = 0; i < refs.size(); ++i) {
      bool superseded =
          scan.table == Table::samples && i + 1 < refs.size() && time_of(refs[i]) == time_of(refs[i + 1]);
      if (!superseded) copier.copy(*batches[refs[i].batch], refs[i].row);
    }
  }
  return builder.finish();
}

struct Trace {
  std::vector<RowRef> rows;
  bool in_range = false;
  std::vector<uint8_t> marked;  // one a mark, set when a row in range has it
};

Batch gather_traces(const std::vector<BatchPtr>& batches, const Scan& scan,
                    const std::vector<ColumnId>* wanted) {
  std::map<TraceId, Trace> traces;
  std::vector<std::vector<std::vector<uint8_t>>> marks(batches.size());
  for (uint32_t index = 0; index < batches.size(); ++index) {
    const Batch& batch = *batches[index];
    const ColumnData* ids = batch.find_fixed(column::kTraceId);
    if (ids == nullptr) continue;
    for (const Expr& mark : scan.marks) marks[index].push_back(evaluate(mark, batch));
    for (uint32_t row = 0; row < batch.row_count; ++row) {
      if (ids->trace_ids[row].is_none()) continue;  // belongs to no trace
      Trace& trace = traces[ids->trace_ids[row]];
      trace.marked.resize(scan.marks.size());
      trace.rows.push_back({index, row});
      if (!scan.range.contains({batch.times()[row]})) continue;
      trace.in_range = true;
      for (size_t i = 0; i < scan.marks.size(); ++i) trace.marked[i] |= marks[index][i][row];
    }
  }
  BatchBuilder builder(scan.table);
  for (const BatchPtr& batch : batches) builder.keep_alive(batch);
  RowCopier copier(builder, wanted, false);
  uint64_t taken = 0;
  for (auto& entry : traces) {
    auto& trace = entry.second;  // by a name that lambdas may take: clang 14 gives them no structured binding
    bool asked = trace.in_range && std::all_of(scan.require_marks.begin(), scan.require_marks.end(),
                                               [&](uint32_t mark) { return trace.marked[mark] != 0; });
    if (!asked) continue;
    if (scan.limit != 0 && taken++ == scan.limit) break;
    auto key = [&](const RowRef& ref) {
      const Batch& batch = *batches[ref.batch];
      const ColumnData* span = batch.find_fixed(column::kSpanId);
      return std::pair(batch.times()[ref.row],
                       span == nullptr ? uint64_t{0} : static_cast<uint64_t>(span->ints[ref.row]));
    };
    std::stable_sort(trace.rows.begin(), trace.rows.end(), [&](auto& a, auto& b) { return key(a) < key(b); });
    builder.begin_group({});
    for (const RowRef& ref : trace.rows) {
      copier.copy(*batches[ref.batch], ref.row);
      for (size_t i = 0; i < scan.marks.size(); ++i) {
        builder.set_int(Scope::fixed, mark_column_name(i), marks[ref.batch][i][ref.row], ColumnType::boolean);
      }
    }
  }
  return builder.finish();
}

// A line that a stream has twice at the same time, with the same metadata, is one line (a request that was
// sent again).
void drop_repeated_lines(const std::vector<BatchPtr>& batches, std::vector<RowRef>& rows) {
  std::set<std::tuple<uint64_t, int64_t, uint64_t, uint64_t>> seen;
  std::erase_if(rows, [&](const RowRef& ref) {
    const Batch& batch = *batches[ref.batch];
    auto after = std::upper_bound(batch.groups.begin(), batch.groups.end(), ref.row,
                                  [](uint32_t row, const Group& group) { return row < group.first_row; });
    Hash128 hash = hash_of_row(batch, ref.row);
    return !seen.insert({(after - 1)->labels_hash, batch.times()[ref.row], hash.low, hash.high}).second;
  });
}

}  // namespace

Hash128 hash_of_row(const Batch& batch, size_t row) {
  Hash128 sum;  // columns may come in any order
  for (const ColumnData& data : batch.columns) {
    if (!data.is_present(row) || data.id == fixed_column(column::kTime)) continue;
    uint64_t seed =
        hash64(data.id.name, static_cast<uint64_t>(data.id.scope) << 8 | static_cast<uint64_t>(data.type));
    std::string text = column_value_text(data, row);
    sum.low += hash64(text, seed);
    sum.high += hash64(text, ~seed);
  }
  return sum;
}

Result<std::unique_ptr<Cursor>> scan_batches(std::vector<BatchPtr> batches, const Scan& scan, Budget& budget,
                                             const Cancel& cancel) {
  OBELISK_CHECK_OK(cancel.check());
  std::erase_if(batches, [](const BatchPtr& batch) { return batch->row_count == 0; });
  std::vector<ColumnId> columns = scan.columns;
  if (scan.unit == Unit::trace) {
    columns.push_back(fixed_column(column::kTraceId));
    columns.push_back(fixed_column(column::kSpanId));
  }
  const std::vector<ColumnId>* wanted = scan.all_columns ? nullptr : &columns;
  Coverage coverage;
  Batch result;
  if (scan.unit == Unit::trace) {
    OBELISK_ASSERT(scan.where.is_always());
    result = gather_traces(batches, scan, wanted);
  } else {
    std::vector<RowRef> rows = matching_rows(batches, scan);
    if (scan.table == Table::logs && scan.unit == Unit::row && scan.order == Order::any)
      drop_repeated_lines(batches, rows);
    OBELISK_CHECK_OK(budget.charge(rows.size() * sizeof(RowRef)));
    result = scan.unit == Unit::series
                 ? gather_series(batches, rows, scan, wanted)
                 : gather_rows(batches, std::move(rows), scan.order, scan.limit, wanted);
  }
  for (const BatchPtr& batch : batches) coverage.rows_read += batch->row_count;
  note_read({coverage.rows_read, 0});
  OBELISK_CHECK_OK(budget.charge(result.memory_bytes()));
  std::vector<BatchPtr> ready;
  if (result.row_count > 0) ready.push_back(std::make_shared<const Batch>(std::move(result)));
  return std::unique_ptr<Cursor>(std::make_unique<ReadyCursor>(std::move(ready), std::move(coverage)));
}

namespace {

void keep_distinct(std::vector<Labels>& labels) {
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
}

}  // namespace

std::vector<Labels> series_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan) {
  std::vector<Labels> found;
  size_t distinct = 0;
  for (const BatchPtr& batch : batches) {
    for (const Group& group : batch->groups) {
      if (decide_by_labels(scan.where, group.labels) == Decision::no) continue;
      bool inside = false;
      for (uint32_t i = 0; i < group.row_count && !inside; ++i)
        inside = scan.range.contains({batch->times()[group.first_row + i]});
      if (inside) found.push_back(Labels(group.labels));
    }
    // Streams mostly come back with every batch.
    if (found.size() < 2 * distinct + 1024) continue;
    keep_distinct(found);
    distinct = found.size();
  }
  keep_distinct(found);
  if (scan.limit != 0 && found.size() > scan.limit) found.resize(scan.limit);
  return found;
}

std::vector<ColumnInfo> columns_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan) {
  std::set<std::pair<ColumnId, ColumnType>> found;
  for (const BatchPtr& batch : batches) {
    if (batch->row_count == 0) continue;
    const std::vector<int64_t>& times = batch->times();
    for (const ColumnData& data : batch->columns) {
      for (size_t row = 0; row < batch->row_count; ++row) {
        if (!data.is_present(row) || !scan.range.contains({times[row]})) continue;
        found.insert({data.id, data.type});
        break;
      }
    }
  }
  std::vector<ColumnInfo> infos;
  for (const auto& [id, type] : found) infos.push_back({id, type});
  return infos;
}

std::string column_value_text(const ColumnData& data, size_t row) {
  switch (data.type) {
    case ColumnType::boolean:
      return data.ints[row] != 0 ? "true" : "false";
    case ColumnType::int64:
      return fmt::format("{}", data.ints[row]);
    case ColumnType::float64:
      return fmt::format("{}", data.floats[row]);
    case ColumnType::trace_id:
      return data.trace_ids[row].to_hex();
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      return std::string(data.strings[row]);
  }
  return "";
}

namespace {

std::vector<ValueCount> label_names_of(const std::vector<Labels>& series, uint64_t limit) {
  std::map<std::string_view, std::set<std::string_view>> values;
  for (const Labels& labels : series) {
    for (const Label& label : labels) values[label.name].insert(label.value);
  }
  std::vector<ValueCount> names;
  for (const auto& [name, distinct] : values) {
    if (limit != 0 && names.size() == limit) break;
    names.push_back({std::string(name), ColumnType::string, distinct.size()});
  }
  return names;
}

}  // namespace

std::vector<ValueCount> label_values_of(const std::vector<Labels>& series, std::string_view name,
                                        uint64_t limit) {
  if (name.empty()) return label_names_of(series, limit);
  std::set<std::string, std::less<>> distinct;
  for (const Labels& labels : series) {
    std::string_view value = labels.get(name);
    if (!value.empty()) distinct.emplace(value);
  }
  std::vector<ValueCount> values;
  for (const std::string& value : distinct) {
    if (limit != 0 && values.size() == limit) break;
    values.push_back({value, ColumnType::string, 0});
  }
  return values;
}

namespace {

// Trace id and span id of a row of spans.
std::optional<std::pair<TraceId, int64_t>> span_of(const Batch& batch, uint32_t row) {
  if (batch.table != Table::spans) return std::nullopt;
  const ColumnData* traces = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  const ColumnData* ids = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
  if (traces == nullptr) return std::nullopt;
  return std::pair(traces->trace_ids[row], ids == nullptr || !ids->is_present(row) ? 0 : ids->ints[row]);
}

}  // namespace

std::vector<ValueCount> values_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan,
                                          const ColumnId& column, uint64_t limit) {
  std::map<std::pair<std::string, ColumnType>, uint64_t> counts;
  std::set<std::pair<TraceId, int64_t>> spans;  // that have a value
  for (const RowRef& ref : matching_rows(batches, scan)) {
    const Batch& batch = *batches[ref.batch];
    std::vector<const ColumnData*> found;
    for (const ColumnData& data : batch.columns) {
      if (data.id == column && data.is_present(ref.row)) found.push_back(&data);
    }
    if (found.empty()) continue;
    if (std::optional<std::pair<TraceId, int64_t>> span = span_of(batch, ref.row);
        span && !spans.insert(*span).second)
      continue;  // sent twice
    for (const ColumnData* data : found) ++counts[{column_value_text(*data, ref.row), data->type}];
  }
  std::vector<ValueCount> values;
  for (const auto& [key, count] : counts) values.push_back({key.first, key.second, count});
  std::stable_sort(values.begin(), values.end(), [](auto& a, auto& b) { return a.count > b.count; });
  if (limit != 0 && values.size() > limit) values.resize(limit);
  return values;
}

}  // namespace obelisk
