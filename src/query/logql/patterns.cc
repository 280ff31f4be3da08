#include "query/logql/patterns.h"

#include <fmt/format.h>

#include "query/logql/row_source.h"

namespace obelisk::logql {
namespace {

constexpr size_t kStepsMax = 3'000;  // a cluster holds a count a step: at most 48 MB in all

std::string_view level_of(const RowLabels& labels) {
  std::string_view level = labels.text_of("detected_level");
  return level.empty() ? labels.text_of("level") : level;
}

}  // namespace

Result<PatternsResult> find_patterns(QueryContext& context, const LogSelector& selector,
                                     const RangeRequest& request) {
  PatternsResult result;
  uint64_t span = static_cast<uint64_t>(request.end - request.start);
  uint64_t steps =
      (span + static_cast<uint64_t>(request.step_nanos) - 1) / static_cast<uint64_t>(request.step_nanos);
  if (steps == 0 || steps > kStepsMax) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("exceeded maximum resolution of {} points per pattern; use a larger step", kStepsMax));
  }
  result.grid = {request.start.value, request.step_nanos, static_cast<size_t>(steps)};
  LabelDemand demand;
  demand.everything = false;
  demand.add("detected_level");
  demand.add("level");
  OBELISK_TRY(LoweredSelector lowered, lower_selector(selector));
  OBELISK_TRY(Pipeline pipeline, Pipeline::compile(selector.stages, lowered.applied, demand, request.now));
  OBELISK_TRY(Scan scan, log_scan(context, std::move(lowered.where), {request.start, request.end},
                                  pipeline.demand(), true));
  scan.order = Order::time_descending;
  if (pipeline.empty()) scan.limit = kPatternLinesMax;
  PatternMiner miner(result.grid.count);
  ReadStatistics statistics;
  auto take = [&](const PassedRow& passed) -> Result<bool> {
    size_t step = static_cast<size_t>((passed.row.time - request.start.value) / request.step_nanos);
    miner.add(passed.row.line, level_of(passed.row.labels), step);
    return ++result.lines_read < kPatternLinesMax;
  };
  OBELISK_CHECK_OK(for_each_row(context, scan, pipeline, statistics, take));
  if (!statistics.complete) result.incomplete = statistics.incomplete_reason;
  if (result.lines_read == kPatternLinesMax)
    result.incomplete = fmt::format("only the newest {} lines were looked at", kPatternLinesMax);
  if (miner.overflow() > 0) {
    result.incomplete +=
        fmt::format("{}{} lines would have made more than {} patterns", result.incomplete.empty() ? "" : "; ",
                    miner.overflow(), PatternMiner::kClustersMax);
  }
  result.patterns = miner.finish();
  return result;
}

}  // namespace obelisk::logql
