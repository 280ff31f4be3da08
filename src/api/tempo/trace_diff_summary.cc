#include "api/tempo/trace_diff_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include "query/core/span_columns.h"

namespace obelisk::tempo {
namespace {

using traceql::DiffChange;
using traceql::DiffNode;
using traceql::DiffSide;
using traceql::DiffState;
using traceql::kNoSpan;
using traceql::TraceDiff;

constexpr size_t kPatternsMax = 20;
constexpr size_t kSamplesMax = 3;
// A service has drifted when its spans together take 1 ms and 5 % more or less, even where no single span
// differs enough to be told.
constexpr int64_t kDriftNanosMin = 1'000'000;
constexpr int64_t kDriftShare = 20;

int64_t millis(int64_t nanos) {
  return nanos / kNanosPerMilli;
}

struct Totals {
  int64_t work = 0;
  int64_t errors = 0;
  std::map<std::string_view, int64_t> work_by_service;
  // Spans of a service by what they are and whose child: two traces of one structure have the same.
  using Identity = std::tuple<std::string_view, std::string_view, int64_t>;
  std::map<std::string_view, std::multiset<std::pair<Identity, Identity>>> structure;
};

Totals totals_of(const DiffSide& side) {
  Totals totals;
  auto identity = [&](uint32_t span) {
    return span == kNoSpan ? Totals::Identity()
                           : Totals::Identity(side.service(span), side.name(span), side.kind(span));
  };
  for (uint32_t span = 0; span < side.span_count(); ++span) {
    std::string_view service = side.service(span);
    int64_t duration = std::max<int64_t>(side.duration(span), 0);
    totals.work += duration;
    totals.work_by_service[service] += duration;
    totals.errors += side.status(span) == kSpanStatusError ? 1 : 0;
    totals.structure[service].insert({identity(span), identity(side.tree->parent(span))});
  }
  return totals;
}

std::string_view direction(int64_t delta) {
  return delta > 0 ? "increased" : delta < 0 ? "decreased" : "unchanged";
}

// What changed at one service.
struct Rollup {
  int64_t work_delta = 0;
  uint64_t modified = 0, added = 0, removed = 0, new_errors = 0, resolved_errors = 0;
  bool has_changes = false;
};

class Summary {
 public:
  explicit Summary(const TraceDiff& diff)
      : diff_(diff),
        base_(totals_of(diff.base)),
        compare_(totals_of(diff.compare)),
        counts_(count_changes(diff)) {
    for (const DiffNode& node : diff.nodes) add(node);
    for (const Totals* totals : {&base_, &compare_}) {
      for (const auto& [service, work] : totals->work_by_service) services_[service];
      for (const auto& [service, rows] : totals->structure) {
        if (rows_of(base_, service) != rows_of(compare_, service)) changed_.insert(service);
      }
    }
    structure_changed_ = !changed_.empty();
    for (auto& [service, rollup] : services_) {
      int64_t before = work_of(base_, service);
      rollup.work_delta = work_of(compare_, service) - before;
      bool drifted = std::llabs(rollup.work_delta) >= std::max(kDriftNanosMin, before / kDriftShare);
      rollup.has_changes = rollup.has_changes || drifted;
      if (rollup.has_changes) changed_.insert(service);
    }
  }

  void write(JsonWriter& out) const {
    out.begin_object().field("version", "trace-summary-v0-native");
    write_side(out, "base", diff_.base, base_);
    write_side(out, "compare", diff_.compare, compare_);
    write_signals(out);
    write_trust(out);
    write_stats(out);
    out.key("warnings");
    write_warnings(out, diff_);
    out.key("changedServices").begin_array();
    for (std::string_view service : changed_) out.value(service);
    out.end_array();
    write_services(out);
    write_patterns(out);
    out.end_object();
  }

 private:
  struct Pattern {
    DiffState state = DiffState::modified;
    std::vector<const DiffNode*> nodes;
    bool has_durations = false;
    int64_t shortest = 0, longest = 0, total = 0;  // differences of durations
  };

  static int64_t work_of(const Totals& totals, std::string_view service) {
    auto found = totals.work_by_service.find(service);
    return found == totals.work_by_service.end() ? 0 : found->second;
  }
  static std::multiset<std::pair<Totals::Identity, Totals::Identity>> rows_of(const Totals& totals,
                                                                              std::string_view service) {
    auto found = totals.structure.find(service);
    return found == totals.structure.end() ? decltype(rows_of(totals, service))() : found->second;
  }

  const DiffSide& side_of(const DiffNode& node) const {
    return node.base != kNoSpan ? diff_.base : diff_.compare;
  }
  static uint32_t span_of(const DiffNode& node) { return node.base != kNoSpan ? node.base : node.compare; }

  void add(const DiffNode& node) {
    if (node.state == DiffState::same) return;
    bool was_error = node.base != kNoSpan && diff_.base.status(node.base) == kSpanStatusError;
    bool is_error = node.compare != kNoSpan && diff_.compare.status(node.compare) == kSpanStatusError;
    Rollup& rollup = services_[side_of(node).service(span_of(node))];
    rollup.has_changes = true;
    rollup.modified += node.state == DiffState::modified ? 1 : 0;
    rollup.added += node.state == DiffState::added ? 1 : 0;
    rollup.removed += node.state == DiffState::removed ? 1 : 0;
    rollup.new_errors += is_error && !was_error ? 1 : 0;
    rollup.resolved_errors += was_error && !is_error ? 1 : 0;
    add_to_pattern(node);
  }

  // Spans of one identity that changed alike; durations by direction alone.
  void add_to_pattern(const DiffNode& node) {
    JsonWriter key;
    key.begin_array().value(static_cast<uint32_t>(node.state));
    key.begin_object();
    write_span_identity(key, side_of(node), span_of(node));
    key.end_object();
    DiffNode others = node;
    std::erase_if(others.changes,
                  [](const DiffChange& change) { return change.of == DiffChange::Of::duration; });
    int64_t delta = 0;
    bool has_duration = others.changes.size() < node.changes.size();
    if (has_duration) delta = diff_.compare.duration(node.compare) - diff_.base.duration(node.base);
    key.value(has_duration ? direction(delta) : "");
    write_changes(key, diff_, others, DurationUnit::nanoseconds);
    key.end_array();
    Pattern& pattern = patterns_[key.take()];
    pattern.state = node.state;
    if (has_duration) {
      pattern.shortest = pattern.has_durations ? std::min(pattern.shortest, delta) : delta;
      pattern.longest = pattern.has_durations ? std::max(pattern.longest, delta) : delta;
      pattern.total += delta;
      pattern.has_durations = true;
    }
    pattern.nodes.push_back(&node);
  }

  static void write_side(JsonWriter& out, std::string_view key, const DiffSide& side, const Totals& totals) {
    out.key(key).begin_object().field("traceId", side.tree->trace_id().to_hex());
    if (!side.tops.empty()) {
      uint32_t root = side.tree->root() != kNoSpan ? side.tree->root() : side.tops[0];
      out.field("rootService", side.service(root)).field("rootName", side.name(root));
    }
    out.field("spanCount", static_cast<uint64_t>(side.span_count())).field("errorSpanCount", totals.errors);
    out.field("durationMs", millis(side.tree->duration()))
        .field("spanWorkMs", millis(totals.work))
        .end_object();
  }

  int64_t latency_delta() const {
    return millis(diff_.compare.tree->duration()) - millis(diff_.base.tree->duration());
  }
  int64_t span_delta() const {
    return static_cast<int64_t>(diff_.compare.span_count()) - static_cast<int64_t>(diff_.base.span_count());
  }

  void write_signals(JsonWriter& out) const {
    bool changed = structure_changed_ || counts_.added + counts_.removed > 0;
    out.key("signals").begin_object();
    out.field("traceLatency", direction(latency_delta()));
    out.field("spanWork", direction(millis(compare_.work - base_.work)));
    out.field("errors", direction(compare_.errors - base_.errors));
    out.field("spanCount", direction(span_delta()));
    out.field("structure", changed ? "changed" : "unchanged").end_object();
  }

  void write_trust(JsonWriter& out) const {
    auto [fewer, more] = std::minmax(diff_.base.span_count(), diff_.compare.span_count());
    auto ratio = [&](size_t of) {
      return of == 0 ? 0.0 : static_cast<double>(counts_.matched) / static_cast<double>(of);
    };
    out.key("trust").begin_object().field("matchedSpanRatio", ratio(more));
    out.field("structureOverlap", ratio(fewer)).end_object();
  }

  void write_stats(JsonWriter& out) const {
    out.key("stats").begin_object().field("traceLatencyDeltaMs", latency_delta());
    out.field("spanWorkDeltaMs", millis(compare_.work - base_.work)).field("spanCountDelta", span_delta());
    out.field("errorSpanDelta", compare_.errors - base_.errors).field("matchedSpans", counts_.matched);
    out.field("modifiedSpans", counts_.modified).field("addedSpans", counts_.added);
    out.field("removedSpans", counts_.removed).field("fieldChanges", counts_.fields);
    out.field("attributeChanges", counts_.attributes).end_object();
  }

  void write_services(JsonWriter& out) const {
    std::vector<std::pair<std::string_view, const Rollup*>> ranked;
    for (const auto& [service, rollup] : services_) {
      if (rollup.has_changes) ranked.emplace_back(service, &rollup);
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
      int64_t left = std::llabs(a.second->work_delta), right = std::llabs(b.second->work_delta);
      return left != right ? left > right : a.second->new_errors > b.second->new_errors;
    });
    out.key("services").begin_array();
    for (const auto& [service, rollup] : ranked) {
      out.begin_object().field("name", service).field("spanWorkDeltaMs", millis(rollup->work_delta));
      out.field("modified", rollup->modified).field("added", rollup->added).field("removed", rollup->removed);
      out.field("newErrors", rollup->new_errors)
          .field("resolvedErrors", rollup->resolved_errors)
          .end_object();
    }
    out.end_array();
  }

  void write_patterns(JsonWriter& out) const {
    std::vector<const Pattern*> ranked;
    for (const auto& [key, pattern] : patterns_) ranked.push_back(&pattern);
    std::stable_sort(ranked.begin(), ranked.end(), [](const Pattern* a, const Pattern* b) {
      return std::pair(std::llabs(a->total), a->nodes.size()) >
             std::pair(std::llabs(b->total), b->nodes.size());
    });
    size_t left_out = 0;
    for (size_t i = kPatternsMax; i < ranked.size(); ++i) left_out += ranked[i]->nodes.size();
    out.key("patterns").begin_array();
    for (size_t i = 0; i < std::min(ranked.size(), kPatternsMax); ++i) write_pattern(out, *ranked[i]);
    out.end_array();
    if (ranked.size() <= kPatternsMax) return;
    out.key("patternsTruncated").begin_object();
    out.field("patterns", static_cast<uint64_t>(ranked.size() - kPatternsMax));
    out.field("spans", static_cast<uint64_t>(left_out)).end_object();
  }

  void write_pattern(JsonWriter& out, const Pattern& pattern) const {
    const DiffNode& first = *pattern.nodes[0];
    std::string_view state = pattern.state == DiffState::added     ? "added"
                             : pattern.state == DiffState::removed ? "removed"
                                                                   : "modified";
    out.begin_object().field("state", state).key("span").begin_object();
    write_span_identity(out, side_of(first), span_of(first));
    out.end_object().field("count", static_cast<uint64_t>(pattern.nodes.size()));
    out.key("sampleSpans").begin_array();
    for (size_t i = 0; i < std::min(pattern.nodes.size(), kSamplesMax); ++i)
      write_span_place(out, side_of(*pattern.nodes[i]), span_of(*pattern.nodes[i]));
    out.end_array();
    if (!first.changes.empty()) {
      out.key("changes");
      write_changes(out, diff_, first, DurationUnit::milliseconds);
    }
    if (pattern.has_durations) {
      out.key("durationDeltaMs").begin_object().field("min", millis(pattern.shortest));
      out.field("max", millis(pattern.longest)).field("total", millis(pattern.total)).end_object();
    }
    out.end_object();
  }

  const TraceDiff& diff_;
  const Totals base_, compare_;
  const DiffCounts counts_;
  std::map<std::string_view, Rollup> services_;
  std::set<std::string_view> changed_;
  bool structure_changed_ = false;
  std::map<std::string, Pattern> patterns_;
};

bool has_gap(const DiffSide& side) {
  if (side.tree->root() == kNoSpan) return true;
  return std::any_of(side.tops.begin(), side.tops.end(),
                     [&](uint32_t top) { return side.tree->parent_id(top) != 0; });
}

}  // namespace

DiffCounts count_changes(const TraceDiff& diff) {
  DiffCounts counts;
  for (const DiffNode& node : diff.nodes) {
    counts.added += node.state == DiffState::added ? 1 : 0;
    counts.removed += node.state == DiffState::removed ? 1 : 0;
    counts.modified += node.state == DiffState::modified ? 1 : 0;
    counts.matched += node.base != kNoSpan && node.compare != kNoSpan ? 1 : 0;
    for (const DiffChange& change : node.changes) {
      bool attribute = change.of == DiffChange::Of::attribute, event = change.of == DiffChange::Of::event;
      counts.attributes += attribute ? 1 : 0;
      counts.events += event ? 1 : 0;
      counts.fields += attribute || event ? 0 : 1;
    }
  }
  return counts;
}

void write_warnings(JsonWriter& out, const TraceDiff& diff) {
  out.begin_array();
  auto warn = [&](std::string_view code, const std::string& message) {
    out.begin_object().field("code", code).field("message", message).end_object();
  };
  for (auto [name, side] : {std::pair("base", &diff.base), std::pair("compare", &diff.compare)}) {
    if (has_gap(*side))
      warn("partial_trace", fmt::format("the {} trace lacks its root or the parents of some spans", name));
  }
  if (diff.ambiguous > 0) {
    warn("ambiguous_span_match",
         fmt::format("{} spans stand beside others of the same service, name and kind, in different numbers",
                     diff.ambiguous));
  }
  out.end_array();
}

void write_diff_summary(JsonWriter& out, const TraceDiff& diff) {
  Summary(diff).write(out);
}

}  // namespace obelisk::tempo
