#include "query/promql/tier_read.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/evaluator.h"
#include "query/promql/printer.h"

namespace obelisk::promql {
namespace {

// What stands for the samples of a bucket where one function or another asks for samples.
constexpr TierAspect kNewest[] = {TierAspect::last, TierAspect::histogram_last, TierAspect::ended};
constexpr TierAspect kSparse[] = {TierAspect::first,           TierAspect::last,
                                  TierAspect::histogram_first, TierAspect::histogram_last,
                                  TierAspect::histogram_turns, TierAspect::ended};

struct Joined {
  std::vector<std::pair<int64_t, double>> floats;
  std::vector<std::pair<int64_t, HistogramPtr>> histograms;
  std::vector<int64_t> stale_times;
};

template <typename Entries, typename Key>
void sort_unique(Entries& entries, Key key) {
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [&](const auto& a, const auto& b) { return key(a) == key(b); }),
                entries.end());
}

void add_to(Joined& joined, const RawSeries& raw) {
  for (size_t i = 0; i < raw.floats.size(); ++i)
    joined.floats.emplace_back(raw.float_times[i], raw.floats[i]);
  for (size_t i = 0; i < raw.histograms.size(); ++i)
    joined.histograms.emplace_back(raw.histogram_times[i], raw.histograms[i]);
  joined.stale_times.insert(joined.stale_times.end(), raw.stale_times.begin(), raw.stale_times.end());
}

RawSeries to_raw(const Labels& labels, Joined joined) {
  auto time_of = [](const auto& entry) { return entry.first; };
  sort_unique(joined.floats, time_of);
  sort_unique(joined.histograms, time_of);
  sort_unique(joined.stale_times, [](int64_t time) { return time; });
  RawSeries raw;
  raw.labels = labels;
  raw.metric = raw.labels.get(kMetricNameLabel);
  for (const auto& [time, value] : joined.floats) {
    raw.own_times.push_back(time);
    raw.own_floats.push_back(value);
  }
  for (auto& [time, histogram] : joined.histograms) {
    raw.histogram_times.push_back(time);
    raw.histograms.push_back(std::move(histogram));
  }
  raw.float_times = raw.own_times;
  raw.floats = raw.own_floats;
  raw.stale_times = std::move(joined.stale_times);
  return raw;
}

void append(TierColumn& column, const RawSeries& raw) {
  column.times.insert(column.times.end(), raw.float_times.begin(), raw.float_times.end());
  column.values.insert(column.values.end(), raw.floats.begin(), raw.floats.end());
  column.times.insert(column.times.end(), raw.histogram_times.begin(), raw.histogram_times.end());
  column.histograms.insert(column.histograms.end(), raw.histograms.begin(), raw.histograms.end());
}

// Each sample as a bucket of one.
void append_samples(TierSeries& series, const RawSeries& raw, const std::vector<TierAspect>& aspects) {
  for (TierAspect aspect : aspects) {
    TierColumn& column = series.of(aspect);
    switch (aspect) {
      case TierAspect::first:
      case TierAspect::last:
      case TierAspect::minimum:
      case TierAspect::maximum:
      case TierAspect::sum:
        column.times.insert(column.times.end(), raw.float_times.begin(), raw.float_times.end());
        column.values.insert(column.values.end(), raw.floats.begin(), raw.floats.end());
        break;
      case TierAspect::count:
        column.times.insert(column.times.end(), raw.float_times.begin(), raw.float_times.end());
        column.values.resize(column.times.size(), 1);
        break;
      case TierAspect::histogram_count:
        column.times.insert(column.times.end(), raw.histogram_times.begin(), raw.histogram_times.end());
        column.values.resize(column.times.size(), 1);
        break;
      case TierAspect::histogram_first:
      case TierAspect::histogram_last:
      case TierAspect::histogram_sum:
        column.times.insert(column.times.end(), raw.histogram_times.begin(), raw.histogram_times.end());
        column.histograms.insert(column.histograms.end(), raw.histograms.begin(), raw.histograms.end());
        break;
      case TierAspect::lost:
      case TierAspect::histogram_turns:
      case TierAspect::ended:
        break;
    }
  }
}

std::string time_text(int64_t time_ms) {
  return format_rfc3339(UnixNanos::from_millis(time_ms).value);
}

}  // namespace

std::vector<TierAspect> tier_aspects_of(FunctionId function) {
  using A = TierAspect;
  switch (function) {
    case FunctionId::rate:
    case FunctionId::increase:
      return {A::first,           A::last,           A::count,           A::lost,
              A::histogram_first, A::histogram_last, A::histogram_turns, A::histogram_count};
    case FunctionId::delta:
      return {A::first, A::last, A::count, A::histogram_first, A::histogram_last, A::histogram_count};
    case FunctionId::first_over_time:
    case FunctionId::ts_of_first_over_time:
      return {A::first, A::histogram_first};
    case FunctionId::last_over_time:
    case FunctionId::ts_of_last_over_time:
      return {A::last, A::histogram_last};
    case FunctionId::min_over_time:
      return {A::minimum, A::histogram_last};
    case FunctionId::max_over_time:
      return {A::maximum, A::histogram_last};
    case FunctionId::sum_over_time:
    case FunctionId::avg_over_time:
      return {A::sum, A::count, A::histogram_sum, A::histogram_count};
    case FunctionId::count_over_time:
    case FunctionId::present_over_time:
      return {A::count, A::histogram_count};
    default:
      return {};
  }
}

Result<std::optional<TierChoice>> Evaluator::tier_for(const TierNeed& need) const {
  if (!options_.use_tiers || need.after_ms >= need.until_ms) return std::optional<TierChoice>();
  OBELISK_TRY(TierReport report, context_.reader.tiers(context_.at, need.after_ms, need.until_ms));
  return choose_tier(report, need);
}

// The answer says where it comes from.
void Evaluator::tell_tier(const Node& node, const TierChoice& choice) {
  const TierSpan span = choice.span();
  std::string told =
      fmt::format("the {} tier of downsampled samples was read from {} to {}{}",
                  format_prometheus_duration(choice.resolution_ms * kNanosPerMilli), time_text(span.after_ms),
                  time_text(span.until_ms),
                  choice.exact ? "" : ", the answer is approximate: the samples of that time are gone");
  annotations_.info(node, told);
  if (trace_ != nullptr) trace_->note(told);
  PromqlTierUse use{choice.resolution_ms, span.after_ms, span.until_ms, choice.exact, to_string(node)};
  if (std::find(stats_.tiers.begin(), stats_.tiers.end(), use) == stats_.tiers.end())
    stats_.tiers.push_back(std::move(use));
}

Result<std::vector<RawSeries>> Evaluator::load_stretches(const SeriesRequest& request,
                                                         const TierChoice& choice) {
  tell_tier(*request.node, choice);
  std::map<Labels, Joined> joined;
  std::span<const TierAspect> aspects(kSparse);
  if (choice.exact) aspects = kNewest;
  for (const TierStretch& stretch : choice.stretches) {
    SeriesRequest part{request.matchers, stretch.after_ms, stretch.until_ms};
    auto add = [&]() -> Result<void> {
      OBELISK_TRY(std::vector<RawSeries> list, load(part));
      for (RawSeries& raw : list) add_to(joined[raw.labels], raw);
      return {};
    };
    if (stretch.resolution_ms == 0) {
      OBELISK_CHECK_OK(add());
      continue;
    }
    // What stands for a bucket may lie as much before as the bucket is long.
    if (!choice.exact) part.after_ms -= stretch.resolution_ms;
    for (TierAspect aspect : aspects) {
      part.tier = TierRead{stretch.resolution_ms, aspect};
      OBELISK_CHECK_OK(add());
    }
  }
  std::vector<RawSeries> loaded;
  for (auto& [labels, samples] : joined) {
    loaded.push_back(to_raw(labels, std::move(samples)));
    if (choice.exact) continue;
    loaded.back().sparse_until_ms = choice.span().until_ms;
    loaded.back().sparse_slack_ms = choice.resolution_ms;
  }
  return loaded;
}

Result<std::optional<TierData>> Evaluator::read_tier(const Node& call, const Node& argument,
                                                     const Steps& steps) {
  const Node& node = unwrap_parens(argument);
  std::optional<TierData> none;
  if (!options_.use_tiers || node.kind != Node::Kind::matrix || node.range_mode != RangeMode::plain)
    return none;
  std::vector<TierAspect> aspects = tier_aspects_of(call.function->id);
  bool by_start = options_.use_start_timestamps &&
                  (call.function->id == FunctionId::rate || call.function->id == FunctionId::increase);
  if (aspects.empty() || by_start) return none;
  TierData data;
  data.node = &node;
  OBELISK_TRY(data.range_ms, duration_ms(*node.range, true));
  OBELISK_TRY(int64_t first, reference_time(node.time, steps.start_ms));
  OBELISK_TRY(int64_t last, reference_time(node.time, steps.last()));
  TierNeed need{first - data.range_ms, last, first, first == last ? 0 : steps.step_ms, data.range_ms, true};
  OBELISK_TRY(std::optional<TierChoice> choice, tier_for(need));
  if (!choice) return none;
  if (trace_ != nullptr) trace_->enter(node);
  uint64_t samples_before = stats_.samples;
  tell_tier(node, *choice);
  Result<void> read = read_aspects(node, *choice, aspects, data);
  if (trace_ != nullptr) {
    trace_->loaded(need.after_ms, need.until_ms, data.series.size());
    trace_->leave(stats_.samples - samples_before, data.series.size(), 0, true);
  }
  if (!read.ok()) return read.error();
  return std::optional(std::move(data));
}

Result<void> Evaluator::read_aspects(const Node& node, const TierChoice& choice,
                                     const std::vector<TierAspect>& aspects, TierData& data) {
  for (const TierStretch& stretch : choice.stretches) {
    SeriesRequest part{&node.children[0]->matchers, stretch.after_ms, stretch.until_ms};
    if (stretch.resolution_ms == 0) {
      OBELISK_TRY(std::vector<RawSeries> list, load(part));
      for (const RawSeries& raw : list) append_samples(data.series[raw.labels], raw, aspects);
      continue;
    }
    for (TierAspect aspect : aspects) {
      part.tier = TierRead{stretch.resolution_ms, aspect};
      OBELISK_TRY(std::vector<RawSeries> list, load(part));
      for (const RawSeries& raw : list) append(data.series[raw.labels].of(aspect), raw);
    }
  }
  return {};
}

}  // namespace obelisk::promql
