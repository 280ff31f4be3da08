#pragma once
// A batch: rows of one table in columns, in groups. It is what decoders produce, the write-ahead log holds,
// stores keep in memory, and cursors return.
//
// Invariants (checked by Batch::check):
// * every column has row_count values in the vector of its type; `present` is empty (all present) or has
// row_count
//   entries of 0 or 1; the value of an absent row is zero or empty;
// * no two columns share scope, name and type;
// * groups cover the rows in order without gaps; labels are sorted (model/labels.h). A batch of spans or
// metadata
//   that is not grouped has one group without labels.
// A batch is built by one thread, then moved or shared as const. Strings point into the batch's arena or into
// one of its owners (a request body, a log segment, a block), which the batch keeps alive.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"
#include "model/labels.h"
#include "plan/columns.h"

namespace obelisk {

struct ColumnData {
  ColumnId id;
  ColumnType type = ColumnType::string;
  std::vector<uint8_t> present;
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<std::string_view> strings;
  std::vector<TraceId> trace_ids;

  bool is_present(size_t row) const { return present.empty() || present[row] != 0; }
};

struct Group {
  LabelsView labels;
  uint64_t labels_hash = 0;  // hash_labels(labels)
  uint32_t first_row = 0;
  uint32_t row_count = 0;
  uint64_t labels_hash_high = 0;  // the other half of hash_labels_wide(labels); 0 where it was not computed
};

struct Batch {
  Table table = Table::logs;
  size_t row_count = 0;
  std::vector<ColumnData> columns;
  std::vector<Group> groups;
  Arena arena;
  std::vector<std::shared_ptr<const void>> owners;

  Batch() = default;
  explicit Batch(Table of) : table(of) {}
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;

  // The first column with this id, whatever its type; null when the batch has none.
  const ColumnData* find(const ColumnId& id) const;
  const ColumnData* find(const ColumnId& id, ColumnType type) const;
  const ColumnData* find_fixed(std::string_view name) const;
  // The time column; asserted to exist.
  const std::vector<int64_t>& times() const;
  // Memory held, including what the arena allocated but not what owners hold.
  size_t memory_bytes() const;
  Result<void> check() const;
};

using BatchPtr = std::shared_ptr<const Batch>;

// Builds a batch row by row without an allocation a row. Columns are found by (scope, name, type); the lookup
// guesses that the column set after this one is the one that was set after it the last time, which real
// telemetry does, and falls back to a search. Rows not set in a column are absent in it.
class BatchBuilder {
 public:
  explicit BatchBuilder(Table table) : batch_(table) {}

  Arena& arena() { return batch_.arena; }
  void keep_alive(std::shared_ptr<const void> owner) { batch_.owners.push_back(std::move(owner)); }

  // Following rows belong to a group with these labels (sorted; the views must outlive the batch: use the
  // arena).
  void begin_group(LabelsView labels);
  // The same where the caller knows hash_labels_wide(labels).
  void begin_group(LabelsView labels, const Hash128& hash);
  // Copies `labels` into the arena first.
  void begin_group_copy(LabelsView labels);
  // Starts a row; the following set_* calls fill it. Needs a group: one without labels is begun if there is
  // none.
  void add_row(UnixNanos time);
  // Changes the time of the row just added, for decoders that learn it last.
  void set_time(UnixNanos time) { times_.back() = time.value; }
  // Removes the row just added and its values (a record that turned out to be invalid).
  void drop_row();
  size_t row_count() const { return batch_.row_count; }
  // How many columns there are, and how many values were set: a decoder whose rows share few columns watches
  // their ratio, since finish() pads every column to row_count.
  size_t column_count() const { return batch_.columns.size(); }
  size_t value_count() const { return value_count_; }

  void set_int(Scope scope, std::string_view name, int64_t value, ColumnType type = ColumnType::int64);
  void set_float(Scope scope, std::string_view name, double value);
  // The view must outlive the batch.
  void set_string(Scope scope, std::string_view name, std::string_view value,
                  ColumnType type = ColumnType::string);
  void set_trace_id(Scope scope, std::string_view name, const TraceId& value);

  // Set the same value in all rows from `first_row` to the last: what rows have from their resource, once a
  // run of them is complete. Overwrites what a row had in that column.
  void fill_int(size_t first_row, Scope scope, std::string_view name, int64_t value,
                ColumnType type = ColumnType::int64);
  void fill_float(size_t first_row, Scope scope, std::string_view name, double value);
  void fill_string(size_t first_row, Scope scope, std::string_view name, std::string_view value,
                   ColumnType type = ColumnType::string);

  // Pads all columns and returns the batch; empty groups are removed. The builder is then empty.
  Batch finish();

 private:
  static constexpr uint32_t kNoColumn = UINT32_MAX;

  ColumnData& column_for(Scope scope, std::string_view name, ColumnType type);
  uint32_t find_or_add(Scope scope, std::string_view name, ColumnType type);
  uint32_t add_column(Scope scope, std::string_view name, ColumnType type, uint64_t hash);
  template <typename Value>
  void put(ColumnData& data, std::vector<Value>& values, const Value& value);
  template <typename Value>
  void fill(size_t first_row, ColumnData& data, std::vector<Value>& values, const Value& value);

  Batch batch_;
  std::vector<int64_t> times_;
  size_t value_count_ = 0;
  uint32_t previous_ = 0;  // position in successors_: 0 at the start of a row, else column + 1
  std::vector<uint32_t> successors_{kNoColumn};  // the column that was set after this one the last time
  std::unordered_map<uint64_t, uint32_t> by_hash_;
};

}  // namespace obelisk
