#include "query/traceql/trace_tree.h"

#include <algorithm>
#include <utility>

namespace obelisk::traceql {

TraceTree::TraceTree(const Batch& batch, const Group& group)
    : batch_(batch),
      ids_(batch.find_fixed(column::kSpanId)),
      parent_ids_(batch.find_fixed(column::kParentSpanId)),
      durations_(batch.find_fixed(column::kDuration)),
      by_id_(group.row_count) {
  collapse_duplicates(group);
  const ColumnData* traces = batch.find_fixed(column::kTraceId);
  if (traces != nullptr && group.row_count > 0) trace_id_ = traces->trace_ids[group.first_row];
  for (uint32_t span = 0; span < rows_.size(); ++span) {
    int64_t start = start_of(span);
    int64_t end = end_of(span);
    start_ = span == 0 ? start : std::min(start_, start);
    end_ = span == 0 ? end : std::max(end_, end);
    if (root_ == kNoSpan && parent_id(span) == 0) root_ = span;
  }
}

uint64_t TraceTree::parent_id(uint32_t span) const {
  if (parent_ids_ == nullptr || !parent_ids_->is_present(rows_[span])) return 0;
  return static_cast<uint64_t>(parent_ids_->ints[rows_[span]]);
}

int64_t TraceTree::end_of(uint32_t span) const {
  return start_of(span) + (durations_ == nullptr ? 0 : durations_->ints[rows_[span]]);
}

void TraceTree::collapse_duplicates(const Group& group) {
  rows_.resize(group.row_count);
  for (uint32_t i = 0; i < group.row_count; ++i) rows_[i] = group.first_row + i;
  if (ids_ == nullptr) return;
  uint32_t kept = 0;
  auto id_of = [this](uint32_t span) { return span_id(span); };
  for (uint32_t i = 0; i < group.row_count; ++i) {
    rows_[kept] = group.first_row + i;
    if (by_id_.insert(span_id(kept), kept, id_of)) ++kept;
  }
  rows_.resize(kept);
}

void TraceTree::link() {
  if (!parents_.empty() || rows_.empty()) return;
  find_parents();
  list_children();
  number_spans();
}

void TraceTree::find_parents() {
  size_t count = rows_.size();
  parents_.assign(count, kNoSpan);
  auto id_of = [this](uint32_t span) { return span_id(span); };
  for (uint32_t span = 0; span < count && ids_ != nullptr; ++span) {
    uint64_t wanted = parent_id(span);
    if (wanted == 0) continue;
    uint32_t parent = by_id_.find(wanted, id_of);
    if (parent != span) parents_[span] = parent;
  }
  // Cut cycles: walk up from every span; a span met twice on one walk is on a cycle and becomes its top.
  std::vector<uint32_t> walk_of(count, kNoSpan);
  for (uint32_t span = 0; span < count; ++span) {
    uint32_t at = span;
    while (at != kNoSpan && walk_of[at] == kNoSpan) {
      walk_of[at] = span;
      uint32_t next = parents_[at];
      if (next != kNoSpan && walk_of[next] == span) parents_[std::exchange(next, kNoSpan)] = kNoSpan;
      at = next;
    }
  }
}

void TraceTree::list_children() {
  size_t count = rows_.size();
  child_begins_.assign(count + 1, 0);
  for (uint32_t parent : parents_) {
    if (parent != kNoSpan) ++child_begins_[parent + 1];
  }
  for (size_t span = 0; span < count; ++span) child_begins_[span + 1] += child_begins_[span];
  children_.resize(child_begins_.back());
  std::vector<uint32_t> next(child_begins_.begin(), child_begins_.end() - 1);
  for (uint32_t span = 0; span < count; ++span) {
    if (parents_[span] != kNoSpan) children_[next[parents_[span]]++] = span;
  }
}

void TraceTree::number_spans() {
  size_t count = rows_.size();
  nested_sets_.assign(count, {});
  preorder_.reserve(count);
  std::vector<uint32_t> next_child(child_begins_.begin(), child_begins_.end() - 1);
  int32_t next_number = 1;
  for (uint32_t top = 0; top < count; ++top) {
    if (parents_[top] != kNoSpan) continue;
    bool numbered = parent_id(top) == 0;
    uint32_t span = top;
    auto enter = [&](uint32_t entered) {
      span = entered;
      preorder_.push_back(span);
      if (!numbered) return;
      nested_sets_[span].left = next_number++;
      nested_sets_[span].parent = span == top ? -1 : nested_sets_[parents_[span]].left;
    };
    enter(top);
    for (;;) {
      if (next_child[span] < child_begins_[span + 1]) {
        enter(children_[next_child[span]++]);
        continue;
      }
      if (numbered) nested_sets_[span].right = next_number++;
      if (span == top) break;
      span = parents_[span];
    }
  }
}

void TraceTree::measure() {
  if (!self_times_.empty() || rows_.empty()) return;
  find_self_times();
  find_critical_path();
}

// Spans are numbered by start, so the children of each come in that order and one pass joins their intervals.
void TraceTree::find_self_times() {
  size_t count = rows_.size();
  self_times_.resize(count);
  std::vector<int64_t> covered_until(count);
  for (uint32_t span = 0; span < count; ++span) {
    self_times_[span] = end_of(span) - start_of(span);
    covered_until[span] = start_of(span);
  }
  for (uint32_t span = 0; span < count; ++span) {
    uint32_t parent = parents_[span];
    if (parent == kNoSpan) continue;
    int64_t begin = std::max(start_of(span), covered_until[parent]);
    int64_t end = std::min(end_of(span), end_of(parent));
    if (end <= begin) continue;
    self_times_[parent] -= end - begin;
    covered_until[parent] = end;
  }
}

namespace {
// How far a span may reach past the begin of what was waited for after it and still count as before it:
// clocks of many senders tick in milliseconds, so that steps one after the other seem to overlap by up to
// one. A quarter of the span at most: more is running beside.
int64_t overlap_allowed(int64_t duration) {
  return std::min<int64_t>(1'000'000, duration / 4);
}
}  // namespace

// Walks back from the end: what ended last before that moment is what was waited for.
void TraceTree::find_critical_path() {
  size_t count = rows_.size();
  critical_.assign(count, 0);
  uint32_t top = root_;
  for (uint32_t span = 0; span < count && root_ == kNoSpan; ++span) {
    if (parents_[span] != kNoSpan) continue;
    if (top == kNoSpan || end_of(span) - start_of(span) > end_of(top) - start_of(top)) top = span;
  }
  struct Visit {
    uint32_t span;
    int64_t until;
  };
  std::vector<Visit> open;
  std::vector<uint32_t> below;
  if (top != kNoSpan) open.push_back({top, end_of(top)});
  while (!open.empty()) {
    auto [span, until] = open.back();
    open.pop_back();
    critical_[span] = 1;
    below.assign(children_.begin() + child_begins_[span], children_.begin() + child_begins_[span + 1]);
    auto end_inside = [&](uint32_t child) { return std::min(end_of(child), until); };
    std::sort(below.begin(), below.end(), [&](uint32_t a, uint32_t b) {
      if (end_inside(a) != end_inside(b)) return end_inside(a) > end_inside(b);
      return start_of(a) != start_of(b) ? start_of(a) > start_of(b) : a < b;
    });
    int64_t cursor = until;
    for (uint32_t child : below) {
      int64_t end = end_inside(child);
      if (end > cursor + overlap_allowed(end_of(child) - start_of(child))) continue;
      end = std::min(end, cursor);
      if (start_of(child) >= end) continue;
      open.push_back({child, end});
      cursor = start_of(child);
    }
  }
}

}  // namespace obelisk::traceql
