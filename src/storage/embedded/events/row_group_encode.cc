#include "storage/embedded/events/row_group_encode.h"

#include <algorithm>
#include <cstring>

#include "model/id_hex.h"
#include "model/trace_id_order.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {
namespace {

bool is_digits_of(std::string_view text, const TraceId& id) {
  if (text.size() != 32) return false;
  char digits[32];
  put_hex(id, digits);
  return std::memcmp(text.data(), digits, sizeof digits) == 0;
}

class Encoder {
 public:
  Encoder(Table table, RowSource& source, std::span<const OrderedRow> rows, const std::vector<size_t>& ends,
          message::MessageEncoder& messages)
      : table_(table), source_(source), rows_(rows), ends_(ends), groups_(ends.size()) {
    values_.messages = &messages;
    flat_.reserve(rows.size());
    times_.reserve(rows.size());
    for (const OrderedRow& row : rows) {
      flat_.push_back(source.flat_row(row.ref));
      times_.push_back(row.time);
    }
  }

  Result<std::vector<EncodedRowGroup>> run() {
    size_t ids = source_.find_fixed(column::kTraceId, ColumnType::trace_id);
    has_ids_ = ids < source_.columns().size();
    if (has_ids_) OBELISK_CHECK_OK(source_.load(ids, ids_));
    for (size_t column = 0; column < source_.columns().size(); ++column) {
      if (column != ids) OBELISK_CHECK_OK(source_.load(column, loaded_));
      const LoadedColumn& loaded = column == ids ? ids_ : loaded_;
      local_.assign(loaded.entries.size(), 0);
      find_present(loaded);
      for (size_t group = 0; group < ends_.size(); ++group) encode(source_.columns()[column], loaded, group);
    }
    return std::move(groups_);
  }

 private:
  void encode(const RowSource::Column& column, const LoadedColumn& loaded, size_t group) {
    size_t begin = group == 0 ? 0 : ends_[group - 1], end = ends_[group];
    std::span<const uint32_t> rows = std::span(flat_).subspan(begin, end - begin);
    gather(loaded, group, begin, rows);
    if (values_.value_count() == 0) return;
    values_.times = times_.data() + begin;
    values_.are_trace_ids = repeats_trace_ids(rows);
    values_.with_filter = table_ == Table::spans;
    std::vector<SpanRow> spans;
    bool is_parent = table_ == Table::spans && column.type == ColumnType::int64 &&
                     column.id.scope == Scope::fixed && column.id.name == column::kParentSpanId;
    if (is_parent) {
      spans.reserve(rows.size());
      for (const OrderedRow& row : rows_.subspan(begin, end - begin))
        spans.push_back({row.key, static_cast<int64_t>(row.span_id)});
      values_.spans = &spans;
    }
    EncodedChunk chunk;
    chunk.column = {column.id, column.type};
    bytes_.clear();
    encode_chunk(values_, rows.size(), bytes_, chunk.stats);
    chunk.bytes = bytes_;
    groups_[group].chunks.push_back(std::move(chunk));
    if (&loaded == &ids_) add_trace_keys(groups_[group].trace_keys);
  }

  // Which rows have a value, and lists of them. Attributes of one kind of span follow each other and are
  // there in the same rows: then nothing is to be done.
  void find_present(const LoadedColumn& loaded) {
    const std::vector<uint8_t>& present = loaded.present;
    if (present.empty()) return;
    if (present.size() == present_.size() &&
        std::memcmp(present.data(), present_.data(), present.size()) == 0)
      return;
    present_ = present;
    present_of_rows_.resize(flat_.size());
    picked_.resize(flat_.size());
    picked_counts_.resize(ends_.size());
    for (size_t group = 0, row = 0; group < ends_.size(); ++group) {
      // Which rows have a value cannot be guessed: they are listed without a branch.
      uint32_t* picked = picked_.data() + row;
      size_t count = 0;
      for (; row < ends_[group]; ++row) {
        picked[count] = flat_[row];
        count += present_of_rows_[row] = present[flat_[row]];
      }
      picked_counts_[group] = count;
    }
  }

  // The values of the rows of row group `group`, which begin with row `begin`.
  void gather(const LoadedColumn& loaded, size_t group, size_t begin, std::span<const uint32_t> rows) {
    values_.clear();
    values_.type = loaded.type;
    if (!loaded.present.empty() && picked_counts_[group] < rows.size()) {
      size_t count = picked_counts_[group];
      if (count == 0) return;
      const uint8_t* present = present_of_rows_.data() + begin;
      values_.present.assign(present, present + rows.size());
      rows = std::span(picked_).subspan(begin, count);
    }
    switch (loaded.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        return take(rows, values_.ints, [&](uint32_t row) { return loaded.ints[row]; });
      case ColumnType::float64:
        return take(rows, values_.floats, [&](uint32_t row) { return loaded.floats[row]; });
      case ColumnType::trace_id:
        return take(rows, values_.trace_ids, [&](uint32_t row) { return loaded.trace_ids[row]; });
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        if (loaded.coded) return gather_coded(loaded, rows);
        take(rows, values_.strings, [&](uint32_t row) { return loaded.texts[row]; });
    }
  }

  template <typename T, typename Value>
  void take(std::span<const uint32_t> rows, std::vector<T>& out, Value&& value) {
    out.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) out[i] = value(rows[i]);
  }

  // Entries are numbered anew in the order this row group has them.
  void gather_coded(const LoadedColumn& loaded, std::span<const uint32_t> rows) {
    values_.coded = true;
    used_.clear();
    take(rows, values_.codes, [&](uint32_t row) {
      uint32_t code = loaded.codes[row];
      if (local_[code] == 0) {
        used_.push_back(code);
        values_.entries.push_back(loaded.entries[code]);
        local_[code] = static_cast<uint32_t>(used_.size());
      }
      return static_cast<int64_t>(local_[code]) - 1;
    });
    for (uint32_t code : used_) local_[code] = 0;
  }

  // Whether a string column holds the lower-case digits of the trace ids, in the same rows: what structured
  // metadata named trace_id does.
  bool repeats_trace_ids(std::span<const uint32_t> rows) const {
    if (values_.type != ColumnType::string || !has_ids_) return false;
    size_t next = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      bool has_text = values_.present.empty() || values_.present[i] != 0;
      if (has_text != ids_.is_present(rows[i])) return false;
      if (has_text && !is_digits_of(values_.text(next++), ids_.trace_ids[rows[i]])) return false;
    }
    return true;
  }

  void add_trace_keys(std::vector<uint64_t>& keys) const {
    const std::vector<TraceId>& ids = values_.trace_ids;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i == 0 || !same_trace(ids[i], ids[i - 1])) keys.push_back(trace_key(ids[i]));
    }
  }

  const Table table_;
  RowSource& source_;
  const std::span<const OrderedRow> rows_;
  const std::vector<size_t>& ends_;
  // Of all rows: where the source has them, and their times.
  std::vector<uint32_t> flat_;
  std::vector<int64_t> times_;
  LoadedColumn loaded_;
  LoadedColumn ids_;  // the trace ids
  bool has_ids_ = false;
  // Of the column at hand: the number an entry has in the row group at hand, and one; 0: none.
  std::vector<uint32_t> local_;
  std::vector<uint32_t> used_;
  // Of the last column that rows have no value of: its flags as they were loaded, in the order of the rows,
  // and the rows that have a value, from where their row group begins.
  std::vector<uint8_t> present_;
  std::vector<uint8_t> present_of_rows_;
  std::vector<uint32_t> picked_;
  std::vector<size_t> picked_counts_;
  ColumnValues values_;
  std::string bytes_;
  std::vector<EncodedRowGroup> groups_;
};

}  // namespace

Result<std::vector<EncodedRowGroup>> encode_row_groups(Table table, RowSource& source,
                                                       std::span<const OrderedRow> rows,
                                                       const std::vector<size_t>& ends,
                                                       message::MessageEncoder& messages) {
  return Encoder(table, source, rows, ends, messages).run();
}

}  // namespace obelisk
