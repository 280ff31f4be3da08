#include "query/logql/new_patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "query/logql/selector_scan.h"

namespace obelisk::logql {
namespace {

constexpr int64_t kFirstSlice = 60 * kNanosPerSecond;
constexpr int64_t kSliceGrowth = 4;

// Cut at the ends of the clock.
int64_t minus(int64_t time, int64_t nanos) {
  int64_t result = 0;
  return __builtin_sub_overflow(time, nanos, &result) ? std::numeric_limits<int64_t>::min() : result;
}
int64_t plus(int64_t time, int64_t nanos) {
  int64_t result = 0;
  return __builtin_add_overflow(time, nanos, &result) ? std::numeric_limits<int64_t>::max() : result;
}

std::string_view pattern_of(const AggregateKey& key) {
  const std::string* text = std::get_if<std::string>(&key.back().value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

}  // namespace

class BirthSearch {
 public:
  BirthSearch(QueryContext& context, const std::vector<Matcher>& matchers, int64_t since_nanos,
              PatternBirths& found)
      : context_(context), matchers_(matchers), since_(since_nanos), found_(found) {}

  Result<void> run(TimeRange rows) {
    int64_t begin = minus(rows.begin.value, found_.for_nanos_);
    OBELISK_CHECK_OK(find_first(begin, rows.end.value));
    int64_t edge = begin, slice = kFirstSlice;
    while (!open_.empty()) {
      int64_t from = std::max(minus(edge, slice), oldest_asked());
      if (from >= edge) break;
      OBELISK_CHECK_OK(look_back(from, edge));
      edge = from;
      slice = slice > std::numeric_limits<int64_t>::max() / kSliceGrowth ? slice : slice * kSliceGrowth;
      settle(edge);
    }
    for (const auto& [pattern, first] : open_) add_birth(pattern, first);
    for (auto& [pattern, born] : found_.births_) std::sort(born.times.begin(), born.times.end());
    std::erase_if(found_.births_, [](const auto& entry) { return entry.second.times.empty(); });
    return {};
  }

 private:
  Result<AggregateStates> count(int64_t begin, int64_t end, int64_t step) {
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::logs;
    scan.range = {{begin}, {end}};
    OBELISK_TRY(scan.where, matchers_expression(matchers_));
    Aggregate& aggregate = scan.aggregate.emplace();
    uint64_t span = static_cast<uint64_t>(end) - static_cast<uint64_t>(begin);
    uint64_t steps = span / static_cast<uint64_t>(step) + 1;
    if (steps > PatternBirths::kBucketsMax) {
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("new_pattern: since must be at least a {}th of the time range",
                                    PatternBirths::kBucketsMax));
    }
    aggregate.first_time = begin;
    aggregate.step = step;
    aggregate.step_count = steps;
    aggregate.by_pattern = fixed_column(column::kLine);
    aggregate.times = true;
    aggregate.groups_max = PatternBirths::kPatternsMax;
    Result<AggregateAnswer> answer =
        aggregate_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel);
    if (!answer.ok()) {
      if (answer.error().code != ErrorCode::too_large) return answer.error();
      return make_error(ErrorCode::too_large, "new_pattern: " + answer.error().message);
    }
    if (!answer->coverage.complete) found_.incomplete_ = answer->coverage.reason;
    return std::move(answer->states);
  }

  // Between two lines of a pattern that lie in one bucket there is at most `since`: a birth can only be the
  // first line of a bucket.
  Result<void> find_first(int64_t begin, int64_t end) {
    if (begin >= end) return {};
    OBELISK_TRY(AggregateStates states, count(begin, end, since_));
    for (const AggregateStates::Group& group : states.groups()) {
      std::string_view pattern = pattern_of(group.key);
      PatternBirths::Born& born = found_.births_[std::string(pattern)];
      bool first = true;
      int64_t last = 0;
      for (size_t i = 0; i < group.counts.size(); ++i) {
        if (group.counts[i] == 0) continue;
        born.line_count += group.counts[i];
        if (first)
          open_.emplace(pattern, group.first_times[i]);
        else if (last < minus(group.first_times[i], since_))
          born.times.push_back(group.first_times[i]);
        first = false;
        last = group.last_times[i];
      }
    }
    return {};
  }

  // The earliest time that can still tell whether an open pattern is new.
  int64_t oldest_asked() const {
    int64_t oldest = std::numeric_limits<int64_t>::max();
    for (const auto& [pattern, first] : open_) oldest = std::min(oldest, minus(first, since_));
    return oldest;
  }

  Result<void> look_back(int64_t from, int64_t edge) {
    OBELISK_TRY(AggregateStates states, count(from, edge, std::numeric_limits<int64_t>::max()));
    for (const AggregateStates::Group& group : states.groups()) {
      auto open = open_.find(pattern_of(group.key));
      if (open != open_.end() && group.last_times[0] >= minus(open->second, since_)) open_.erase(open);
    }
    return {};
  }

  // Patterns whose whole look-back lies behind `edge` are new.
  void settle(int64_t edge) {
    std::erase_if(open_, [&](const auto& entry) {
      bool is_new = minus(entry.second, since_) >= edge;
      if (is_new) add_birth(entry.first, entry.second);
      return is_new;
    });
  }

  void add_birth(const std::string& pattern, int64_t time) { found_.births_[pattern].times.push_back(time); }

  QueryContext& context_;
  const std::vector<Matcher>& matchers_;
  const int64_t since_;
  PatternBirths& found_;
  std::map<std::string, int64_t, std::less<>>
      open_;  // the first line of a pattern, not known to be new or not
};

Result<PatternBirths> PatternBirths::find(QueryContext& context, const std::vector<Matcher>& matchers,
                                          TimeRange rows, int64_t since_nanos, int64_t for_nanos) {
  PatternBirths births;
  births.for_nanos_ = for_nanos;
  OBELISK_CHECK_OK(BirthSearch(context, matchers, since_nanos, births).run(rows));
  return births;
}

bool PatternBirths::passes(std::string_view pattern, int64_t time) const {
  auto found = births_.find(pattern);
  if (found == births_.end()) return false;
  const std::vector<int64_t>& times = found->second.times;
  auto after = std::upper_bound(times.begin(), times.end(), time);
  return after != times.begin() && time <= plus(*(after - 1), for_nanos_);
}

TimeRange PatternBirths::passing() const {
  if (births_.empty()) return {{0}, {0}};
  TimeRange range{{std::numeric_limits<int64_t>::max()}, {std::numeric_limits<int64_t>::min()}};
  for (const auto& [pattern, born] : births_) {
    range.begin.value = std::min(range.begin.value, born.times.front());
    range.end.value = std::max(range.end.value, plus(plus(born.times.back(), for_nanos_), 1));
  }
  return range;
}

Result<NewPatterns> NewPatterns::prepare(QueryContext& context, const LogSelector& selector,
                                         TimeRange& times) {
  NewPatterns patterns;
  for (size_t i = 0; i < selector.stages.size(); ++i) {
    const Stage& stage = selector.stages[i];
    if (stage.kind != Stage::Kind::new_pattern) continue;
    patterns.births_.resize(selector.stages.size());
    OBELISK_TRY(PatternBirths births,
                PatternBirths::find(context, selector.matchers, times, stage.since_nanos, stage.for_nanos));
    TimeRange passing = births.passing();
    times.begin = std::max(times.begin, passing.begin);
    times.end = std::min(times.end, passing.end);
    if (times.end < times.begin) times.end = times.begin;
    patterns.births_[i] = std::make_shared<const PatternBirths>(std::move(births));
  }
  return patterns;
}

std::string NewPatterns::incomplete() const {
  for (const auto& births : births_) {
    if (births && !births->incomplete().empty()) return births->incomplete();
  }
  return {};
}

void note_incomplete(const NewPatterns& patterns, ReadStatistics& statistics) {
  std::string reason = patterns.incomplete();
  if (reason.empty()) return;
  statistics.complete = false;
  statistics.incomplete_reason = std::move(reason);
}

}  // namespace obelisk::logql
