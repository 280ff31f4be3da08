#pragma once
// A batch as encode_batch wrote it, opened without decoding it: its columns are named, and read one at a time
// when they are wanted. This is what the write-ahead log holds and what the heads of events keep in memory, a
// seventh of a decoded batch. Groups are decoded when it is opened.
// Trusts nothing: a batch from a damaged log gives corrupt, here or when a column is read. Immutable; safe
// from any thread. Views point into the bytes, which `owner` keeps. Format: docs/formats/wal.md, "Batch".
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "plan/batch.h"
#include "plan/batch_codec.h"

namespace obelisk {

class ByteReader;

// The values of one column, of the rows that have one. Only the vectors of the type are used.
struct PackedValues {
  size_t count = 0;
  std::vector<uint8_t> present;  // empty: every row has a value; else one a row
  std::vector<int64_t> ints;
  std::vector<double> floats;
  // Texts and trace ids: with `coded` entries and, where there is more than one, their number for each value;
  // else one entry a value.
  bool coded = false;
  std::vector<uint16_t> codes;
  std::vector<std::string_view> texts;
  std::vector<TraceId> trace_ids;

  size_t entry_of(size_t value) const { return !coded ? value : codes.empty() ? 0 : codes[value]; }
};

class PackedBatch {
 public:
  struct Column {
    Scope scope = Scope::fixed;
    ColumnType type = ColumnType::string;
    std::string_view name;
    bool all_present = true;
    uint8_t coding = 0;
    std::string_view bytes;  // presence, then the values

    bool is(const ColumnId& id) const { return scope == id.scope && name == id.name; }
  };

  // All of `bytes` must be one batch; corrupt, unsupported (another version) or too_large otherwise.
  static Result<PackedBatch> open(std::string_view bytes, std::shared_ptr<const void> owner,
                                  const BatchDecodeLimits& limits = {});

  Table table() const { return table_; }
  size_t row_count() const { return row_count_; }
  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<Group>& groups() const { return *groups_; }
  const Column* find_fixed(std::string_view name, ColumnType type) const;
  const Column* find(Scope scope, std::string_view name, ColumnType type) const;

  // Reads every column: corrupt when one is not what it should be.
  Result<void> check() const;
  // Replaces what `out` holds, whose memory is used again.
  Result<void> read(const Column& column, PackedValues& out) const;
  // Bytes of the longest value of a column of text: only the lengths are read.
  Result<size_t> longest_text(const Column& column) const;
  // As a batch with the columns in `wanted` (null: all) and the time. It keeps what it points to.
  Result<Batch> unpack(const std::vector<ColumnId>* wanted) const { return unpack(wanted, nullptr); }
  // The same of these rows (ascending). Columns of which none of them has a value are left out.
  Result<Batch> unpack_rows(const std::vector<uint32_t>& rows, const std::vector<ColumnId>* wanted) const {
    return unpack(wanted, &rows);
  }
  // What unpack(nullptr) takes, roughly.
  size_t unpacked_bytes() const { return row_count_ * columns_.size() * 17; }
  // Of this, with the bytes it was opened from.
  size_t memory_bytes() const;

 private:
  Result<void> parse(std::string_view body, const BatchDecodeLimits& limits);
  Result<void> parse_groups(ByteReader& reader, const BatchDecodeLimits& limits);
  Result<void> parse_columns(ByteReader& reader, const BatchDecodeLimits& limits);
  Error damaged(const Column& column) const;
  std::vector<Group> groups_of(const std::vector<uint32_t>& rows) const;
  Result<Batch> unpack(const std::vector<ColumnId>* wanted, const std::vector<uint32_t>* rows) const;

  Table table_ = Table::logs;
  size_t row_count_ = 0;
  size_t bytes_ = 0;
  std::vector<Column> columns_;
  // Shared with the batches that were unpacked from this.
  std::shared_ptr<const std::vector<Group>> groups_;
  std::shared_ptr<const Arena> arena_;  // label arrays
  std::shared_ptr<const void> owner_;
};

}  // namespace obelisk
