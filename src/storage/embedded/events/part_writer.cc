#include "storage/embedded/events/part_writer.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "model/id_hex.h"
#include "storage/embedded/events/trace_filter.h"

namespace obelisk {
namespace {

bool column_before(const PartColumn& a, const PartColumn& b) {
  return a.id != b.id ? a.id < b.id : a.type < b.type;
}

// Bytes of text of every row of every batch.
std::vector<std::vector<uint32_t>> text_bytes_of(const std::vector<UnionColumn>& columns,
                                                 const std::vector<BatchPtr>& batches) {
  std::vector<std::vector<uint32_t>> bytes(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) bytes[i].resize(batches[i]->row_count);
  for (const UnionColumn& column : columns) {
    for (size_t i = 0; i < batches.size() && i < column.of_batch.size(); ++i) {
      if (column.of_batch[i] == nullptr) continue;
      const std::vector<std::string_view>& texts = column.of_batch[i]->strings;
      for (size_t row = 0; row < texts.size(); ++row)
        bytes[i][row] += static_cast<uint32_t>(texts[row].size());
    }
  }
  return bytes;
}

bool has_value(const UnionColumn& column, std::span<const OrderedRow> rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const OrderedRow& row) {
    const ColumnData* data = column.of_batch[row.ref.batch];
    return data != nullptr && data->is_present(row.ref.row);
  });
}

template <typename T>
void gather_values(const UnionColumn& column, std::span<const OrderedRow> rows,
                   std::vector<T> ColumnData::*member, std::vector<uint8_t>& present,
                   std::vector<T>& values) {
  values.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const RowRef& ref = rows[i].ref;
    const ColumnData* data = column.of_batch[ref.batch];
    if (data == nullptr || !data->is_present(ref.row)) continue;
    present[i] = 1;
    values.push_back((data->*member)[ref.row]);
  }
}

void gather(const UnionColumn& column, std::span<const OrderedRow> rows, ColumnValues& values) {
  values.clear();
  values.type = column.type;
  values.present.resize(rows.size());
  switch (column.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      gather_values(column, rows, &ColumnData::ints, values.present, values.ints);
      break;
    case ColumnType::float64:
      gather_values(column, rows, &ColumnData::floats, values.present, values.floats);
      break;
    case ColumnType::trace_id:
      gather_values(column, rows, &ColumnData::trace_ids, values.present, values.trace_ids);
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      gather_values(column, rows, &ColumnData::strings, values.present, values.strings);
  }
  if (values.value_count() == rows.size()) values.present.clear();
}

const UnionColumn* trace_id_column(const std::vector<UnionColumn>& columns) {
  for (const UnionColumn& column : columns) {
    if (column.type == ColumnType::trace_id && column.id == fixed_column(column::kTraceId)) return &column;
  }
  return nullptr;
}

// Whether a string column holds the lower-case digits of the trace ids, in the same rows: what structured
// metadata named trace_id does.
bool repeats_trace_ids(const UnionColumn& column, const UnionColumn& ids, std::span<const OrderedRow> rows) {
  if (column.type != ColumnType::string) return false;
  for (const OrderedRow& row : rows) {
    const ColumnData* text = column.of_batch[row.ref.batch];
    const ColumnData* id = ids.of_batch[row.ref.batch];
    bool has_text = text != nullptr && text->is_present(row.ref.row);
    bool has_id = id != nullptr && id->is_present(row.ref.row);
    if (has_text != has_id) return false;
    if (!has_text) continue;
    std::string_view digits = text->strings[row.ref.row];
    if (digits.size() != 32) return false;
    char wanted[32];
    put_hex(id->trace_ids[row.ref.row], wanted);
    if (std::memcmp(digits.data(), wanted, sizeof(wanted)) != 0) return false;
  }
  return true;
}

bool is_parent_column(const UnionColumn& column) {
  return column.type == ColumnType::int64 && column.id.scope == Scope::fixed &&
         column.id.name == column::kParentSpanId;
}

}  // namespace

size_t RowGroupLimits::rows_of(Table table, size_t column_count) const {
  size_t rows = table == Table::logs ? log_rows : span_rows;
  return std::min<size_t>(rows, std::max<size_t>(256, cells / std::max<size_t>(column_count, 1)));
}

Result<std::unique_ptr<PartWriter>> PartWriter::create(Disk& disk, std::string path, Table table,
                                                       uint64_t order_key) {
  std::unique_ptr<PartWriter> writer(new PartWriter(disk, path));
  OBELISK_CHECK_OK(disk.create_directories(parent_directory(path)));
  OBELISK_TRY(writer->file_, disk.open(path, Disk::Mode::create_new));
  writer->directory_.table = table;
  writer->directory_.order_key = order_key;
  OBELISK_CHECK_OK(writer->append(encode_event_part_header(table)));
  return writer;
}

PartWriter::~PartWriter() {
  if (finished_ || file_ == nullptr) return;
  file_.reset();
  if (Result<void> removed = disk_.remove(path_); !removed.ok())
    log_warning("events", removed.error().to_string());
}

Result<void> PartWriter::append(std::string_view bytes) {
  OBELISK_CHECK_OK(file_->write_at(offset_, bytes));
  offset_ += bytes.size();
  return {};
}

uint32_t PartWriter::column_number(const PartColumn& wanted) {
  auto it = std::lower_bound(
      column_numbers_.begin(), column_numbers_.end(), wanted,
      [](const auto& entry, const PartColumn& key) { return column_before(entry.first, key); });
  if (it != column_numbers_.end() && !column_before(wanted, it->first)) return it->second;
  uint32_t number = static_cast<uint32_t>(directory_.columns.size());
  directory_.columns.push_back(wanted);
  column_numbers_.insert(it, {wanted, number});
  return number;
}

void PartWriter::add_runs(std::span<const OrderedRow> rows, const LabelRanks& ranks, RowGroupInfo& group) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].group != rows[i - 1].group) {
      group.runs.push_back({labels_.add(ranks.labels(rows[i].group), ranks.hash(rows[i].group)), 0});
    }
    ++group.runs.back().row_count;
  }
}

// Log parts have a filter a row group, the others the index of the part.
void PartWriter::add_traces(const std::vector<TraceId>& ids, std::vector<uint64_t>& keys) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] == ids[i - 1]) continue;
    if (directory_.table == Table::logs) {
      keys.push_back(trace_key(ids[i]));
    } else {
      traces_.add(ids[i], static_cast<uint32_t>(directory_.row_groups.size()));
    }
  }
}

Result<void> PartWriter::add_row_group(const std::vector<BatchPtr>& batches,
                                       const std::vector<UnionColumn>& columns,
                                       std::span<const OrderedRow> rows, const LabelRanks& ranks) {
  OBELISK_ASSERT(!rows.empty() && rows.size() <= kRowGroupRowsMax && !batches.empty());
  RowGroupInfo group;
  group.row_count = rows.size();
  auto [low, high] =
      std::minmax_element(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.time < b.time; });
  group.min_time = low->time;
  group.max_time = high->time;
  add_runs(rows, ranks, group);
  ColumnValues values;
  values.messages = &messages_;
  std::string bytes;
  std::vector<int64_t> times(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) times[i] = rows[i].time;
  const UnionColumn* ids = trace_id_column(columns);
  std::vector<uint64_t> keys;  // for the trace filter
  // Chunks lie in the order of their numbers, so that only the first offset is stored.
  std::vector<std::pair<uint32_t, const UnionColumn*>> numbered;
  for (const UnionColumn& column : columns) {
    if (has_value(column, rows)) numbered.push_back({column_number({column.id, column.type}), &column});
  }
  std::sort(numbered.begin(), numbered.end());
  for (const auto& [number, column] : numbered) {
    gather(*column, rows, values);
    values.times = times.data();
    values.are_trace_ids = ids != nullptr && repeats_trace_ids(*column, *ids, rows);
    values.with_filter = directory_.table == Table::spans;
    std::vector<SpanRow> spans;
    if (directory_.table == Table::spans && is_parent_column(*column)) {
      spans.reserve(rows.size());
      for (const OrderedRow& row : rows) spans.push_back({row.key, static_cast<int64_t>(row.span_id)});
      values.spans = &spans;
    }
    ChunkInfo chunk;
    chunk.column = number;
    chunk.offset = offset_ + bytes.size();
    encode_chunk(values, rows.size(), bytes, chunk.stats);
    chunk.length = offset_ + bytes.size() - chunk.offset;
    group.chunks.push_back(chunk);
    if (column->id == fixed_column(column::kTraceId)) add_traces(values.trace_ids, keys);
  }
  if (!keys.empty()) {
    std::string filter = encode_trace_filter(keys);
    group.trace_filter = {offset_ + bytes.size(), filter.size()};
    bytes.append(filter);
  }
  OBELISK_CHECK_OK(finish_row_group(std::move(group), bytes));
  if (directory_.table == Table::spans) watch_spans(rows);
  return {};
}

Result<void> PartWriter::finish_row_group(RowGroupInfo group, std::string_view bytes) {
  OBELISK_CHECK_OK(append(bytes));
  bool first = directory_.row_groups.empty();
  directory_.min_time = first ? group.min_time : std::min(directory_.min_time, group.min_time);
  directory_.max_time = first ? group.max_time : std::max(directory_.max_time, group.max_time);
  directory_.row_count += group.row_count;
  directory_.row_groups.push_back(std::move(group));
  return {};
}

// Rows of a trace follow each other, over several row groups where it is large.
void PartWriter::watch_spans(std::span<const OrderedRow> rows) {
  for (const OrderedRow& row : rows) {
    if (open_span_ids_.empty() || row.key != open_trace_) {
      end_trace();
      open_trace_ = row.key;
      open_row_group_ = directory_.row_groups.size() - 1;
    }
    open_span_ids_.push_back(row.span_id);
  }
}

void PartWriter::end_trace() {
  std::sort(open_span_ids_.begin(), open_span_ids_.end());
  if (std::adjacent_find(open_span_ids_.begin(), open_span_ids_.end()) != open_span_ids_.end()) {
    for (size_t i = open_row_group_; i < directory_.row_groups.size(); ++i)
      directory_.row_groups[i].has_repeated_spans = true;
  }
  open_span_ids_.clear();
}

Result<void> PartWriter::copy_row_group(const EventPart& part, size_t row_group, const LabelTable& labels,
                                        bool may_repeat) {
  const RowGroupInfo& source = part.directory().row_groups[row_group];
  OBELISK_TRY(std::string stored, part.read_stored(row_group));
  RowGroupInfo group = source;
  group.has_repeated_spans = group.has_repeated_spans || may_repeat;
  for (GroupRun& run : group.runs) run.group = labels_.add(labels.labels(run.group), labels.hash(run.group));
  for (ChunkInfo& chunk : group.chunks) chunk.column = column_number(part.directory().columns[chunk.column]);
  std::sort(group.chunks.begin(), group.chunks.end(),
            [](const ChunkInfo& a, const ChunkInfo& b) { return a.column < b.column; });
  uint64_t begin = source.chunks.front().offset;
  std::string bytes;
  bytes.reserve(stored.size());
  for (ChunkInfo& chunk : group.chunks) {
    bytes.append(stored, chunk.offset - begin, chunk.length);
    chunk.offset = offset_ + bytes.size() - chunk.length;
  }
  if (source.trace_filter.length > 0) {
    bytes.append(stored, source.trace_filter.offset - begin, source.trace_filter.length);
    group.trace_filter.offset = offset_ + bytes.size() - source.trace_filter.length;
  }
  return finish_row_group(std::move(group), bytes);
}

Result<uint64_t> PartWriter::finish() {
  OBELISK_ASSERT(!directory_.row_groups.empty() && !finished_);
  end_trace();
  std::string labels = labels_.encode();
  directory_.group_count = labels_.size();
  directory_.labels = {offset_, labels.size()};
  OBELISK_CHECK_OK(append(labels));
  if (!traces_.empty()) {
    std::string index = traces_.encode();
    directory_.trace_index = {offset_, index.size()};
    OBELISK_CHECK_OK(append(index));
  }
  OBELISK_CHECK_OK(append(encode_event_part_end(directory_, offset_)));
  OBELISK_CHECK_OK(file_->sync());
  OBELISK_CHECK_OK(disk_.sync_directory(parent_directory(path_)));
  finished_ = true;
  return offset_;
}

Result<void> write_rows(PartWriter& writer, Table table, const RowGroupLimits& limits,
                        const std::vector<BatchPtr>& batches, std::span<const OrderedRow> rows,
                        const LabelRanks& ranks) {
  std::vector<UnionColumn> columns = column_union(batches, nullptr);
  size_t rows_max = limits.rows_of(table, columns.size());
  if (table == Table::logs && rows.size() > rows_max) {  // evenly, so that no small rest is left
    size_t groups = (rows.size() + rows_max - 1) / rows_max;
    rows_max = (rows.size() + groups - 1) / groups;
  }
  std::vector<std::vector<uint32_t>> text_bytes = text_bytes_of(columns, batches);
  size_t begin = 0, trace_begin = 0, text = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (table == Table::spans && (i == begin || rows[i].key != rows[i - 1].key)) trace_begin = i;
    size_t row_text = text_bytes[rows[i].ref.batch][rows[i].ref.row];
    if (i > begin && (i - begin == rows_max || text + row_text > limits.text_bytes)) {
      // Not through a trace, unless it is large.
      size_t end = table == Table::spans && trace_begin > begin + (i - begin) / 2 ? trace_begin : i;
      OBELISK_CHECK_OK(writer.add_row_group(batches, columns, rows.subspan(begin, end - begin), ranks));
      begin = end;
      i = end;
      trace_begin = end;
      text = 0;
      row_text = text_bytes[rows[i].ref.batch][rows[i].ref.row];
    }
    text += row_text;
  }
  if (begin == rows.size()) return {};
  return writer.add_row_group(batches, columns, rows.subspan(begin), ranks);
}

}  // namespace obelisk
