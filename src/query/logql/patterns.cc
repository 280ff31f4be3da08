#include "query/logql/patterns.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/read_progress.h"
#include "query/logql/new_patterns.h"
#include "query/logql/row_source.h"

namespace obelisk::logql {
namespace {

constexpr size_t kStepsMax = 3'000;  // a cluster holds a count a step: at most 48 MB in all
// Of the store's counts, by pattern and step; lines of further patterns are counted together.
constexpr size_t kCountsBytesMax = 64 << 20;
constexpr size_t kStorePatternsMax = 65'536;

std::string_view level_of(const RowLabels& labels) {
  std::string_view level = labels.text_of("detected_level");
  return level.empty() ? labels.text_of("level") : level;
}

class PatternSearch {
 public:
  PatternSearch(QueryContext& context, const RangeRequest& request, PatternsResult& result)
      : context_(context), request_(request), result_(result), miner_(result.grid.count) {}

  Result<void> run(const LogSelector& selector) {
    LabelDemand demand;
    demand.everything = false;
    demand.add("detected_level");
    demand.add("level");
    TimeRange times{request_.start, request_.end};
    OBELISK_TRY(NewPatterns fresh, NewPatterns::prepare(context_, selector, times));
    OBELISK_TRY(LoweredSelector lowered, lower_selector(selector));
    OBELISK_TRY(Pipeline pipeline,
                Pipeline::compile(selector.stages, lowered.applied, demand, request_.now, &fresh));
    OBELISK_TRY(Expr metadata, metadata_filter(context_, selector, times));
    Expr where = Expr::all_of({std::move(lowered.where), std::move(metadata)});
    if (pipeline.empty()) {
      OBELISK_CHECK_OK(ask_store(std::move(where), times));
    } else {
      OBELISK_CHECK_OK(look_at_lines(pipeline, std::move(where), times));
    }
    result_.others = miner_.others();
    result_.patterns = miner_.finish();
    return {};
  }

 private:
  Result<void> ask_store(Expr where, TimeRange times) {
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::logs;
    scan.range = times;
    scan.where = std::move(where);
    Aggregate& aggregate = scan.aggregate.emplace();
    aggregate.first_time = result_.grid.start;
    aggregate.step = result_.grid.step;
    aggregate.step_count = result_.grid.count;
    aggregate.by_pattern = fixed_column(column::kLine);
    aggregate.by.push_back({label_column("detected_level"),
                            {Scope::attribute, "detected_level"},
                            label_column("level"),
                            {Scope::attribute, "level"}});
    aggregate.fold_excess = true;
    aggregate.groups_max = std::min(kStorePatternsMax, kCountsBytesMax / (512 + 8 * aggregate.step_count));
    OBELISK_TRY(AggregateAnswer answer,
                aggregate_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel));
    if (!answer.coverage.complete) result_.incomplete = answer.coverage.reason;
    add_counts(answer.states);
    return {};
  }

  // The most frequent first: what others are compared with is then what there is most of.
  void add_counts(const AggregateStates& states) {
    std::vector<std::pair<uint64_t, const AggregateStates::Group*>> groups;
    for (const AggregateStates::Group& group : states.groups()) {
      uint64_t total = 0;
      for (uint64_t count : group.counts) total += count;
      groups.emplace_back(total, &group);
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    auto text_of = [](const AggregateKeyPart& part) {
      const std::string* text = std::get_if<std::string>(&part.value);
      return text == nullptr ? std::string_view() : std::string_view(*text);
    };
    for (const auto& [total, group] : groups) {
      if (group->key.empty())
        miner_.add_others(group->counts);
      else
        miner_.add_pattern(text_of(group->key[1]), text_of(group->key[0]), group->counts);
    }
  }

  Result<void> look_at_lines(Pipeline& pipeline, Expr where, TimeRange times) {
    OBELISK_TRY(Scan scan, log_scan(context_, std::move(where), times, pipeline.demand(), true));
    ReadStatistics statistics;
    uint64_t lines = 0;
    auto take = [&](const PassedRow& passed) -> Result<bool> {
      size_t step = static_cast<size_t>((passed.row.time - result_.grid.start) / result_.grid.step);
      miner_.add(passed.row.line, level_of(passed.row.labels), step);
      ++lines;
      return true;
    };
    Result<void> read = for_each_row(context_, scan, pipeline, statistics, take);
    if (!statistics.complete) result_.incomplete = statistics.incomplete_reason;
    if (read.ok()) return {};
    std::optional<Error> limit = passed_read_limit();
    const Error& error = read.error().code == ErrorCode::cancelled && limit ? *limit : read.error();
    bool ran_out = error.code == ErrorCode::timeout || error.code == ErrorCode::too_large;
    if (!ran_out || lines == 0) return error;
    result_.incomplete =
        fmt::format("partial: only {} lines were counted, from no particular time: {}", lines, error.message);
    return {};
  }

  QueryContext& context_;
  const RangeRequest& request_;
  PatternsResult& result_;
  PatternMiner miner_;
};

}  // namespace

Result<PatternsResult> find_patterns(QueryContext& context, const LogSelector& selector,
                                     const RangeRequest& request) {
  PatternsResult result;
  uint64_t span = static_cast<uint64_t>(request.end.value) - static_cast<uint64_t>(request.start.value);
  uint64_t step = static_cast<uint64_t>(request.step_nanos);
  uint64_t steps = span / step + (span % step == 0 ? 0 : 1);
  if (steps == 0 || steps > kStepsMax) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("exceeded maximum resolution of {} points per pattern; use a larger step", kStepsMax));
  }
  result.grid = {request.start.value, request.step_nanos, static_cast<size_t>(steps)};
  OBELISK_CHECK_OK(PatternSearch(context, request, result).run(selector));
  return result;
}

}  // namespace obelisk::logql
