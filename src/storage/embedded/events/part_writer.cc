#include "storage/embedded/events/part_writer.h"

#include <algorithm>

#include "base/log.h"
#include "model/trace_id_order.h"
#include "storage/embedded/events/span_id_table.h"
#include "storage/embedded/events/trace_filter.h"

namespace obelisk {
namespace {

bool column_before(const PartColumn& a, const PartColumn& b) {
  return a.id != b.id ? a.id < b.id : a.type < b.type;
}

// Whether two rows of one stream have one time, and so may be one line.
bool has_equal_times(std::span<const OrderedRow> rows) {
  return std::adjacent_find(rows.begin(), rows.end(), [](const OrderedRow& a, const OrderedRow& b) {
           return a.group == b.group && a.time == b.time;
         }) != rows.end();
}

// Leaves the ids in any order.
bool has_repeated(std::vector<uint64_t>& ids) {
  constexpr size_t kInTableMax = 4096;
  if (ids.size() <= kInTableMax) {
    thread_local SpanIdTable table;
    table.begin(ids.size());
    return !std::all_of(ids.begin(), ids.end(), [](uint64_t id) { return table.add(id, 0); });
  }
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
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

Result<void> PartWriter::add_row_group(EncodedRowGroup encoded, std::span<const OrderedRow> rows,
                                       const LabelRanks& ranks) {
  OBELISK_ASSERT(!rows.empty() && rows.size() <= kRowGroupRowsMax);
  RowGroupInfo group;
  group.row_count = rows.size();
  auto [low, high] =
      std::minmax_element(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.time < b.time; });
  group.min_time = low->time;
  group.max_time = high->time;
  add_runs(rows, ranks, group);
  if (directory_.table == Table::logs) group.has_repeated_spans = has_equal_times(rows);
  // Chunks lie in the order of their numbers, so that only the first offset is stored.
  std::vector<std::pair<uint32_t, EncodedChunk*>> numbered;
  for (EncodedChunk& chunk : encoded.chunks) numbered.push_back({column_number(chunk.column), &chunk});
  std::sort(numbered.begin(), numbered.end());
  std::string bytes;
  for (auto& [number, chunk] : numbered) {
    group.chunks.push_back({number, offset_ + bytes.size(), chunk->bytes.size(), std::move(chunk->stats)});
    bytes.append(chunk->bytes);
  }
  // Log parts have a filter a row group, the others the index of the part.
  if (directory_.table == Table::logs && !encoded.trace_keys.empty()) {
    std::string filter = encode_trace_filter(encoded.trace_keys);
    group.trace_filter = {offset_ + bytes.size(), filter.size()};
    bytes.append(filter);
  } else {
    for (uint64_t key : encoded.trace_keys)
      traces_.add_key(key, static_cast<uint32_t>(directory_.row_groups.size()));
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
    if (open_span_ids_.empty() || !same_trace(row.key, open_trace_)) {
      end_trace();
      open_trace_ = row.key;
      open_row_group_ = directory_.row_groups.size() - 1;
    }
    open_span_ids_.push_back(row.span_id);
  }
}

void PartWriter::end_trace() {
  if (has_repeated(open_span_ids_)) {
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

Result<RowGroupCutter> RowGroupCutter::make(Table table, const RowGroupLimits& limits, RowSource& source) {
  RowGroupCutter cutter(table, limits, source);
  OBELISK_TRY(size_t row_text_max, source.row_text_bytes_max());
  size_t rows_max = limits.rows_of(table, source.columns().size());
  if (row_text_max * rows_max > limits.text_bytes) {
    OBELISK_TRY(cutter.text_bytes_, source.text_bytes());
  }
  return cutter;
}

namespace {

// Rows of each row group where they are cut evenly, so that no small rest is left.
size_t even_rows(size_t rows, size_t rows_max) {
  size_t groups = (rows + rows_max - 1) / rows_max;
  return (rows + groups - 1) / groups;
}

}  // namespace

// Row groups are cut evenly; those of spans where the trace at hand ends, unless it is large.
std::vector<size_t> RowGroupCutter::cut(std::span<const OrderedRow> rows) const {
  size_t rows_max = limits_.rows_of(table_, source_.columns().size());
  size_t wanted = rows_max;
  if (table_ == Table::logs && rows.size() > rows_max) rows_max = wanted = even_rows(rows.size(), rows_max);
  // Room for the rest of a trace.
  if (table_ == Table::spans && rows.size() > rows_max)
    wanted = even_rows(rows.size(), std::max<size_t>(rows_max / 32 * 31, 1));
  auto text_of = [&](size_t i) -> size_t {
    return text_bytes_.empty() ? 0 : text_bytes_[source_.flat_row(rows[i].ref)];
  };
  std::vector<size_t> ends;
  size_t begin = 0, trace_begin = 0, text = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (table_ == Table::spans && (i == begin || !same_trace(rows[i].key, rows[i - 1].key))) trace_begin = i;
    size_t row_text = text_of(i);
    bool is_full = i - begin == rows_max || text + row_text > limits_.text_bytes;
    bool is_enough = table_ == Table::spans && trace_begin == i && i - begin >= wanted;
    if (i > begin && (is_full || is_enough)) {
      size_t end = table_ == Table::spans && trace_begin > begin + (i - begin) / 2 ? trace_begin : i;
      ends.push_back(end);
      begin = end;
      i = end;
      trace_begin = end;
      text = 0;
      row_text = text_of(i);
    }
    text += row_text;
  }
  if (begin < rows.size()) ends.push_back(rows.size());
  return ends;
}

Result<void> write_rows(PartWriter& writer, Table table, const RowGroupLimits& limits, RowSource& source,
                        std::span<const OrderedRow> rows, const LabelRanks& ranks) {
  OBELISK_TRY(RowGroupCutter cutter, RowGroupCutter::make(table, limits, source));
  std::vector<size_t> ends = cutter.cut(rows);
  OBELISK_TRY(std::vector<EncodedRowGroup> groups,
              encode_row_groups(table, source, rows, ends, writer.messages()));
  for (size_t i = 0; i < groups.size(); ++i) {
    size_t begin = i == 0 ? 0 : ends[i - 1];
    OBELISK_CHECK_OK(writer.add_row_group(std::move(groups[i]), rows.subspan(begin, ends[i] - begin), ranks));
  }
  return {};
}

Result<void> write_rows(PartWriter& writer, Table table, const RowGroupLimits& limits,
                        const std::vector<BatchPtr>& batches, std::span<const OrderedRow> rows,
                        const LabelRanks& ranks) {
  BatchRowSource source(batches);
  return write_rows(writer, table, limits, source, rows, ranks);
}

}  // namespace obelisk
