#include "storage/embedded/metrics/metadata_rows.h"

#include <algorithm>
#include <bit>

#include "codec/byte_reader.h"

namespace obelisk {
namespace {

// A key: label count, (name, value) each; column count, then for each column in order of its id and type:
// scope, type, name, value. Texts with their length; integers as signed varints, floats as eight bytes, trace
// ids as sixteen.
std::string labels_key(LabelsView labels) {
  std::string key;
  append_varint(key, labels.size());
  for (const LabelRef& label : labels) {
    append_text(key, label.name);
    append_text(key, label.value);
  }
  return key;
}

void append_value(const ColumnData& data, size_t row, std::string& key) {
  key.push_back(static_cast<char>(data.id.scope));
  key.push_back(static_cast<char>(data.type));
  append_text(key, data.id.name);
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      append_signed_varint(key, data.ints[row]);
      break;
    case ColumnType::float64:
      append_fixed(key, data.floats[row]);
      break;
    case ColumnType::trace_id:
      key.append(data.trace_ids[row].view());
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      append_text(key, data.strings[row]);
      break;
  }
}

std::vector<const ColumnData*> sorted_columns(const Batch& batch) {
  std::vector<const ColumnData*> columns;
  for (const ColumnData& data : batch.columns) {
    if (data.id.scope != Scope::fixed || data.id.name != column::kTime) columns.push_back(&data);
  }
  std::sort(columns.begin(), columns.end(), [](const ColumnData* a, const ColumnData* b) {
    return std::tie(a->id, a->type) < std::tie(b->id, b->type);
  });
  return columns;
}

Error corrupt() {
  return make_error(ErrorCode::corrupt, "metadata rows: bytes cut, trailing or out of range");
}

// Builds rows from keys; text is copied into the batch.
class KeyReader {
 public:
  KeyReader(std::string_view key, BatchBuilder& builder) : reader_(key), builder_(builder) {}

  Result<void> begin_group(std::string& current, bool& has_group) {
    uint64_t count = reader_.varint_up_to(reader_.left());
    std::vector<LabelRef> labels;
    for (uint64_t i = 0; i < count && !reader_.failed(); ++i) {
      std::string_view name = reader_.text();
      labels.push_back({name, reader_.text()});
    }
    if (reader_.failed()) return corrupt();
    for (size_t i = 1; i < labels.size(); ++i) {
      if (labels[i - 1].name >= labels[i].name) return corrupt();
    }
    std::string key = labels_key(labels);
    if (!has_group || key != current) builder_.begin_group_copy(labels);
    has_group = true;
    current = std::move(key);
    return {};
  }

  Result<void> add_row(int64_t time) {
    builder_.add_row({time});
    uint64_t count = reader_.varint_up_to(reader_.left());
    for (uint64_t i = 0; i < count; ++i) OBELISK_CHECK_OK(add_value());
    if (!reader_.at_end()) return corrupt();
    return {};
  }

 private:
  Result<void> add_value() {
    uint8_t scope_number = reader_.u8();
    uint8_t type_number = reader_.u8();
    std::string_view name = reader_.text();
    if (reader_.failed() || scope_number > static_cast<uint8_t>(kScopeMax) ||
        type_number > static_cast<uint8_t>(ColumnType::any)) {
      return corrupt();
    }
    Scope scope = static_cast<Scope>(scope_number);
    ColumnType type = static_cast<ColumnType>(type_number);
    switch (type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        builder_.set_int(scope, name, reader_.signed_varint(), type);
        break;
      case ColumnType::float64:
        builder_.set_float(scope, name, reader_.fixed<double>());
        break;
      case ColumnType::trace_id: {
        auto id = TraceId::from_bytes(reader_.bytes(16));
        if (!id) return corrupt();
        builder_.set_trace_id(scope, name, *id);
        break;
      }
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        builder_.set_string(scope, name, builder_.arena().copy(reader_.text()), type);
        break;
    }
    return {};
  }

  ByteReader reader_;
  BatchBuilder& builder_;
};

}  // namespace

uint64_t MetadataRows::add(const Batch& batch) {
  OBELISK_ASSERT(batch.table == Table::metadata);
  uint64_t refused = 0;
  if (batch.row_count == 0) return refused;
  std::vector<const ColumnData*> columns = sorted_columns(batch);
  for (const Group& group : batch.groups) {
    std::string labels = labels_key(group.labels);
    for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
      std::string key = labels;
      size_t present = 0;
      for (const ColumnData* data : columns) present += data->is_present(row) ? 1 : 0;
      append_varint(key, present);
      for (const ColumnData* data : columns) {
        if (data->is_present(row)) append_value(*data, row, key);
      }
      int64_t time = batch.times()[row];
      if (!add_row(std::move(key), time, time)) ++refused;
    }
  }
  return refused;
}

bool MetadataRows::add_row(std::string key, int64_t first_time, int64_t last_time) {
  auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    Row& row = *found->second;
    row.first_time = std::min(row.first_time, first_time);
    row.last_time = std::max(row.last_time, last_time);
    rows_.splice(rows_.end(), rows_, found->second);
    return true;
  }
  if (key_bytes_ + key.size() > kMetadataBytesMax) return false;
  key_bytes_ += key.size();
  rows_.push_back({std::move(key), first_time, last_time});
  by_key_.emplace(rows_.back().key, std::prev(rows_.end()));
  return true;
}

void MetadataRows::add_all(const MetadataRows& later) {
  for (const Row& row : later.rows_) add_row(row.key, row.first_time, row.last_time);
}

Result<Batch> MetadataRows::to_batch(const TimeRange& range) const {
  BatchBuilder builder(Table::metadata);
  std::string group;
  bool has_group = false;
  for (const Row& row : rows_) {
    if (row.last_time < range.begin.value || row.first_time >= range.end.value) continue;
    KeyReader reader(row.key, builder);
    OBELISK_CHECK_OK(reader.begin_group(group, has_group));
    OBELISK_CHECK_OK(reader.add_row(std::min(row.last_time, range.end.value - 1)));
  }
  return builder.finish();
}

std::string MetadataRows::encode() const {
  std::string out;
  append_varint(out, rows_.size());
  for (const Row& row : rows_) {
    append_signed_varint(out, row.first_time);
    append_varint(out, static_cast<uint64_t>(row.last_time) - static_cast<uint64_t>(row.first_time));
    append_text(out, row.key);
  }
  return out;
}

Result<void> MetadataRows::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  uint64_t count = reader.varint_up_to(bytes.size());
  for (uint64_t i = 0; i < count; ++i) {
    int64_t first_time = reader.signed_varint();
    int64_t last_time = static_cast<int64_t>(static_cast<uint64_t>(first_time) + reader.varint());
    std::string key(reader.text());
    if (reader.failed() || last_time < first_time) return corrupt();
    add_row(std::move(key), first_time, last_time);
  }
  if (!reader.at_end()) return corrupt();
  return {};
}

}  // namespace obelisk
