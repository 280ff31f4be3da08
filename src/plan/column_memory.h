#pragma once
// Memory of columns that a thread uses again: what a request of few rows costs is mostly that every column is
// allocated, filled with a handful of values and freed. BatchBuilder takes its columns here; who is done with
// a batch on the thread that built it gives them back. Bounds, a thread: kColumnsKeptMax columns of each kind
// of values, none with room for more than kRowsKeptMax rows (1.5 MiB of each kind when all are full), and a
// table of kHashesKeptMax hashes.
#include <unordered_map>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class ColumnMemory {
 public:
  static constexpr size_t kColumnsKeptMax = 128;
  static constexpr size_t kRowsKeptMax = 512;
  static constexpr size_t kHashesKeptMax = 512;

  static ColumnMemory& of_this_thread();

  // A column without values. Its name is some name: the caller sets it.
  ColumnData take(ColumnType type);
  // An empty list with room for the columns of a batch.
  std::vector<ColumnData> take_list() { return std::move(list_); }
  void give_back(std::vector<ColumnData> columns);

  // A table from hash to column as an earlier batch left it, so that its nodes are used again: what it says
  // holds of that batch, not of the one it is taken for.
  using HashTable = std::unordered_map<uint64_t, uint32_t>;
  HashTable take_table() { return std::move(table_); }
  void give_back(HashTable&& table);

 private:
  static constexpr size_t kKinds = 4;  // integers, floats, texts, trace ids
  static size_t kind_of(ColumnType type);

  std::vector<ColumnData> columns_[kKinds];
  std::vector<ColumnData> list_;
  HashTable table_;
};

// Gives back the columns of a batch that nobody needs any more.
void recycle_columns(Batch&& batch);

}  // namespace obelisk
