#include "storage/embedded/events/column_union.h"

#include <algorithm>
#include <map>

namespace obelisk {
namespace {

struct ColumnKey {
  const ColumnId* id;
  ColumnType type;
  bool operator<(const ColumnKey& other) const {
    if (*id != *other.id) return *id < *other.id;
    return type < other.type;
  }
};

bool is_wanted(const ColumnId& id, const std::vector<ColumnId>* wanted) {
  if (wanted == nullptr) return true;
  if (id.scope == Scope::fixed && id.name == column::kTime) return true;
  return std::find(wanted->begin(), wanted->end(), id) != wanted->end();
}

template <typename T, typename Member>
void gather_values(const UnionColumn& column, const std::vector<RowRef>& refs, Member member,
                   std::vector<T>& out) {
  out.resize(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    const ColumnData* data = column.of_batch[refs[i].batch];
    if (data != nullptr) out[i] = (data->*member)[refs[i].row];
  }
}

// Leaves `present` empty when every row has a value; returns whether any has.
bool gather_presence(const UnionColumn& column, const std::vector<RowRef>& refs,
                     std::vector<uint8_t>& present) {
  present.resize(refs.size());
  size_t count = 0;
  for (size_t i = 0; i < refs.size(); ++i) {
    const ColumnData* data = column.of_batch[refs[i].batch];
    present[i] = data != nullptr && data->is_present(refs[i].row);
    count += present[i];
  }
  if (count == refs.size()) present.clear();
  return count > 0;
}

}  // namespace

std::vector<UnionColumn> column_union(const std::vector<BatchPtr>& batches,
                                      const std::vector<ColumnId>* wanted) {
  std::map<ColumnKey, std::vector<const ColumnData*>> found;
  for (size_t i = 0; i < batches.size(); ++i) {
    for (const ColumnData& data : batches[i]->columns) {
      if (!is_wanted(data.id, wanted)) continue;
      std::vector<const ColumnData*>& of_batch = found[{&data.id, data.type}];
      of_batch.resize(batches.size());
      of_batch[i] = &data;
    }
  }
  std::vector<UnionColumn> columns;
  columns.reserve(found.size());
  for (auto& [key, of_batch] : found) columns.push_back({*key.id, key.type, std::move(of_batch)});
  return columns;
}

Batch gather_columns(Table table, const std::vector<BatchPtr>& batches, const std::vector<RowRef>& refs,
                     const std::vector<ColumnId>* wanted, bool copy_strings) {
  Batch out(table);
  out.row_count = refs.size();
  for (UnionColumn& column : column_union(batches, wanted)) {
    ColumnData data;
    if (!gather_presence(column, refs, data.present)) continue;
    data.id = std::move(column.id);
    data.type = column.type;
    switch (column.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        gather_values(column, refs, &ColumnData::ints, data.ints);
        break;
      case ColumnType::float64:
        gather_values(column, refs, &ColumnData::floats, data.floats);
        break;
      case ColumnType::trace_id:
        gather_values(column, refs, &ColumnData::trace_ids, data.trace_ids);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        gather_values(column, refs, &ColumnData::strings, data.strings);
        if (copy_strings) {
          for (std::string_view& text : data.strings) text = out.arena.copy(text);
        }
    }
    out.columns.push_back(std::move(data));
  }
  const Group* current = nullptr;
  for (uint32_t i = 0; i < refs.size(); ++i) {
    const Group& group = group_of_row(*batches[refs[i].batch], refs[i].row);
    bool same = current != nullptr && (current == &group || (current->labels_hash == group.labels_hash &&
                                                             labels_equal(current->labels, group.labels)));
    if (!same) {
      LabelsView labels = group.labels;
      if (copy_strings) {
        LabelRef* copies = out.arena.allocate_array<LabelRef>(labels.size());
        for (size_t j = 0; j < labels.size(); ++j) {
          new (copies + j) LabelRef{out.arena.copy(labels[j].name), out.arena.copy(labels[j].value)};
        }
        labels = LabelsView(copies, labels.size());
      }
      out.groups.push_back({labels, group.labels_hash, i, 0});
    }
    current = &group;
    ++out.groups.back().row_count;
  }
  if (copy_strings) return out;
  for (const BatchPtr& batch : batches) {
    // What its texts point into, without the columns, which were copied.
    if (batch->arena.allocated_bytes() == 0) {
      out.owners.insert(out.owners.end(), batch->owners.begin(), batch->owners.end());
    } else {
      out.owners.push_back(batch);
    }
  }
  return out;
}

const Group& group_of_row(const Batch& batch, uint32_t row) {
  auto after = std::upper_bound(batch.groups.begin(), batch.groups.end(), row,
                                [](uint32_t wanted, const Group& group) { return wanted < group.first_row; });
  // Empty groups share their first row with the next one; the last of them holds the row.
  return *(after - 1);
}

size_t batch_footprint(const Batch& batch) {
  size_t total = batch.memory_bytes();
  for (const ColumnData& data : batch.columns) {
    for (std::string_view text : data.strings) total += text.size();
  }
  return total;
}

}  // namespace obelisk
