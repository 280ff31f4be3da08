#pragma once
// One trace of a batch as a tree: its spans once each, who is whose parent, and what TraceQL knows of a whole
// trace. Span numbers 0..span_count() are positions in time order (start, then span id), not rows of the
// batch. Invariants: a span whose parent id names no span of the trace, or that would close a cycle, is
// treated as a top of its own; the numbering reaches every span. Of several rows with one span id the first
// counts (a sender's retry). Built by one thread, then read only. The batch must outlive it.
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "plan/batch.h"
#include "query/traceql/span_id_index.h"

namespace obelisk::traceql {

inline constexpr uint32_t kNoSpan = 0xFFFFFFFF;

class TraceTree {
 public:
  TraceTree(const Batch& batch, const Group& group);

  size_t span_count() const { return rows_.size(); }
  uint32_t row(uint32_t span) const { return rows_[span]; }
  const Batch& batch() const { return batch_; }
  TraceId trace_id() const { return trace_id_; }
  int64_t start() const { return start_; }
  int64_t duration() const { return end_ - start_; }
  // The first span without a parent id; kNoSpan when it has not arrived.
  uint32_t root() const { return root_; }
  uint64_t span_id(uint32_t span) const {
    return ids_ == nullptr ? 0 : static_cast<uint64_t>(ids_->ints[rows_[span]]);
  }
  uint64_t parent_id(uint32_t span) const;

  // The following need link(); it may be called again.
  void link();
  uint32_t parent(uint32_t span) const { return parents_[span]; }
  uint32_t child_count(uint32_t span) const { return child_begins_[span + 1] - child_begins_[span]; }
  // Every span after its parent.
  const std::vector<uint32_t>& preorder() const { return preorder_; }
  // The nested set numbers of Tempo: from 1, the parent of a root is -1; 0 for spans that hang on no root.
  struct NestedSet {
    int32_t left = 0;
    int32_t right = 0;
    int32_t parent = 0;
  };
  const NestedSet& nested_set(uint32_t span) const { return nested_sets_[span]; }

  // The following need measure(), after link(); it may be called again.
  void measure();
  // The part of a span's duration in which none of its children ran, in ns.
  int64_t self_time(uint32_t span) const { return self_times_[span]; }
  // Whether the trace's duration depends on the span: walking back from the end of the root (without one: of
  // the longest top), each time into the child that ended last before. Children that outlive their parent
  // count to the parent's end.
  bool on_critical_path(uint32_t span) const { return critical_[span] != 0; }

 private:
  void collapse_duplicates(const Group& group);
  void find_parents();
  void list_children();
  void number_spans();
  void find_self_times();
  void find_critical_path();
  int64_t start_of(uint32_t span) const { return batch_.times()[rows_[span]]; }
  int64_t end_of(uint32_t span) const;

  const Batch& batch_;
  const ColumnData* ids_;
  const ColumnData* parent_ids_;
  const ColumnData* durations_;
  TraceId trace_id_;
  int64_t start_ = 0;
  int64_t end_ = 0;
  uint32_t root_ = kNoSpan;
  std::vector<uint32_t> rows_;
  SpanIdIndex by_id_;
  std::vector<uint32_t> parents_;
  std::vector<uint32_t> child_begins_;  // of each span in children_; one more than spans
  std::vector<uint32_t> children_;      // in time order
  std::vector<uint32_t> preorder_;
  std::vector<NestedSet> nested_sets_;
  std::vector<int64_t> self_times_;
  std::vector<uint8_t> critical_;
};

}  // namespace obelisk::traceql
