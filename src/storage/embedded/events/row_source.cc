#include "storage/embedded/events/row_source.h"

#include <algorithm>
#include <tuple>

#include "plan/batch_format.h"

namespace obelisk {
namespace {

bool is_text(ColumnType type) {
  return type == ColumnType::string || type == ColumnType::bytes || type == ColumnType::any;
}

void clear(LoadedColumn& column, ColumnType type) {
  column.type = type;
  column.coded = false;
  column.present.clear();
  column.ints.clear();
  column.floats.clear();
  column.trace_ids.clear();
  column.texts.clear();
  column.codes.clear();
  column.entries.clear();
}

// The same for what gives every row with a value its own: vectors of values keep their size, so that they are
// not filled twice.
void begin(LoadedColumn& column, ColumnType type) {
  column.type = type;
  column.coded = false;
  column.present.clear();
  column.entries.clear();
}

// Appends which of a batch's `rows` have a value; kept only from the first row on that has none.
void append_presence(const std::vector<uint8_t>* present, size_t rows, size_t rows_before,
                     std::vector<uint8_t>& out) {
  if (present != nullptr && present->empty()) {
    if (!out.empty()) out.resize(rows_before + rows, 1);
    return;
  }
  if (out.empty()) out.resize(rows_before, 1);
  if (present == nullptr) {
    out.resize(rows_before + rows, 0);
  } else {
    out.insert(out.end(), present->begin(), present->end());
  }
}

// Gives the row with the i-th value value(i); rows without one get any. Which those are cannot be guessed:
// every row takes the next value.
template <typename T, typename Value>
void spread(const PackedValues& values, size_t rows, T* to, Value&& value) {
  if (values.present.empty()) {
    for (size_t row = 0; row < rows; ++row) to[row] = value(row);
    return;
  }
  if (values.count == 0) return;
  const uint8_t* present = values.present.data();
  size_t next = 0, last = values.count - 1;
  for (size_t row = 0; row < rows; ++row) {
    to[row] = value(std::min(next, last));
    next += present[row];
  }
}

}  // namespace

size_t RowSource::find_fixed(std::string_view name, ColumnType type) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].type == type && columns_[i].id.scope == Scope::fixed && columns_[i].id.name == name)
      return i;
  }
  return columns_.size();
}

Result<std::vector<uint32_t>> RowSource::text_bytes() {
  std::vector<uint32_t> bytes(row_count_);
  LoadedColumn column;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!is_text(columns_[i].type)) continue;
    OBELISK_CHECK_OK(load(i, column));
    for (size_t row = 0; row < row_count_; ++row) {
      if (!column.is_present(row)) continue;
      std::string_view text = column.coded ? column.entries[column.codes[row]] : column.texts[row];
      bytes[row] += static_cast<uint32_t>(text.size());
    }
  }
  return bytes;
}

// ---- batches in columns ----

BatchRowSource::BatchRowSource(const std::vector<BatchPtr>& batches)
    : batches_(batches), union_(column_union(batches, nullptr)) {
  for (const UnionColumn& column : union_) columns_.push_back({column.id, column.type});
  for (const BatchPtr& batch : batches) add_batch_rows(batch->row_count);
}

Result<size_t> BatchRowSource::row_text_bytes_max() {
  std::vector<size_t> bytes(batches_.size());
  for (const UnionColumn& column : union_) {
    for (size_t i = 0; i < column.of_batch.size(); ++i) {
      size_t longest = 0;
      if (column.of_batch[i] == nullptr) continue;
      for (std::string_view text : column.of_batch[i]->strings) longest = std::max(longest, text.size());
      bytes[i] += longest;
    }
  }
  return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
}

Result<void> BatchRowSource::load(size_t number, LoadedColumn& out) {
  const UnionColumn& column = union_[number];
  clear(out, column.type);
  for (size_t i = 0; i < batches_.size(); ++i) {
    const ColumnData* data = i < column.of_batch.size() ? column.of_batch[i] : nullptr;
    size_t rows = batches_[i]->row_count;
    append_presence(data == nullptr ? nullptr : &data->present, rows, first_rows_[i], out.present);
    auto append = [&](auto& to, const auto& from) {
      if (data == nullptr) return to.resize(first_rows_[i] + rows);
      to.insert(to.end(), from.begin(), from.end());
    };
    static const ColumnData kNone;
    const ColumnData& from = data == nullptr ? kNone : *data;
    switch (column.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        append(out.ints, from.ints);
        break;
      case ColumnType::float64:
        append(out.floats, from.floats);
        break;
      case ColumnType::trace_id:
        append(out.trace_ids, from.trace_ids);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        append(out.texts, from.strings);
    }
  }
  return {};
}

// ---- packed batches ----

PackedRowSource::PackedRowSource(const std::vector<PackedBatchPtr>& batches) {
  for (const PackedBatchPtr& batch : batches) {
    batches_.push_back(batch.get());
    begins_.push_back(row_count_);
    add_batch_rows(batch->row_count());
  }
  find_columns();
}

PackedRowSource::PackedRowSource(const std::vector<PackedBatchPtr>& batches,
                                 const std::vector<uint32_t>& used) {
  auto next = used.begin();
  for (uint32_t i = 0; i < batches.size(); ++i) {
    bool is_used = next != used.end() && *next == i;
    if (is_used) {
      batches_.push_back(batches[i].get());
      begins_.push_back(row_count_);
      ++next;
    }
    add_batch_rows(is_used ? batches[i]->row_count() : 0);
  }
  find_columns();
}

void PackedRowSource::find_columns() {
  using Key = std::tuple<Scope, std::string_view, ColumnType>;
  std::map<Key, std::vector<const PackedBatch::Column*>> found;
  // Neighbouring batches mostly have the same columns: each remembers where the one before it was put.
  std::vector<std::pair<Key, std::vector<const PackedBatch::Column*>*>> last;
  for (size_t i = 0; i < batches_.size(); ++i) {
    const std::vector<PackedBatch::Column>& columns = batches_[i]->columns();
    for (size_t j = 0; j < columns.size(); ++j) {
      Key key{columns[j].scope, columns[j].name, columns[j].type};
      if (j >= last.size()) last.resize(j + 1);
      if (last[j].second == nullptr || last[j].first != key) last[j] = {key, &found[key]};
      last[j].second->resize(batches_.size());
      (*last[j].second)[i] = &columns[j];
    }
  }
  for (auto& [key, of_batch] : found) {
    columns_.push_back({ColumnId{std::get<0>(key), std::string(std::get<1>(key))}, std::get<2>(key)});
    of_batches_.push_back(std::move(of_batch));
  }
}

Result<size_t> PackedRowSource::row_text_bytes_max() {
  std::vector<size_t> bytes(batches_.size());
  for (size_t column = 0; column < columns_.size(); ++column) {
    if (!is_text(columns_[column].type)) continue;
    for (size_t i = 0; i < batches_.size(); ++i) {
      const PackedBatch::Column* packed = of_batches_[column][i];
      if (packed == nullptr) continue;
      OBELISK_TRY(size_t longest, batches_[i]->longest_text(*packed));
      bytes[i] += longest;
    }
  }
  return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
}

Result<void> PackedRowSource::load(size_t column, LoadedColumn& out) {
  begin(out, columns_[column].type);
  if (is_text(out.type)) return load_texts(column, out);
  // What rows without a value have stays what an earlier column left there.
  if (out.type == ColumnType::float64) {
    out.floats.resize(row_count_);
  } else if (out.type == ColumnType::trace_id) {
    out.trace_ids.resize(row_count_);
  } else {
    out.ints.resize(row_count_);
  }
  for (size_t i = 0; i < batches_.size(); ++i) {
    const PackedBatch::Column* packed = of_batches_[column][i];
    size_t rows = batches_[i]->row_count();
    if (packed != nullptr) OBELISK_CHECK_OK(batches_[i]->read(*packed, values_));
    append_presence(packed == nullptr ? nullptr : &values_.present, rows, begins_[i], out.present);
    if (packed == nullptr) continue;
    switch (out.type) {
      case ColumnType::float64:
        spread(values_, rows, out.floats.data() + begins_[i],
               [from = values_.floats.data()](size_t value) { return from[value]; });
        break;
      case ColumnType::trace_id:
        spread(values_, rows, out.trace_ids.data() + begins_[i],
               [&](size_t value) { return values_.trace_ids[values_.entry_of(value)]; });
        break;
      default:
        spread(values_, rows, out.ints.data() + begins_[i],
               [from = values_.ints.data()](size_t value) { return from[value]; });
    }
  }
  return {};
}

// Coded when all batches are: then only their entries are compared.
Result<void> PackedRowSource::load_texts(size_t column, LoadedColumn& out) {
  const std::vector<const PackedBatch::Column*>& packed_columns = of_batches_[column];
  out.coded =
      std::all_of(packed_columns.begin(), packed_columns.end(), [](const PackedBatch::Column* packed) {
        return packed == nullptr || packed->coding == batch_format::kDictionary;
      });
  if (out.coded) {
    out.codes.resize(row_count_);
  } else {
    out.texts.resize(row_count_);
  }
  StringNumbers numbers;
  std::vector<uint32_t> numbers_of_entries;
  for (size_t i = 0; i < batches_.size(); ++i) {
    const PackedBatch::Column* packed = packed_columns[i];
    size_t rows = batches_[i]->row_count();
    if (packed != nullptr) OBELISK_CHECK_OK(batches_[i]->read(*packed, values_));
    append_presence(packed == nullptr ? nullptr : &values_.present, rows, begins_[i], out.present);
    if (packed == nullptr) continue;
    if (!out.coded) {
      std::string_view* to = out.texts.data() + begins_[i];
      const std::string_view* from = values_.texts.data();
      if (values_.coded) {
        spread(values_, rows, to, [&](size_t value) { return from[values_.entry_of(value)]; });
      } else {
        spread(values_, rows, to, [from](size_t value) { return from[value]; });
      }
      continue;
    }
    numbers_of_entries.clear();
    for (std::string_view entry : values_.texts) numbers_of_entries.push_back(numbers.number_of(entry));
    uint32_t* to = out.codes.data() + begins_[i];
    const uint32_t* number = numbers_of_entries.data();
    if (values_.codes.empty()) {
      if (!numbers_of_entries.empty()) spread(values_, rows, to, [number](size_t) { return number[0]; });
    } else {
      spread(values_, rows, to,
             [number, code = values_.codes.data()](size_t value) { return number[code[value]]; });
    }
  }
  if (out.coded) out.entries = numbers.entries();
  return {};
}

}  // namespace obelisk
