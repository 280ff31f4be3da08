#include "plan/column_memory.h"

#include <algorithm>

namespace obelisk {

ColumnMemory& ColumnMemory::of_this_thread() {
  thread_local ColumnMemory memory;
  return memory;
}

size_t ColumnMemory::kind_of(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      return 0;
    case ColumnType::float64:
      return 1;
    case ColumnType::trace_id:
      return 2;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      return 3;
  }
  return 3;
}

ColumnData ColumnMemory::take(ColumnType type) {
  std::vector<ColumnData>& columns = columns_[kind_of(type)];
  if (columns.empty()) return {};
  ColumnData data = std::move(columns.back());
  columns.pop_back();
  return data;
}

void ColumnMemory::give_back(std::vector<ColumnData> columns) {
  // The last one first, so that the next batch takes them in the order of this one.
  for (; !columns.empty(); columns.pop_back()) {
    ColumnData& data = columns.back();
    size_t rows = std::max({data.present.capacity(), data.ints.capacity(), data.floats.capacity(),
                            data.strings.capacity(), data.trace_ids.capacity()});
    std::vector<ColumnData>& kept = columns_[kind_of(data.type)];
    if (rows > kRowsKeptMax || kept.size() == kColumnsKeptMax) continue;
    data.present.clear();
    data.ints.clear();
    data.floats.clear();
    data.strings.clear();
    data.trace_ids.clear();
    kept.push_back(std::move(data));
  }
  if (columns.capacity() <= kColumnsKeptMax && columns.capacity() > list_.capacity())
    list_ = std::move(columns);
}

void ColumnMemory::give_back(HashTable&& table) {
  if (table.size() <= kHashesKeptMax && table.size() > table_.size()) table_ = std::move(table);
}

void recycle_columns(Batch&& batch) {
  ColumnMemory::of_this_thread().give_back(std::move(batch.columns));
  batch.columns.clear();
}

}  // namespace obelisk
