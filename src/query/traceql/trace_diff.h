#pragma once
// Two traces compared span by span: what is the same call in both, and what is there only once.
//
// Matching. Tops, and the children of a matched pair, are matched when service, name and kind are equal: of
// several alike the first with the first, and so on, in time order. What is left on both sides is then
// matched wherever it stands, in the same way (it has moved). Spans that are left after that are added or
// removed.
// Changes of a matched pair. duration: by more than 1 ms and 25 % of the longer (a pair of traces cannot tell
// less from jitter); status; attributes of the span (sizes and counts of tokens by more than 5 %, others at
// all); names of events; the parent, when it has moved.
// Bounds: kDiffSpansMax spans a side. Views point into the batches, which the result owns.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/traceql/trace_tree.h"

namespace obelisk::traceql {

inline constexpr size_t kDiffSpansMax = 200'000;

struct DiffSide {
  BatchPtr batch;
  std::unique_ptr<TraceTree> tree;  // linked
  std::vector<std::vector<uint32_t>> children;
  std::vector<uint32_t> tops;
  std::vector<uint32_t> positions;  // of each span among its siblings

  size_t span_count() const { return tree->span_count(); }
  int64_t start(uint32_t span) const { return batch->times()[tree->row(span)]; }
  int64_t duration(uint32_t span) const;
  int64_t status(uint32_t span) const;
  int64_t kind(uint32_t span) const;
  std::string_view name(uint32_t span) const;
  std::string_view service(uint32_t span) const;
  // Positions from the top down to the span.
  std::vector<uint32_t> path(uint32_t span) const;
};

enum class DiffState : uint8_t { same, modified, added, removed };

// A value in a column; null: absent.
struct DiffValue {
  const ColumnData* column = nullptr;
  uint32_t row = 0;
};

struct DiffChange {
  enum class Of : uint8_t { duration, status, attribute, event, parent };
  Of of = Of::duration;
  std::string_view name;         // of an attribute or event
  DiffValue before, after;       // of an attribute
  int32_t event_difference = 0;  // how many more the second trace has
};

struct DiffNode {
  DiffState state = DiffState::same;
  uint32_t base = kNoSpan;
  uint32_t compare = kNoSpan;
  uint32_t parent = kNoSpan;  // index into the nodes
  uint32_t depth = 0;
  std::vector<DiffChange> changes;
};

struct TraceDiff {
  DiffSide base, compare;
  std::vector<DiffNode> nodes;  // both trees in one, parents first; a moved span stands where it was
  size_t ambiguous = 0;         // matched spans that could have been matched otherwise
};

// Both as fetch_trace gives them. too_large when a side has more than kDiffSpansMax spans.
Result<TraceDiff> diff_traces(const std::vector<BatchPtr>& base, const std::vector<BatchPtr>& compare);

}  // namespace obelisk::traceql
