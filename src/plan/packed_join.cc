#include "plan/packed_join.h"

#include <absl/container/flat_hash_map.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/short_text.h"
#include "plan/batch_codec.h"

namespace obelisk {
namespace {

constexpr uint32_t kNoColumn = UINT32_MAX;
constexpr size_t kEntriesMax = UINT16_MAX;  // beyond, values are written out

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

struct HashValue {
  size_t operator()(std::string_view text) const { return hash_short_text(text); }
  size_t operator()(const TraceId& id) const { return absl::Hash<std::string_view>()(id.view()); }
};
struct SameValue {
  bool operator()(std::string_view a, std::string_view b) const { return equal_texts(a, b); }
  bool operator()(const TraceId& a, const TraceId& b) const { return a == b; }
};

// Texts or trace ids as they grow: the distinct ones with the number of each value's, as long as batches give
// them so, else one after the other.
template <typename Value>
class JoinedValues {
 public:
  void add(const PackedValues& values, const std::vector<Value>& given) {
    if (values.count == 0) return;
    if (is_coded_ && values.coded && entries_.size() + given.size() <= kEntriesMax)
      return add_coded(values, given);
    write_out();
    if (!values.coded) return append(entries_, given);
    size_t start = entries_.size();
    entries_.resize(start + values.count);
    for (size_t i = 0; i < values.count; ++i) entries_[start + i] = given[values.entry_of(i)];
  }

  std::span<const Value> entries() const { return entries_; }
  std::span<const uint16_t> codes() const { return codes_; }  // empty: an entry is a value

  void clear() {
    is_coded_ = true;
    entries_.clear();
    codes_.clear();
    numbers_.clear();
  }
  size_t memory_bytes() const {
    return entries_.capacity() * sizeof(Value) + codes_.capacity() * 2 +
           numbers_.capacity() * (sizeof(Value) + 3);
  }

 private:
  // A look-up an entry of the batch, not one a value.
  void add_coded(const PackedValues& values, const std::vector<Value>& given) {
    if (values.codes.empty()) {
      codes_.resize(codes_.size() + values.count, number_of(given.at(0)));
      return;
    }
    given_numbers_.clear();
    for (const Value& value : given) given_numbers_.push_back(number_of(value));
    size_t start = codes_.size();
    codes_.resize(start + values.count);
    for (size_t i = 0; i < values.count; ++i) codes_[start + i] = given_numbers_[values.codes[i]];
  }

  uint16_t number_of(const Value& value) {
    auto [place, fresh] = numbers_.try_emplace(value, static_cast<uint16_t>(entries_.size()));
    if (fresh) entries_.push_back(value);
    return place->second;
  }

  void write_out() {
    if (!is_coded_) return;
    is_coded_ = false;
    std::vector<Value> values;
    values.reserve(codes_.size());
    for (uint16_t code : codes_) values.push_back(entries_[code]);
    entries_ = std::move(values);
    codes_.clear();
    numbers_.clear();
  }

  bool is_coded_ = true;
  std::vector<Value> entries_;
  std::vector<uint16_t> codes_;
  absl::flat_hash_map<Value, uint16_t, HashValue, SameValue> numbers_;
  std::vector<uint16_t> given_numbers_;
};

// A column as it grows: values of the rows that have one.
struct JoinedColumn {
  Scope scope = Scope::fixed;
  ColumnType type = ColumnType::string;
  std::string name;
  size_t rows = 0;               // so many of the joined rows are covered
  std::vector<uint8_t> present;  // empty while every covered row has a value
  std::vector<int64_t> ints;
  std::vector<double> floats;
  JoinedValues<std::string_view> texts;
  JoinedValues<TraceId> trace_ids;

  // Rows up to `end` have no value.
  void cover(size_t end) {
    if (rows == end) return;
    present.resize(rows, 1);
    present.resize(end, 0);
    rows = end;
  }

  void add(const PackedValues& values, size_t row_count) {
    if (!values.present.empty()) {
      present.resize(rows, 1);
      append(present, values.present);
    } else if (!present.empty()) {
      present.resize(rows + row_count, 1);
    }
    rows += row_count;
    switch (type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        append(ints, values.ints);
        break;
      case ColumnType::float64:
        append(floats, values.floats);
        break;
      case ColumnType::trace_id:
        trace_ids.add(values, values.trace_ids);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        texts.add(values, values.texts);
        break;
    }
  }

  PresentColumn encoded() const {
    bool is_trace_id = type == ColumnType::trace_id;
    return {scope,
            type,
            name,
            present,
            ints,
            floats,
            texts.entries(),
            trace_ids.entries(),
            is_trace_id ? trace_ids.codes() : texts.codes()};
  }

  void clear() {
    rows = 0;
    present.clear();
    ints.clear();
    floats.clear();
    texts.clear();
    trace_ids.clear();
  }

  size_t memory_bytes() const {
    return sizeof *this + present.capacity() + (ints.capacity() + floats.capacity()) * 8 +
           texts.memory_bytes() + trace_ids.memory_bytes();
  }
};

// Knows the columns of earlier joins, which those of the next one mostly are, in the same order.
class Joiner {
 public:
  void join(std::span<const PackedBatch* const> batches, std::string& out) {
    for (const PackedBatch* batch : batches) add(*batch);
    std::vector<PresentColumn> encoded;
    encoded.reserve(columns_.size());
    for (JoinedColumn& column : columns_) {
      if (column.rows == 0) continue;
      column.cover(row_count_);
      encoded.push_back(column.encoded());
    }
    encode_columns(batches.front()->table(), row_count_, groups_, encoded, out);
  }

  void clear() {
    row_count_ = 0;
    groups_.clear();
    size_t bytes = 0;
    for (JoinedColumn& column : columns_) {
      column.clear();
      bytes += column.memory_bytes();
    }
    if (bytes > kJoinMemoryKeptBytes) *this = Joiner();
  }

 private:
  void add(const PackedBatch& batch) {
    previous_ = 0;
    for (const PackedBatch::Column& column : batch.columns()) {
      Result<void> read = batch.read(column, values_);
      OBELISK_ASSERT(read.ok());
      JoinedColumn& to = column_for(column);
      to.cover(row_count_);
      to.add(values_, batch.row_count());
    }
    for (const Group& group : batch.groups()) add(group);
    row_count_ += batch.row_count();
  }

  void add(const Group& group) {
    if (!groups_.empty()) {
      Group& last = groups_.back();
      if (last.labels_hash == group.labels_hash && labels_equal(last.labels, group.labels)) {
        last.row_count += group.row_count;
        return;
      }
    }
    groups_.push_back(group);
    groups_.back().first_row += static_cast<uint32_t>(row_count_);
  }

  bool is(uint32_t number, const PackedBatch::Column& wanted) const {
    const JoinedColumn& column = columns_[number];
    return column.type == wanted.type && column.scope == wanted.scope &&
           equal_texts(column.name, wanted.name);
  }

  JoinedColumn& column_for(const PackedBatch::Column& wanted) {
    uint32_t& next = successors_[previous_];
    if (next == kNoColumn || !is(next, wanted)) next = find_or_add(wanted);
    previous_ = next + 1;
    uint32_t found = next;
    if (successors_.size() < columns_.size() + 1) successors_.resize(columns_.size() + 1, kNoColumn);
    return columns_[found];
  }

  uint32_t find_or_add(const PackedBatch::Column& wanted) {
    uint64_t seed = static_cast<uint64_t>(wanted.scope) << 8 | static_cast<uint64_t>(wanted.type);
    auto [place, fresh] = numbers_.try_emplace(hash64(wanted.name, seed), columns_.size());
    if (!fresh && is(place->second, wanted)) return place->second;
    for (uint32_t i = 0; !fresh && i < columns_.size(); ++i) {  // of two with one hash the later
      if (is(i, wanted)) return i;
    }
    JoinedColumn& column = columns_.emplace_back();
    column.scope = wanted.scope;
    column.type = wanted.type;
    column.name = wanted.name;
    return static_cast<uint32_t>(columns_.size() - 1);
  }

  size_t row_count_ = 0;
  std::vector<JoinedColumn> columns_;
  std::vector<Group> groups_;
  PackedValues values_;
  uint32_t previous_ = 0;                        // 0 at the start of a batch, else the column before and one
  std::vector<uint32_t> successors_{kNoColumn};  // what came after that column the last time
  absl::flat_hash_map<uint64_t, uint32_t> numbers_;
};

}  // namespace

void join_packed(std::span<const PackedBatch* const> batches, std::string& out) {
  OBELISK_ASSERT(!batches.empty());
  thread_local Joiner joiner;
  joiner.join(batches, out);
  joiner.clear();
}

}  // namespace obelisk
