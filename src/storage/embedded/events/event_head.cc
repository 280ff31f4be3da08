#include "storage/embedded/events/event_head.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/short_text.h"

namespace obelisk {
namespace {

constexpr size_t kVerySmallRows = 16;
constexpr size_t kVerySmallJoined = 32;  // so many very small batches become one small one
constexpr size_t kJoinedRows = 1024;     // or kJoinedMax small ones are packed

}  // namespace

bool is_joinable(const HeadBatch& batch) {
  return !batch.is_packed() && batch.batch(nullptr)->columns.size() <= kJoinedColumnsMax;
}

namespace {

// Puts the columns of batches behind each other.
class Joiner {
 public:
  explicit Joiner(bool copy_strings) : copy_strings_(copy_strings) {}

  void add(const BatchPtr& batch) {
    joined_.table = batch->table;
    for (size_t i = 0; i < batch->columns.size(); ++i)
      append(column_for(batch->columns[i], i), batch->columns[i]);
    for (const Group& group : batch->groups) append(group);
    joined_.row_count += batch->row_count;
    if (!copy_strings_) joined_.owners.push_back(batch);
  }

  Batch finish() {
    for (ColumnData& data : joined_.columns) pad(data, joined_.row_count);
    return std::move(joined_);
  }

 private:
  static bool is_same(const ColumnData& a, const ColumnData& b) {
    return a.type == b.type && a.id.scope == b.id.scope && equal_texts(a.id.name, b.id.name);
  }

  // Neighbouring batches mostly have the same columns at the same places.
  ColumnData& column_for(const ColumnData& wanted, size_t place) {
    if (place >= last_.size()) last_.resize(place + 1, SIZE_MAX);
    size_t& found = last_[place];
    if (found == SIZE_MAX || !is_same(joined_.columns[found], wanted)) {
      auto [it, fresh] = numbers_.try_emplace({wanted.id, wanted.type}, joined_.columns.size());
      if (fresh) {
        ColumnData& data = joined_.columns.emplace_back();
        data.id = wanted.id;
        data.type = wanted.type;
      }
      found = it->second;
    }
    return joined_.columns[found];
  }

  static size_t stored_rows(const ColumnData& data) {
    return std::max({data.ints.size(), data.floats.size(), data.strings.size(), data.trace_ids.size()});
  }

  // Absent up to row `rows`.
  static void pad(ColumnData& data, size_t rows) {
    size_t stored = stored_rows(data);
    if (stored == rows) return;
    data.present.resize(stored, 1);
    data.present.resize(rows);
    if (data.type == ColumnType::float64) {
      data.floats.resize(rows);
    } else if (data.type == ColumnType::trace_id) {
      data.trace_ids.resize(rows);
    } else if (data.type == ColumnType::int64 || data.type == ColumnType::boolean) {
      data.ints.resize(rows);
    } else {
      data.strings.resize(rows);
    }
  }

  void append(ColumnData& to, const ColumnData& from) {
    size_t rows_before = joined_.row_count;
    pad(to, rows_before);
    if (!from.present.empty() || !to.present.empty()) {
      to.present.resize(rows_before, 1);
      if (from.present.empty()) {
        to.present.resize(rows_before + stored_rows(from), 1);
      } else {
        to.present.insert(to.present.end(), from.present.begin(), from.present.end());
      }
    }
    to.ints.insert(to.ints.end(), from.ints.begin(), from.ints.end());
    to.floats.insert(to.floats.end(), from.floats.begin(), from.floats.end());
    to.trace_ids.insert(to.trace_ids.end(), from.trace_ids.begin(), from.trace_ids.end());
    if (!copy_strings_) {
      to.strings.insert(to.strings.end(), from.strings.begin(), from.strings.end());
    } else {
      for (std::string_view text : from.strings) to.strings.push_back(joined_.arena.copy(text));
    }
  }

  void append(const Group& group) {
    if (!joined_.groups.empty()) {
      Group& last = joined_.groups.back();
      if (last.labels_hash == group.labels_hash && labels_equal(last.labels, group.labels)) {
        last.row_count += group.row_count;
        return;
      }
    }
    Group copy = group;
    copy.first_row = static_cast<uint32_t>(joined_.row_count + group.first_row);
    if (copy_strings_) {
      LabelRef* labels = joined_.arena.allocate_array<LabelRef>(group.labels.size());
      for (size_t i = 0; i < group.labels.size(); ++i) {
        new (labels + i)
            LabelRef{joined_.arena.copy(group.labels[i].name), joined_.arena.copy(group.labels[i].value)};
      }
      copy.labels = LabelsView(labels, group.labels.size());
    }
    joined_.groups.push_back(copy);
  }

  const bool copy_strings_;
  Batch joined_;
  std::vector<size_t> last_;  // by place in the batch before
  std::map<std::pair<ColumnId, ColumnType>, size_t> numbers_;
};

}  // namespace

Batch join_batches(const std::vector<HeadBatchPtr>& batches, bool copy_strings) {
  Joiner joiner(copy_strings);
  for (const HeadBatchPtr& batch : batches) {
    OBELISK_ASSERT(!batch->is_packed());
    joiner.add(batch->batch(nullptr));
  }
  return joiner.finish();
}

void EventHead::add(HeadBatchPtr batch, uint64_t sequence) {
  bytes_ += batch->memory_bytes();
  entries_.push_back({std::move(batch), sequence, sequence});
}

void EventHead::join(size_t begin, size_t end, bool pack) {
  std::vector<HeadBatchPtr> batches;
  for (size_t i = begin; i < end; ++i) {
    bytes_ -= entries_[i].batch->memory_bytes();
    batches.push_back(entries_[i].batch);
  }
  Batch joined = join_batches(batches, !pack);
  HeadBatchPtr batch =
      pack ? HeadBatch::pack(joined)
           : std::make_shared<const HeadBatch>(std::make_shared<const Batch>(std::move(joined)));
  bytes_ += batch->memory_bytes();
  entries_[begin] = {std::move(batch), entries_[begin].first_sequence, entries_[end - 1].sequence};
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(begin + 1),
                 entries_.begin() + static_cast<ptrdiff_t>(end));
}

void EventHead::settle(uint64_t settled) {
  // The entries at the end that are settled and not packed.
  auto first_of = [&](size_t end, size_t rows_below) {
    size_t begin = end;
    while (begin > frozen_ && is_joinable(*entries_[begin - 1].batch) &&
           entries_[begin - 1].batch->row_count() < rows_below)
      --begin;
    return begin;
  };
  size_t end = entries_.size();
  while (end > frozen_ && entries_[end - 1].sequence > settled) --end;
  if (size_t begin = first_of(end, kVerySmallRows); end - begin >= kVerySmallJoined) {
    join(begin, end, false);
    end = begin + 1;
  }
  size_t begin = first_of(end, SIZE_MAX), rows = 0;
  for (size_t i = begin; i < end; ++i) rows += entries_[i].batch->row_count();
  if (rows >= kJoinedRows || end - begin >= kJoinedMax) join(begin, end, true);
}

std::vector<HeadBatchPtr> EventHead::batches(uint64_t sequence) const {
  std::vector<HeadBatchPtr> batches;
  for (const Entry& entry : entries_) {
    if (entry.sequence <= sequence) batches.push_back(entry.batch);
  }
  return batches;
}

void EventHead::freeze(uint64_t sequence) {
  frozen_ = 0;
  while (frozen_ < entries_.size() && entries_[frozen_].sequence <= sequence) ++frozen_;
}

std::vector<HeadBatchPtr> EventHead::frozen_batches() const {
  std::vector<HeadBatchPtr> batches;
  for (size_t i = 0; i < frozen_; ++i) batches.push_back(entries_[i].batch);
  return batches;
}

void EventHead::remove_frozen() {
  for (size_t i = 0; i < frozen_; ++i) bytes_ -= entries_[i].batch->memory_bytes();
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(frozen_));
  frozen_ = 0;
}

}  // namespace obelisk
