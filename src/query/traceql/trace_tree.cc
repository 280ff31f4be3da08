#include "query/traceql/trace_tree.h"

#include <algorithm>
#include <utility>

namespace obelisk::traceql {

TraceTree::TraceTree(const Batch& batch, const Group& group)
    : batch_(batch),
      ids_(batch.find_fixed(column::kSpanId)),
      parent_ids_(batch.find_fixed(column::kParentSpanId)),
      durations_(batch.find_fixed(column::kDuration)) {
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
  if (ids_ == nullptr || rows_.size() < 2) return;
  std::vector<uint32_t> by_id = rows_;
  auto id_of = [&](uint32_t row) { return ids_->ints[row]; };
  std::stable_sort(by_id.begin(), by_id.end(), [&](uint32_t a, uint32_t b) { return id_of(a) < id_of(b); });
  bool unique = true;
  for (size_t i = 1; i < by_id.size() && unique; ++i) unique = id_of(by_id[i - 1]) != id_of(by_id[i]);
  if (unique) return;
  by_id.erase(
      std::unique(by_id.begin(), by_id.end(), [&](uint32_t a, uint32_t b) { return id_of(a) == id_of(b); }),
      by_id.end());
  std::sort(by_id.begin(), by_id.end());
  rows_ = std::move(by_id);
}

void TraceTree::link() {
  if (!parents_.empty() || rows_.empty()) return;
  find_parents();
  number_spans();
}

void TraceTree::find_parents() {
  size_t count = rows_.size();
  std::vector<std::pair<uint64_t, uint32_t>> by_id;
  by_id.reserve(count);
  for (uint32_t span = 0; span < count; ++span) by_id.emplace_back(span_id(span), span);
  std::sort(by_id.begin(), by_id.end());
  parents_.assign(count, kNoSpan);
  for (uint32_t span = 0; span < count; ++span) {
    uint64_t wanted = parent_id(span);
    if (wanted == 0) continue;
    auto found = std::lower_bound(by_id.begin(), by_id.end(), std::pair(wanted, uint32_t{0}));
    if (found != by_id.end() && found->first == wanted && found->second != span)
      parents_[span] = found->second;
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
  child_counts_.assign(count, 0);
  for (uint32_t span = 0; span < count; ++span) {
    if (parents_[span] != kNoSpan) ++child_counts_[parents_[span]];
  }
}

void TraceTree::number_spans() {
  size_t count = rows_.size();
  // Children of each span as linked lists, in time order.
  std::vector<uint32_t> first_child(count, kNoSpan);
  std::vector<uint32_t> next_sibling(count, kNoSpan);
  for (uint32_t span = static_cast<uint32_t>(count); span-- > 0;) {
    uint32_t parent = parents_[span];
    if (parent == kNoSpan) continue;
    next_sibling[span] = first_child[parent];
    first_child[parent] = span;
  }
  nested_sets_.assign(count, {});
  preorder_.reserve(count);
  int32_t next_number = 1;
  for (uint32_t top = 0; top < count; ++top) {
    if (parents_[top] != kNoSpan) continue;
    bool numbered = parent_id(top) == 0;
    uint32_t span = top;
    for (;;) {
      preorder_.push_back(span);
      if (numbered) {
        nested_sets_[span].left = next_number++;
        nested_sets_[span].parent = span == top ? -1 : nested_sets_[parents_[span]].left;
      }
      if (first_child[span] != kNoSpan) {
        span = first_child[span];
        continue;
      }
      while (span != top && next_sibling[span] == kNoSpan) {
        if (numbered) nested_sets_[span].right = next_number++;
        span = parents_[span];
      }
      if (numbered) nested_sets_[span].right = next_number++;
      if (span == top) break;
      span = next_sibling[span];
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

void TraceTree::find_critical_path() {
  size_t count = rows_.size();
  critical_.assign(count, 0);
  std::vector<std::vector<uint32_t>> children(count);
  uint32_t top = root_;
  for (uint32_t span = 0; span < count; ++span) {
    if (parents_[span] != kNoSpan) {
      children[parents_[span]].push_back(span);
    } else if (root_ == kNoSpan &&
               (top == kNoSpan || end_of(span) - start_of(span) > end_of(top) - start_of(top))) {
      top = span;
    }
  }
  struct Visit {
    uint32_t span;
    int64_t until;
  };
  std::vector<Visit> open;
  if (top != kNoSpan) open.push_back({top, end_of(top)});
  while (!open.empty()) {
    auto [span, until] = open.back();
    open.pop_back();
    critical_[span] = 1;
    std::vector<uint32_t>& below = children[span];
    auto end_inside = [&](uint32_t child) { return std::min(end_of(child), until); };
    std::sort(below.begin(), below.end(), [&](uint32_t a, uint32_t b) {
      return end_inside(a) != end_inside(b) ? end_inside(a) > end_inside(b) : start_of(a) > start_of(b);
    });
    int64_t cursor = until;
    for (uint32_t child : below) {
      int64_t end = end_inside(child);
      if (end > cursor || start_of(child) >= end) continue;
      open.push_back({child, end});
      cursor = start_of(child);
    }
  }
}

}  // namespace obelisk::traceql
