#include "plan/batch.h"

#include <algorithm>

namespace obelisk {
namespace {

size_t value_count(const ColumnData& data) {
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64: return data.ints.size();
    case ColumnType::float64: return data.floats.size();
    case ColumnType::trace_id: return data.trace_ids.size();
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any: return data.strings.size();
  }
  return 0;
}

void resize_values(ColumnData& data, size_t count) {
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64: data.ints.resize(count); break;
    case ColumnType::float64: data.floats.resize(count); break;
    case ColumnType::trace_id: data.trace_ids.resize(count); break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any: data.strings.resize(count); break;
  }
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
    total += sizeof(ColumnData) + data.present.capacity() + data.ints.capacity() * 8 + data.floats.capacity() * 8 +
             data.strings.capacity() * sizeof(std::string_view) + data.trace_ids.capacity() * sizeof(TraceId);
  }
  return total;
}

Result<void> Batch::check() const {
  auto wrong = [](std::string message) { return make_error(ErrorCode::corrupt, "batch: " + std::move(message)); };
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnData& data = columns[i];
    if (value_count(data) != row_count) return wrong("column " + data.id.name + " has another number of rows");
    if (!data.present.empty() && data.present.size() != row_count) return wrong("presence of " + data.id.name);
    for (size_t j = 0; j < i; ++j) {
      if (columns[j].type == data.type && columns[j].id == data.id) return wrong("column " + data.id.name + " twice");
    }
  }
  size_t covered = 0;
  for (const Group& group : groups) {
    if (group.first_row != covered) return wrong("groups have a gap");
    covered += group.row_count;
    for (size_t i = 1; i < group.labels.size(); ++i) {
      if (group.labels[i - 1].name >= group.labels[i].name) return wrong("labels are not sorted");
    }
  }
  if (covered != row_count) return wrong("groups do not cover the rows");
  if (row_count > 0 && find_fixed(column::kTime) == nullptr) return wrong("no time column");
  return {};
}

void BatchBuilder::begin_group(LabelsView labels) {
  batch_.groups.push_back({labels, hash_labels(labels), static_cast<uint32_t>(batch_.row_count), 0});
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
  times_.push_back(time.value);
  ++batch_.row_count;
  ++batch_.groups.back().row_count;
  speculated_ = 0;
}

void BatchBuilder::drop_row() {
  OBELISK_ASSERT(batch_.row_count > 0);
  --batch_.row_count;
  --batch_.groups.back().row_count;
  times_.pop_back();
  for (ColumnData& data : batch_.columns) {
    if (data.present.size() > batch_.row_count) {
      data.present.resize(batch_.row_count);
      resize_values(data, batch_.row_count);
    }
  }
}

ColumnData& BatchBuilder::column_for(Scope scope, std::string_view name, ColumnType type) {
  auto matches = [&](const ColumnData& data) {
    return data.id.scope == scope && data.type == type && data.id.name == name;
  };
  std::vector<ColumnData>& columns = batch_.columns;
  size_t found = speculated_;
  if (found >= columns.size() || !matches(columns[found])) {
    found = static_cast<size_t>(std::find_if(columns.begin(), columns.end(), matches) - columns.begin());
    if (found == columns.size()) {
      columns.emplace_back();
      columns.back().id = ColumnId{scope, std::string(name)};
      columns.back().type = type;
    }
  }
  speculated_ = found + 1;
  ColumnData& data = columns[found];
  pad(data, batch_.row_count);
  data.present.back() = 1;
  return data;
}

void BatchBuilder::pad(ColumnData& data, size_t row_count) {
  data.present.resize(row_count);
  resize_values(data, row_count);
}

void BatchBuilder::set_int(Scope scope, std::string_view name, int64_t value, ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::int64 || type == ColumnType::boolean);
  column_for(scope, name, type).ints.back() = value;
}

void BatchBuilder::set_float(Scope scope, std::string_view name, double value) {
  column_for(scope, name, ColumnType::float64).floats.back() = value;
}

void BatchBuilder::set_string(Scope scope, std::string_view name, std::string_view value, ColumnType type) {
  OBELISK_ASSERT(type == ColumnType::string || type == ColumnType::bytes || type == ColumnType::any);
  column_for(scope, name, type).strings.back() = value;
}

void BatchBuilder::set_trace_id(Scope scope, std::string_view name, const TraceId& value) {
  column_for(scope, name, ColumnType::trace_id).trace_ids.back() = value;
}

Batch BatchBuilder::finish() {
  for (ColumnData& data : batch_.columns) {
    pad(data, batch_.row_count);
    if (std::find(data.present.begin(), data.present.end(), 0) == data.present.end()) data.present.clear();
  }
  ColumnData time;
  time.id = fixed_column(column::kTime);
  time.type = ColumnType::int64;
  time.ints = std::move(times_);
  batch_.columns.push_back(std::move(time));
  std::erase_if(batch_.groups, [](const Group& group) { return group.row_count == 0; });
  Batch done = std::move(batch_);
  batch_ = Batch(done.table);
  times_.clear();
  return done;
}

}  // namespace obelisk
