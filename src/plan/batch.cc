#include "plan/batch.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/short_text.h"
#include "plan/column_memory.h"
#include "plan/repeated_columns.h"

namespace obelisk {
namespace {

// Of a column with its first value: what small requests have.
constexpr size_t kRowsReserved = 32;
constexpr size_t kColumnsReserved = 16;
// Requests of one sender are of one size: the first columns of a batch have room for as many rows as the
// batch that this thread finished last. Bounded by what that may take in vain, some MiB.
constexpr size_t kRowsExpectedMax = 4096;
constexpr size_t kColumnsExpectedMax = 96;
thread_local size_t rows_expected = 0;

// Rows of several kinds go on differently after the same column: one guess for each name length, modulo this.
constexpr size_t kSuccessors = 8;

size_t rows_to_reserve(size_t times_reserved, size_t columns) {
  return std::max({kRowsReserved, times_reserved, columns <= kColumnsExpectedMax ? rows_expected : 0});
}

size_t stored_values(const ColumnData& data) {
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      return data.ints.size();
    case ColumnType::float64:
      return data.floats.size();
    case ColumnType::trace_id:
      return data.trace_ids.size();
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      return data.strings.size();
  }
  return 0;
}

// Rows that it gets have no value.
void resize_column(ColumnData& data, size_t count) {
  data.present.resize(count);
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      data.ints.resize(count);
      break;
    case ColumnType::float64:
      data.floats.resize(count);
      break;
    case ColumnType::trace_id:
      data.trace_ids.resize(count);
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      data.strings.resize(count);
      break;
  }
}

uint64_t hash_column(Scope scope, std::string_view name, ColumnType type) {
  return hash64(name, static_cast<uint64_t>(scope) << 8 | static_cast<uint64_t>(type));
}

}  // namespace

const ColumnData* Batch::find(const ColumnId& id) const {
  for (const ColumnData& data : columns) {
    if (data.id == id) return &data;
  }
  return nullptr;
}

const ColumnData* Batch::find(const ColumnId& id, ColumnType type) const {
  for (const ColumnData& data : columns) {
    if (data.type == type && data.id == id) return &data;
  }
  return nullptr;
}

const ColumnData* Batch::find_fixed(std::string_view name) const {
  for (const ColumnData& data : columns) {
    if (data.id.scope == Scope::fixed && data.id.name == name) return &data;
  }
  return nullptr;
}

const std::vector<int64_t>& Batch::times() const {
  const ColumnData* data = find_fixed(column::kTime);
  OBELISK_ASSERT(data != nullptr);
  return data->ints;
}

size_t Batch::memory_bytes() const {
  size_t total = sizeof(Batch) + arena.allocated_bytes() + groups.capacity() * sizeof(Group);
  for (const ColumnData& data : columns) {
    total += sizeof(ColumnData) + data.present.capacity() + data.ints.capacity() * 8 +
             data.floats.capacity() * 8 + data.strings.capacity() * sizeof(std::string_view) +
             data.trace_ids.capacity() * sizeof(TraceId);
  }
  return total;
}

namespace {

// Names mostly differ in their first byte.
bool is_before(std::string_view a, std::string_view b) {
  if (!a.empty() && !b.empty() && a[0] != b[0])
    return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
  return a < b;
}

bool is_sorted_by_name(LabelsView labels) {
  for (size_t i = 1; i < labels.size(); ++i) {
    if (!is_before(labels[i - 1].name, labels[i].name)) return false;
  }
  return true;
}

// Whether the names are the very texts of those, as decoders leave them that met the same names again.
bool has_names_of(LabelsView labels, LabelsView other) {
  if (labels.size() != other.size()) return false;
  bool same = true;
  for (size_t i = 0; i < labels.size(); ++i) {
    same &= labels[i].name.data() == other[i].name.data() && labels[i].name.size() == other[i].name.size();
  }
  return same;
}

}  // namespace

Result<void> Batch::check() const {
  auto wrong = [](std::string message) {
    return make_error(ErrorCode::corrupt, "batch: " + std::move(message));
  };
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnData& data = columns[i];
    if (stored_values(data) != row_count)
      return wrong("column " + data.id.name + " has another number of rows");
    if (!data.present.empty() && data.present.size() != row_count)
      return wrong("presence of " + data.id.name);
  }
  size_t repeated = find_repeated_column(columns.size(), [&](size_t i) {
    return ColumnIdentity{columns[i].id.scope, columns[i].type, columns[i].id.name};
  });
  if (repeated < columns.size()) return wrong("column " + columns[repeated].id.name + " twice");
  size_t covered = 0;
  LabelsView before;
  for (const Group& group : groups) {
    if (group.first_row != covered) return wrong("groups have a gap");
    covered += group.row_count;
    if (!has_names_of(group.labels, before) && !is_sorted_by_name(group.labels))
      return wrong("labels are not sorted");
    before = group.labels;
  }
  if (covered != row_count) return wrong("groups do not cover the rows");
  if (row_count > 0 && find_fixed(column::kTime) == nullptr) return wrong("no time column");
  return {};
}

void BatchBuilder::begin_group(LabelsView labels) {
  begin_group(labels, hash_labels_wide(labels));
}

void BatchBuilder::begin_group(LabelsView labels, const Hash128& hash) {
  batch_.groups.push_back({labels, hash.low, static_cast<uint32_t>(batch_.row_count), 0, hash.high});
}

void BatchBuilder::begin_group_copy(LabelsView labels) {
  LabelRef* copies = batch_.arena.allocate_array<LabelRef>(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    new (copies + i) LabelRef{batch_.arena.copy(labels[i].name), batch_.arena.copy(labels[i].value)};
  }
  begin_group(LabelsView(copies, labels.size()));
}

void BatchBuilder::add_row(UnixNanos time) {
  if (batch_.groups.empty()) begin_group({});
  if (times_.capacity() == 0) times_.reserve(std::max(kRowsReserved, rows_expected));
  times_.push_back(time.value);
  ++batch_.row_count;
  ++batch_.groups.back().row_count;
  previous_ = 0;
}

void BatchBuilder::drop_row() {
  OBELISK_ASSERT(batch_.row_count > 0);
  --batch_.row_count;
  --batch_.groups.back().row_count;
  times_.pop_back();
  for (ColumnData& data : batch_.columns) {
    if (data.present.size() > batch_.row_count) resize_column(data, batch_.row_count);
  }
}

uint32_t BatchBuilder::add_column(Scope scope, std::string_view name, ColumnType type, uint64_t hash) {
  uint32_t index = static_cast<uint32_t>(batch_.columns.size());
  ColumnMemory& memory = ColumnMemory::of_this_thread();
  if (batch_.columns.capacity() == 0) {
    batch_.columns = memory.take_list();
    batch_.columns.reserve(kColumnsReserved);
    by_hash_ = memory.take_table();
    by_hash_.reserve(kColumnsReserved);
  }
  ColumnData& data = batch_.columns.emplace_back(memory.take(type));
  data.id.scope = scope;
  data.id.name.assign(name);
  data.type = type;
  successors_.resize((batch_.columns.size() + 1) * kSuccessors, kNoColumn);
  by_hash_[hash] = index;
  return index;
}

uint32_t BatchBuilder::find_or_add(Scope scope, std::string_view name, ColumnType type) {
  auto matches = [&](const ColumnData& data) {
    return data.id.scope == scope && data.type == type && data.id.name == name;
  };
  std::vector<ColumnData>& columns = batch_.columns;
  uint64_t hash = hash_column(scope, name, type);
  auto found = by_hash_.find(hash);
  // The table may know it from an earlier batch.
  if (found == by_hash_.end() || found->second >= columns.size()) return add_column(scope, name, type, hash);
  const ColumnData& at = columns[found->second];
  if (matches(at)) return found->second;
  if (hash_column(at.id.scope, at.id.name, at.type) != hash) return add_column(scope, name, type, hash);
  // Of two columns with one hash the table has the later.
  auto it = std::find_if(columns.begin(), columns.end(), matches);
  if (it != columns.end()) return static_cast<uint32_t>(it - columns.begin());
  return add_column(scope, name, type, hash);
}

[[gnu::always_inline]] inline ColumnData& BatchBuilder::column_for(Scope scope, std::string_view name,
                                                                   ColumnType type) {
  size_t guess_at = previous_ * kSuccessors + name.size() % kSuccessors;
  uint32_t column = guess_at < successors_.size() ? successors_[guess_at] : kNoColumn;
  if (column != kNoColumn) {
    const ColumnData& guess = batch_.columns[column];
    if (guess.type != type || guess.id.scope != scope || !equal_texts(guess.id.name, name))
      column = kNoColumn;
  }
  if (column == kNoColumn) [[unlikely]] {
    column = find_or_add(scope, name, type);
    successors_[guess_at] = column;
  }
  previous_ = column + 1;
  return batch_.columns[column];
}

namespace {

// Makes room for row `row` of a column, and for some that come after it.
template <typename Value>
[[gnu::noinline]] void grow_column(ColumnData& data, std::vector<Value>& values, size_t row,
                                   size_t reserved) {
  constexpr size_t kStepMin = 16, kStepMax = 256;
  if (values.empty()) {
    values.reserve(reserved);
    data.present.reserve(reserved);
  }
  size_t size = std::max(row + 1, values.size() + std::clamp(values.size(), kStepMin, kStepMax));
  if (size > values.capacity() && row < values.capacity()) size = values.capacity();
  values.resize(size);
  data.present.resize(size);
}

}  // namespace

// While columns grow, they have as many values as flags, zero where a row has none; finish() cuts them.
template <typename Value>
[[gnu::always_inline]] inline void BatchBuilder::put(ColumnData& data, std::vector<Value>& values,
                                                     const Value& value) {
  OBELISK_ASSERT(batch_.row_count > 0);
  ++value_count_;
  size_t row = batch_.row_count - 1;
  if (row >= data.present.size()) [[unlikely]]
    grow_column(data, values, row, rows_to_reserve(times_.capacity(), batch_.columns.size()));
  values[row] = value;
  data.present[row] = 1;
}

template <typename Value>
void BatchBuilder::fill(size_t first_row, ColumnData& data, std::vector<Value>& values, const Value& value) {
  if (first_row >= batch_.row_count) return;
  size_t count = batch_.row_count - first_row;
  value_count_ += count;
  if (data.present.size() < batch_.row_count) {
    if (values.empty()) {
      size_t reserved = std::max(batch_.row_count, rows_to_reserve(times_.capacity(), batch_.columns.size()));
      values.reserve(reserved);
      data.present.reserve(reserved);
    }
    // What is filled is not cleared first.
    values.resize(first_row);
    data.present.resize(first_row);
    values.insert(values.end(), count, value);
    data.present.insert(data.present.end(), count, 1);
    return;
  }
  std::fill_n(values.begin() + static_cast<ptrdiff_t>(first_row), count, value);
  std::fill_n(data.present.begin() + static_cast<ptrdiff_t>(first_row), count, 1);
}

void BatchBuilder::set_int(Scope scope, std::string_view name, int64_t value, ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::int64 || type == ColumnType::boolean);
  ColumnData& data = column_for(scope, name, type);
  put(data, data.ints, value);
}

void BatchBuilder::set_float(Scope scope, std::string_view name, double value) {
  ColumnData& data = column_for(scope, name, ColumnType::float64);
  put(data, data.floats, value);
}

void BatchBuilder::set_string(Scope scope, std::string_view name, std::string_view value, ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::string || type == ColumnType::bytes || type == ColumnType::any);
  ColumnData& data = column_for(scope, name, type);
  put(data, data.strings, value);
}

void BatchBuilder::set_trace_id(Scope scope, std::string_view name, const TraceId& value) {
  ColumnData& data = column_for(scope, name, ColumnType::trace_id);
  put(data, data.trace_ids, value);
}

void BatchBuilder::fill_int(size_t first_row, Scope scope, std::string_view name, int64_t value,
                            ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::int64 || type == ColumnType::boolean);
  if (first_row >= batch_.row_count) return;
  ColumnData& data = column_for(scope, name, type);
  fill(first_row, data, data.ints, value);
}

void BatchBuilder::fill_float(size_t first_row, Scope scope, std::string_view name, double value) {
  if (first_row >= batch_.row_count) return;
  ColumnData& data = column_for(scope, name, ColumnType::float64);
  fill(first_row, data, data.floats, value);
}

void BatchBuilder::fill_string(size_t first_row, Scope scope, std::string_view name, std::string_view value,
                               ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::string || type == ColumnType::bytes || type == ColumnType::any);
  if (first_row >= batch_.row_count) return;
  ColumnData& data = column_for(scope, name, type);
  fill(first_row, data, data.strings, value);
}

Batch BatchBuilder::finish() {
  rows_expected = std::min(batch_.row_count, kRowsExpectedMax);
  for (ColumnData& data : batch_.columns) resize_column(data, batch_.row_count);
  // A column may have lost all its values to drop_row.
  std::erase_if(batch_.columns, [&](const ColumnData& data) {
    return batch_.row_count == 0 || std::memchr(data.present.data(), 1, data.present.size()) == nullptr;
  });
  for (ColumnData& data : batch_.columns) {
    if (std::memchr(data.present.data(), 0, data.present.size()) == nullptr) data.present.clear();
  }
  ColumnData time;
  time.id = fixed_column(column::kTime);
  time.type = ColumnType::int64;
  time.ints = std::move(times_);
  batch_.columns.push_back(std::move(time));
  std::erase_if(batch_.groups, [](const Group& group) { return group.row_count == 0; });
  Batch done = std::move(batch_);
  ColumnMemory::of_this_thread().give_back(std::move(by_hash_));
  *this = BatchBuilder(done.table);
  return done;
}

}  // namespace obelisk
