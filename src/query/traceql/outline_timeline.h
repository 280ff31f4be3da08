#pragma once
// A trace drawn small, whatever its size: time cut into columns, and for each of the first levels of the tree
// the service that most of the spans which run in a column belong to. Costs one pass over the spans that does
// not depend on how long they are. Pure. Bounds: kTimelineColumnsMax columns, kTimelineLevelsMax levels,
// kTimelineServicesMax services (those with most spans; the others count as one).
#include <cstdint>
#include <vector>

#include "query/traceql/trace_outline.h"

namespace obelisk::traceql {

inline constexpr size_t kTimelineColumnsMax = 1000;
inline constexpr size_t kTimelineLevelsMax = 64;
inline constexpr size_t kTimelineServicesMax = 64;
inline constexpr int32_t kNoService = -1;     // no span runs there
inline constexpr int32_t kOtherService = -2;  // one of those that are not told apart

struct TimelineRequest {
  int64_t begin = 0;  // Unix ns
  int64_t end = 0;    // after begin
  size_t columns = 240;
  size_t levels = 12;
};

struct Timeline {
  // By level and column: index into TraceOutline::services, or one of the above. As many levels as are used.
  std::vector<std::vector<int32_t>> services;
  // By column: spans that begin there, and those of them that failed.
  std::vector<uint32_t> spans;
  std::vector<uint32_t> errors;
};

Timeline timeline_of_outline(const TraceOutline& outline, const TimelineRequest& request);

}  // namespace obelisk::traceql
