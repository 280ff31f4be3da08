#include "query/traceql/outline_timeline.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace obelisk::traceql {
namespace {

class TimelineBuilder {
 public:
  TimelineBuilder(const TraceOutline& outline, const TimelineRequest& request)
      : outline_(outline), request_(request) {
    OBELISK_ASSERT(request.begin < request.end && request.columns > 0 && request.levels > 0);
    rank_services();
    for (const OutlineSpan& span : outline.spans)
      used_levels_ = std::max<size_t>(used_levels_, span.depth + 1);
    used_levels_ = std::min(used_levels_, request.levels);
    changes_.assign(used_levels_ * lane_count_ * (request.columns + 1), 0);
    timeline_.spans.assign(request.columns, 0);
    timeline_.errors.assign(request.columns, 0);
  }

  Timeline build() {
    for (const OutlineSpan& span : outline_.spans) add(span);
    for (size_t level = 0; level < used_levels_; ++level) timeline_.services.push_back(most_of(level));
    return std::move(timeline_);
  }

 private:
  // A lane a service, and the last one for those that are not told apart.
  void rank_services() {
    std::vector<uint64_t> counts(outline_.services.size());
    for (const OutlineSpan& span : outline_.spans) ++counts[span.service];
    service_of_lane_.resize(counts.size());
    std::iota(service_of_lane_.begin(), service_of_lane_.end(), 0);
    std::stable_sort(service_of_lane_.begin(), service_of_lane_.end(),
                     [&](int32_t a, int32_t b) { return counts[a] > counts[b]; });
    lane_of_service_.assign(counts.size(), 0);
    for (size_t lane = 0; lane < service_of_lane_.size(); ++lane)
      lane_of_service_[service_of_lane_[lane]] = std::min(lane, kTimelineServicesMax);
    if (service_of_lane_.size() > kTimelineServicesMax) {
      service_of_lane_.resize(kTimelineServicesMax);
      service_of_lane_.push_back(kOtherService);
    }
    lane_count_ = service_of_lane_.size();
  }

  size_t column_of(int64_t time) const {
    auto inside = static_cast<double>(time - request_.begin);
    auto length = static_cast<double>(request_.end - request_.begin);
    auto column = static_cast<size_t>(inside / length * static_cast<double>(request_.columns));
    return std::min(column, request_.columns - 1);
  }

  // Counts are kept as changes from column to column, so that a long span costs no more than a short one.
  void add(const OutlineSpan& span) {
    int64_t end = span.start + span.duration;
    if (span.start >= request_.end || (end <= request_.begin && span.start < request_.begin)) return;
    size_t first = span.start <= request_.begin ? 0 : column_of(span.start);
    size_t last = end >= request_.end ? request_.columns - 1 : column_of(std::max(end, request_.begin));
    if (span.start >= request_.begin) {
      ++timeline_.spans[first];
      if (span.status == 2) ++timeline_.errors[first];
    }
    if (span.depth >= used_levels_) return;
    int32_t* lane = lane_at(span.depth, lane_of_service_[span.service]);
    ++lane[first];
    --lane[std::max(first, last) + 1];
  }

  int32_t* lane_at(size_t level, size_t lane) {
    return &changes_[(level * lane_count_ + lane) * (request_.columns + 1)];
  }

  std::vector<int32_t> most_of(size_t level) {
    std::vector<int32_t> services(request_.columns, kNoService), most(request_.columns, 0);
    for (size_t lane = 0; lane < lane_count_; ++lane) {
      const int32_t* changes = lane_at(level, lane);
      int32_t running = 0;
      for (size_t column = 0; column < request_.columns; ++column) {
        running += changes[column];
        if (running <= most[column]) continue;
        most[column] = running;
        services[column] = service_of_lane_[lane];
      }
    }
    return services;
  }

  const TraceOutline& outline_;
  const TimelineRequest& request_;
  size_t used_levels_ = 0;
  size_t lane_count_ = 0;
  std::vector<size_t> lane_of_service_;
  std::vector<int32_t> service_of_lane_;
  std::vector<int32_t> changes_;  // by level, lane and column; one column more
  Timeline timeline_;
};

}  // namespace

Timeline timeline_of_outline(const TraceOutline& outline, const TimelineRequest& request) {
  return TimelineBuilder(outline, request).build();
}

}  // namespace obelisk::traceql
