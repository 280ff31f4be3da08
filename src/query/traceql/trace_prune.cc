#include "query/traceql/trace_prune.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "plan/row_copy.h"
#include "query/core/attribute_columns.h"
#include "query/core/span_columns.h"
#include "query/traceql/trace_rows.h"
#include "query/traceql/trace_tree.h"

namespace obelisk::traceql {
namespace {

constexpr uint32_t kNoClass = UINT32_MAX;

bool matches_glob(std::string_view text, std::string_view pattern) {
  size_t star = pattern.find('*');
  if (star == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  std::string_view rest = pattern.substr(star + 1);
  for (size_t at = star; at <= text.size(); ++at) {
    if (matches_glob(text.substr(at), rest)) return true;
  }
  return false;
}

class Pruner {
 public:
  Pruner(const TracePruning& pruning, BatchPtr batch)
      : pruning_(pruning),
        batch_(std::move(batch)),
        tree_(*batch_, whole_batch(*batch_)),
        columns_(*batch_),
        builder_(Table::spans),
        copier_(builder_, nullptr, false) {
    builder_.keep_alive(batch_);
    tree_.link();
    children_.resize(tree_.span_count());
    for (uint32_t span : tree_.preorder()) {
      uint32_t parent = tree_.parent(span);
      (parent == kNoSpan ? tops_ : children_[parent]).push_back(span);
    }
    for (const ColumnData& data : batch_->columns) {
      bool chosen =
          data.id.scope == Scope::attribute &&
          std::any_of(pruning.group_by.begin(), pruning.group_by.end(),
                      [&](const std::string& pattern) { return matches_glob(data.id.name, pattern); });
      if (chosen) chosen_.emplace_back(*batch_, data.id.name);
    }
    classify();
  }

  BatchPtr run() {
    // Work waits in a list, so that the depth of a trace is not the depth of a stack.
    std::vector<Work> waiting{{tops_, SpanId{}}};
    while (!waiting.empty()) {
      Work work = std::move(waiting.back());
      waiting.pop_back();
      emit(work, waiting);
    }
    return std::make_shared<const Batch>(builder_.finish());
  }

 private:
  // Spans whose parent is now `parent`.
  struct Work {
    std::vector<uint32_t> spans;
    SpanId parent;
    bool all_of_a_class = false;  // children of a summary: put together however few they are
  };

  // Equal numbers: alike. Children have theirs before their parents.
  void classify() {
    classes_.assign(tree_.span_count(), kNoClass);
    std::vector<int64_t> heights(tree_.span_count(), 0);
    std::map<std::pair<std::string, std::set<uint32_t>>, uint32_t> known;
    const std::vector<uint32_t>& order = tree_.preorder();
    for (auto span = order.rbegin(); span != order.rend(); ++span) {
      std::set<uint32_t> below;
      bool possible = true;
      for (uint32_t child : children_[*span]) {
        heights[*span] = std::max(heights[*span], heights[child] + 1);
        possible = possible && classes_[child] != kNoClass;
        below.insert(classes_[child]);
      }
      if (pruning_.max_parent_depth >= 0 && heights[*span] > pruning_.max_parent_depth) possible = false;
      if (!possible) continue;
      auto next = static_cast<uint32_t>(known.size());
      classes_[*span] = known.try_emplace({signature_of(*span), std::move(below)}, next).first->second;
    }
  }

  std::string signature_of(uint32_t span) const {
    uint32_t row = tree_.row(span);
    std::string signature(columns_.service(row));
    signature.append(1, '\0').append(columns_.name(row)).append(1, '\0');
    signature += static_cast<char>('0' + columns_.kind(row));
    signature += static_cast<char>('0' + columns_.status(row));
    for (const AttributeColumns& attribute : chosen_) {
      signature += '\0';
      attribute.append_first_of(row, signature);
    }
    return signature;
  }

  void emit(const Work& work, std::vector<Work>& waiting) {
    std::map<uint32_t, std::vector<uint32_t>> alike;
    for (uint32_t span : work.spans) {
      if (classes_[span] != kNoClass) alike[classes_[span]].push_back(span);
    }
    std::vector<Work> below;
    for (uint32_t span : work.spans) {
      std::vector<uint32_t>* group = classes_[span] == kNoClass ? nullptr : &alike[classes_[span]];
      size_t needed = work.all_of_a_class ? 2 : pruning_.min_spans;
      if (group == nullptr || group->size() < std::max<size_t>(needed, 2)) {
        copy(span, work.parent);
        below.push_back({children_[span], SpanId{tree_.span_id(span)}});
      } else if (group->front() == span) {
        below.push_back(emit_summary(*group, work.parent));
      }
    }
    for (auto one = below.rbegin(); one != below.rend(); ++one) {
      if (!one->spans.empty()) waiting.push_back(std::move(*one));
    }
  }

  void copy(uint32_t span, SpanId parent) {
    copier_.copy(*batch_, tree_.row(span));
    // A parent that is not in the trace stays named.
    if (!parent.is_none())
      builder_.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(parent.value));
  }

  int64_t duration_of(uint32_t span) const {
    const ColumnData* durations = batch_->find_fixed(column::kDuration);
    uint32_t row = tree_.row(span);
    return durations == nullptr || !durations->is_present(row) ? 0 : durations->ints[row];
  }

  Work emit_summary(const std::vector<uint32_t>& group, SpanId parent) {
    uint32_t slowest = group[0];
    int64_t begin = INT64_MAX, end = INT64_MIN, shortest = INT64_MAX, total = 0;
    Work below;
    below.all_of_a_class = true;
    for (uint32_t span : group) {
      int64_t start = batch_->times()[tree_.row(span)], duration = duration_of(span);
      begin = std::min(begin, start);
      end = std::max(end, start + duration);
      shortest = std::min(shortest, duration);
      total += duration;
      if (duration > duration_of(slowest)) slowest = span;
      below.spans.insert(below.spans.end(), children_[span].begin(), children_[span].end());
    }
    below.parent = SpanId{tree_.span_id(slowest)};
    copy(slowest, parent);
    builder_.set_time(UnixNanos{begin});
    builder_.set_int(Scope::fixed, column::kDuration, end - begin);
    auto add = [&](std::string_view name, int64_t value) { builder_.set_int(Scope::attribute, name, value); };
    builder_.set_int(Scope::attribute, "aggregation.is_summary", 1, ColumnType::boolean);
    add("aggregation.span_count", static_cast<int64_t>(group.size()));
    add("aggregation.duration_min_ns", shortest);
    add("aggregation.duration_max_ns", duration_of(slowest));
    add("aggregation.duration_avg_ns", total / static_cast<int64_t>(group.size()));
    add("aggregation.duration_total_ns", total);
    return below;
  }

  const TracePruning& pruning_;
  const BatchPtr batch_;
  TraceTree tree_;
  const SpanColumns columns_;
  std::vector<AttributeColumns> chosen_;
  std::vector<uint32_t> tops_;
  std::vector<std::vector<uint32_t>> children_;
  std::vector<uint32_t> classes_;
  BatchBuilder builder_;
  RowCopier copier_;
};

}  // namespace

std::vector<BatchPtr> prune_trace(const TracePruning& pruning, const std::vector<BatchPtr>& spans) {
  if (spans.empty()) return spans;
  return {Pruner(pruning, joined_rows(spans)).run()};
}

}  // namespace obelisk::traceql
