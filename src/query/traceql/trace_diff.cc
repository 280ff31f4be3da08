#include "query/traceql/trace_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "query/core/span_columns.h"
#include "query/traceql/attribute_reader.h"
#include "query/traceql/trace_rows.h"
#include "wire/any_value.h"
#include "wire/events_and_links.h"

namespace obelisk::traceql {
namespace {

bool is_close(double a, double b, double relative, double absolute) {
  return std::fabs(a - b) <= absolute + relative * std::max(std::fabs(a), std::fabs(b));
}

// Attributes that measure an amount, where small differences say nothing.
bool is_amount(std::string_view name) {
  return name.ends_with(".size") || name.ends_with("_size") || name.ends_with("_tokens") ||
         name.find("content_length") != std::string_view::npos;
}

double number_of(const DiffValue& value) {
  return value.column->type == ColumnType::float64 ? value.column->floats[value.row]
                                                   : static_cast<double>(value.column->ints[value.row]);
}

bool is_number(const DiffValue& value) {
  return value.column->type == ColumnType::float64 || value.column->type == ColumnType::int64;
}

bool is_equal(std::string_view name, const DiffValue& a, const DiffValue& b) {
  if (is_number(a) && is_number(b) && is_amount(name)) return is_close(number_of(a), number_of(b), 0.05, 0);
  if (a.column->type != b.column->type) return false;
  if (a.column->type == ColumnType::float64) return a.column->floats[a.row] == b.column->floats[b.row];
  if (!a.column->strings.empty()) return a.column->strings[a.row] == b.column->strings[b.row];
  return a.column->ints[a.row] == b.column->ints[b.row];
}

using Key = std::tuple<std::string_view, std::string_view, int64_t>;

Key key_of(const DiffSide& side, uint32_t span) {
  return {side.service(span), side.name(span), side.kind(span)};
}

Result<DiffSide> side_of(const std::vector<BatchPtr>& spans) {
  DiffSide side;
  side.batch = joined_rows(spans);
  if (side.batch->row_count > kDiffSpansMax) {
    return make_error(ErrorCode::too_large, fmt::format("a trace of {} spans is compared up to {} only",
                                                        side.batch->row_count, kDiffSpansMax));
  }
  side.tree = std::make_unique<TraceTree>(*side.batch, whole_batch(*side.batch));
  side.tree->link();
  side.children.resize(side.span_count());
  side.positions.resize(side.span_count());
  for (uint32_t span : side.tree->preorder()) {
    uint32_t parent = side.tree->parent(span);
    std::vector<uint32_t>& siblings = parent == kNoSpan ? side.tops : side.children[parent];
    side.positions[span] = static_cast<uint32_t>(siblings.size());
    siblings.push_back(span);
  }
  return side;
}

class Matcher {
 public:
  explicit Matcher(TraceDiff& diff)
      : diff_(diff),
        of_base_(diff.base.span_count(), kNoSpan),
        of_compare_(diff.compare.span_count(), kNoSpan) {}

  void run() {
    match(diff_.base.tops, diff_.compare.tops);
    for (uint32_t span : diff_.base.tree->preorder()) {
      uint32_t other = of_base_[span];
      if (other != kNoSpan) match(diff_.base.children[span], diff_.compare.children[other]);
    }
    match(unmatched(*diff_.base.tree, of_base_), unmatched(*diff_.compare.tree, of_compare_));
  }

  uint32_t of_base(uint32_t span) const { return of_base_[span]; }
  uint32_t of_compare(uint32_t span) const { return of_compare_[span]; }

 private:
  static std::vector<uint32_t> unmatched(const TraceTree& tree, const std::vector<uint32_t>& matches) {
    std::vector<uint32_t> left;
    for (uint32_t span : tree.preorder()) {
      if (matches[span] == kNoSpan) left.push_back(span);
    }
    return left;
  }

  void match(const std::vector<uint32_t>& base, const std::vector<uint32_t>& compare) {
    std::map<Key, std::pair<std::vector<uint32_t>, std::vector<uint32_t>>> alike;
    for (uint32_t span : base) alike[key_of(diff_.base, span)].first.push_back(span);
    for (uint32_t span : compare) alike[key_of(diff_.compare, span)].second.push_back(span);
    for (const auto& [key, spans] : alike) {
      const auto& [left, right] = spans;
      size_t pairs = std::min(left.size(), right.size());
      if (left.size() != right.size() && pairs > 0) diff_.ambiguous += pairs;
      for (size_t i = 0; i < pairs; ++i) {
        of_base_[left[i]] = right[i];
        of_compare_[right[i]] = left[i];
      }
    }
  }

  TraceDiff& diff_;
  std::vector<uint32_t> of_base_, of_compare_;
};

class Comparer {
 public:
  Comparer(const TraceDiff& diff, const Matcher& matcher) : diff_(diff), matcher_(matcher) {
    for (const ColumnData& data : diff.base.batch->columns) {
      if (data.id.scope == Scope::attribute) columns_[data.id.name].first.push_back(&data);
    }
    for (const ColumnData& data : diff.compare.batch->columns) {
      if (data.id.scope == Scope::attribute) columns_[data.id.name].second.push_back(&data);
    }
  }

  std::vector<DiffChange> changes(uint32_t base, uint32_t compare) const {
    std::vector<DiffChange> found;
    auto add = [&](DiffChange::Of of) { found.push_back({of, {}, {}, {}, 0}); };
    auto before = static_cast<double>(diff_.base.duration(base));
    auto after = static_cast<double>(diff_.compare.duration(compare));
    if (!is_close(before, after, 0.25, 1e6)) add(DiffChange::Of::duration);
    if (diff_.base.status(base) != diff_.compare.status(compare)) add(DiffChange::Of::status);
    if (has_moved(base, compare)) add(DiffChange::Of::parent);
    for (const auto& [name, columns] : columns_) {
      DiffValue was = value_in(columns.first, diff_.base.tree->row(base));
      DiffValue is = value_in(columns.second, diff_.compare.tree->row(compare));
      if (was.column == nullptr && is.column == nullptr) continue;
      bool same = was.column != nullptr && is.column != nullptr && is_equal(name, was, is);
      if (!same) found.push_back({DiffChange::Of::attribute, name, was, is, 0});
    }
    add_events(base, compare, found);
    return found;
  }

 private:
  static DiffValue value_in(const std::vector<const ColumnData*>& columns, uint32_t row) {
    for (const ColumnData* data : columns) {
      if (data->is_present(row)) return {data, row};
    }
    return {};
  }

  bool has_moved(uint32_t base, uint32_t compare) const {
    uint32_t was = diff_.base.tree->parent(base), is = diff_.compare.tree->parent(compare);
    if (was == kNoSpan || is == kNoSpan) return was != is;
    return matcher_.of_base(was) != is;
  }

  void add_events(uint32_t base, uint32_t compare, std::vector<DiffChange>& found) const {
    std::map<std::string_view, int32_t> differences;
    auto count = [&](const DiffSide& side, uint32_t span, int32_t each) {
      for (const SpanEventView& event : read_span_events(*side.batch, side.tree->row(span)))
        differences[event.name] += each;
    };
    count(diff_.base, base, -1);
    count(diff_.compare, compare, 1);
    for (auto [name, difference] : differences) {
      if (difference != 0) found.push_back({DiffChange::Of::event, name, {}, {}, difference});
    }
  }

  const TraceDiff& diff_;
  const Matcher& matcher_;
  std::map<std::string_view, std::pair<std::vector<const ColumnData*>, std::vector<const ColumnData*>>>
      columns_;
};

// Lays both trees into one list.
class TreeBuilder {
 public:
  TreeBuilder(TraceDiff& diff, const Matcher& matcher, const Comparer& comparer)
      : diff_(diff), matcher_(matcher), comparer_(comparer) {}

  void run() {
    push_children(diff_.base.tops, diff_.compare.tops, kNoSpan, 0);
    while (!waiting_.empty()) {
      DiffNode node = std::move(waiting_.back());
      waiting_.pop_back();
      auto index = static_cast<uint32_t>(diff_.nodes.size());
      static const std::vector<uint32_t> kNone;
      const auto& base = node.base == kNoSpan ? kNone : diff_.base.children[node.base];
      const auto& compare = node.compare == kNoSpan ? kNone : diff_.compare.children[node.compare];
      uint32_t depth = node.depth + 1;
      diff_.nodes.push_back(std::move(node));
      push_children(base, compare, index, depth);
    }
  }

 private:
  void push_children(const std::vector<uint32_t>& base, const std::vector<uint32_t>& compare, uint32_t parent,
                     uint32_t depth) {
    // Last first: the list of what waits is taken from its end.
    for (auto span = compare.rbegin(); span != compare.rend(); ++span) {
      if (matcher_.of_compare(*span) == kNoSpan)
        waiting_.push_back({DiffState::added, kNoSpan, *span, parent, depth, {}});
    }
    for (auto span = base.rbegin(); span != base.rend(); ++span) {
      uint32_t other = matcher_.of_base(*span);
      DiffNode node{DiffState::removed, *span, other, parent, depth, {}};
      if (other != kNoSpan) {
        node.changes = comparer_.changes(*span, other);
        node.state = node.changes.empty() ? DiffState::same : DiffState::modified;
      }
      waiting_.push_back(std::move(node));
    }
  }

  TraceDiff& diff_;
  const Matcher& matcher_;
  const Comparer& comparer_;
  std::vector<DiffNode> waiting_;
};

}  // namespace

int64_t DiffSide::duration(uint32_t span) const {
  return int_at(batch->find_fixed(column::kDuration), tree->row(span));
}
int64_t DiffSide::status(uint32_t span) const {
  return int_at(batch->find_fixed(column::kStatusCode), tree->row(span));
}
int64_t DiffSide::kind(uint32_t span) const {
  return int_at(batch->find_fixed(column::kKind), tree->row(span));
}
std::string_view DiffSide::name(uint32_t span) const {
  return text_at(batch->find_fixed(column::kName), tree->row(span));
}
std::string_view DiffSide::service(uint32_t span) const {
  return text_at(batch->find({Scope::resource, "service.name"}, ColumnType::string), tree->row(span));
}

std::vector<uint32_t> DiffSide::path(uint32_t span) const {
  std::vector<uint32_t> path;
  for (uint32_t at = span; at != kNoSpan; at = tree->parent(at)) path.push_back(positions[at]);
  std::reverse(path.begin(), path.end());
  return path;
}

Result<TraceDiff> diff_traces(const std::vector<BatchPtr>& base, const std::vector<BatchPtr>& compare) {
  TraceDiff diff;
  OBELISK_TRY(diff.base, side_of(base));
  OBELISK_TRY(diff.compare, side_of(compare));
  Matcher matcher(diff);
  matcher.run();
  Comparer comparer(diff, matcher);
  TreeBuilder(diff, matcher, comparer).run();
  return diff;
}

}  // namespace obelisk::traceql
