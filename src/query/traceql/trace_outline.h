#pragma once
// A trace without its attributes, of any size: every span in pre-order with what a viewer needs to draw parts
// of it (level of detail): the size and the errors of the subtree below, self time, whether it is on the
// critical path. 64 bytes a span, so that a trace of a million spans is read once, by seven columns
// (read_outline.cc), and then answered from. Immutable once made; safe from any thread. Bound: the caller's
// budget while it is made.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "query/core/query_context.h"
#include "query/traceql/trace_tree.h"

namespace obelisk::traceql {

struct OutlineSpan {
  uint64_t id = 0;
  int64_t start = 0;
  int64_t duration = 0;
  int64_t self_time = 0;
  uint32_t parent = kNoSpan;  // position; kNoSpan: none, or it has not come
  uint32_t depth = 0;
  uint32_t size = 1;    // spans of the subtree, itself included: they are the positions that follow
  uint32_t errors = 0;  // of these, with status error
  uint32_t child_count = 0;
  uint32_t name = 0;     // index into names
  uint32_t service = 0;  // index into services
  uint8_t kind = 0;
  uint8_t status = 0;
  bool critical = false;
};

struct TraceOutline {
  TraceId id;
  int64_t start = 0;
  int64_t end = 0;
  std::vector<OutlineSpan> spans;  // in pre-order, children by start
  std::vector<std::string> names;
  std::vector<std::string> services;

  size_t memory_bytes() const;
  // The position of a span; kNoSpan when it is not there.
  uint32_t find(uint64_t span_id) const;
};

// Null when there is no such trace.
Result<std::shared_ptr<const TraceOutline>> outline_of_trace(const QueryContext& context, const TraceId& id);

// Spans with one path of (service, name) from the top put together.
struct AggregatedSpan {
  uint32_t parent = kNoSpan;  // index into the list; parents come first
  uint32_t depth = 0;
  uint32_t name = 0;
  uint32_t service = 0;
  uint64_t count = 0;
  uint64_t errors = 0;
  int64_t duration = 0;  // sums
  int64_t self_time = 0;
  int64_t longest = 0;
};
struct AggregatedTrace {
  std::vector<AggregatedSpan> nodes;
  uint64_t left_out = 0;  // spans whose path would have been one more than nodes_max
};
AggregatedTrace aggregate_outline(const TraceOutline& outline, size_t nodes_max);

// Positions of the spans below `top` (kNoSpan: the tops and all below) at most `depth` levels down, in
// pre-order.
struct OutlinePage {
  std::vector<uint32_t> spans;
  uint64_t total = 0;  // how many there are without offset and limit
};
OutlinePage page_of_outline(const TraceOutline& outline, uint32_t top, uint32_t depth, size_t offset,
                            size_t limit);
// Spans whose name or service contains `text`, in pre-order.
OutlinePage find_in_outline(const TraceOutline& outline, std::string_view text, size_t offset, size_t limit);
// Those that failed themselves, in pre-order.
OutlinePage failures_of(const TraceOutline& outline, size_t offset, size_t limit);
// The way from a top down to the span at `position`, it included, with the place of each among its siblings.
struct OutlineStep {
  uint32_t position = 0;
  uint64_t place = 0;
};
std::vector<OutlineStep> way_to(const TraceOutline& outline, uint32_t position);
// Those on the critical path, in pre-order.
OutlinePage critical_path_of(const TraceOutline& outline, size_t offset, size_t limit);

}  // namespace obelisk::traceql
