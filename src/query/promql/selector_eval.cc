// Reading: selectors become scans of Table::samples by series, subqueries become series of their own results.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "model/histogram_arithmetic.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/evaluator.h"
#include "query/promql/extended_range.h"
#include "query/promql/series_fold.h"

namespace obelisk::promql {
namespace {

constexpr int64_t kMillisMax = std::numeric_limits<int64_t>::max() / kNanosPerMilli - 1;

// The nanoseconds that belong to the milliseconds in (after, until].
TimeRange scan_range(int64_t after_ms, int64_t until_ms) {
  after_ms = std::clamp(after_ms, -kMillisMax, kMillisMax);
  until_ms = std::clamp(until_ms, -kMillisMax, kMillisMax);
  return {UnixNanos::from_millis(after_ms + 1), UnixNanos::from_millis(until_ms + 1)};
}

// The times of a group in ReadBatch::times_ms.
struct GroupTimes {
  size_t first = 0;
  bool ascending = true;  // strictly
};

// A batch as read, with its times in milliseconds; series borrow from both. Groups in a row with the same
// times, as series of one sender mostly have, share theirs.
struct ReadBatch {
  BatchPtr batch;
  std::vector<int64_t> times_ms;
  std::vector<GroupTimes> groups;

  std::span<const int64_t> times_of(size_t group) const {
    return std::span(times_ms).subspan(groups[group].first, batch->groups[group].row_count);
  }
};

bool is_metric_label(std::string_view name) {
  return name == kMetricNameLabel || name == "__type__" || name == "__unit__";
}

Hash128 identity_of(LabelsView labels, std::vector<LabelRef>& scratch) {
  scratch.clear();
  for (const LabelRef& label : labels) {
    if (!is_metric_label(label.name)) scratch.push_back(label);
  }
  return hash_labels_wide(scratch);
}

Labels labels_named(LabelsView labels, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::vector<LabelRef> kept;
  for (const LabelRef& label : labels) {
    if (std::find(names.begin(), names.end(), label.name) != names.end()) kept.push_back(label);
  }
  return Labels(LabelsView(kept));
}

// Stores keep label texts once: where two are the same bytes nothing need be compared.
bool is_before(LabelsView a, LabelsView b) {
  size_t common = std::min(a.size(), b.size());
  size_t same = 0;
  while (same < common && a[same].value.data() == b[same].value.data() &&
         a[same].value.size() == b[same].value.size() && a[same].name == b[same].name)
    ++same;
  a = a.subspan(same);
  b = b.subspan(same);
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

std::shared_ptr<const ReadBatch> with_times_in_ms(BatchPtr batch) {
  auto read = std::make_shared<ReadBatch>();
  const int64_t* times = batch->times().data();
  read->groups.reserve(batch->groups.size());
  const Group* before = nullptr;
  for (const Group& group : batch->groups) {
    bool same = before != nullptr && before->row_count == group.row_count &&
                std::memcmp(times + group.first_row, times + before->first_row,
                            group.row_count * sizeof(int64_t)) == 0;
    before = &group;
    if (same) {
      GroupTimes shared = read->groups.back();
      read->groups.push_back(shared);
      continue;
    }
    GroupTimes& fresh = read->groups.emplace_back();
    fresh.first = read->times_ms.size();
    for (uint32_t i = 0; i < group.row_count; ++i) {
      int64_t time_ms = UnixNanos{times[group.first_row + i]}.to_millis();
      if (i > 0) fresh.ascending &= read->times_ms.back() < time_ms;
      read->times_ms.push_back(time_ms);
    }
  }
  read->batch = std::move(batch);
  return read;
}

bool has_absent(std::span<const double> values) {
  bool any = false;
  for (double value : values) any |= is_absent(value);
  return any;
}

// Walks to the last entry at or before a time, for times that mostly rise.
class LastBefore {
 public:
  // The index of the last entry <= time, or -1.
  template <typename Times>
  ptrdiff_t move_to(const Times& times, int64_t time) {
    if (next_ > 0 && times[next_ - 1] > time) next_ = 0;  // a pinned (@) or offset series of an outer query
    while (next_ < times.size() && times[next_] <= time) ++next_;
    return static_cast<ptrdiff_t>(next_) - 1;
  }

 private:
  size_t next_ = 0;
};

// Samples of two floats and histograms in time order, for telling resets on the fly.
void tell_resets(RawSeries& series) {
  HistogramPtr before;
  int64_t before_time = 0;
  for (size_t i = 0; i < series.histograms.size(); ++i) {
    HistogramPtr current = series.histograms[i];
    int64_t time = series.histogram_times[i];
    bool float_between = std::any_of(series.float_times.begin(), series.float_times.end(),
                                     [&](int64_t t) { return before && t > before_time && t < time; });
    if (current->reset_hint == CounterResetHint::unknown || current->reset_hint == CounterResetHint::no) {
      auto told = std::make_shared<Histogram>(*current);
      if (!before || float_between) {
        told->reset_hint = current->reset_hint;
      } else {
        Histogram unhinted = *current;
        unhinted.reset_hint = CounterResetHint::unknown;
        told->reset_hint = is_counter_reset(unhinted, *before) ? CounterResetHint::yes : CounterResetHint::no;
      }
      series.histograms[i] = told;
    }
    before = current;
    before_time = time;
  }
}

bool has_histogram_near(const RawSeries& series, int64_t time, int64_t lookback) {
  auto after =
      std::upper_bound(series.histogram_times.begin(), series.histogram_times.end(), time - lookback);
  return after != series.histogram_times.end() && *after <= time + lookback;
}

}  // namespace

// As the reference reckons: a float takes 16 bytes, a histogram 168, its lists, and its time.
uint64_t size_in_floats(const Histogram& histogram) {
  size_t entries = histogram.positive_spans.size() + histogram.negative_spans.size() +
                   histogram.positive_counts.size() + histogram.negative_counts.size() +
                   histogram.custom_bounds.size();
  return (168 + entries * 8 + 8) / 16;
}

Expr predicate_of(const std::vector<Matcher>& matchers) {
  std::vector<Expr> all;
  for (const Matcher& matcher : matchers) {
    ColumnId label = label_column(matcher.name);
    switch (matcher.op) {
      case Matcher::Op::equal:
        all.push_back(Expr::compare(label, CompareOp::equal, matcher.value));
        break;
      case Matcher::Op::not_equal:
        all.push_back(Expr::compare(label, CompareOp::not_equal, matcher.value));
        break;
      case Matcher::Op::match:
        all.push_back(Expr::matches(label, matcher.regex));
        break;
      case Matcher::Op::not_match:
        all.push_back(Expr::not_of(Expr::matches(label, matcher.regex)));
        break;
    }
  }
  return Expr::all_of(std::move(all));
}

Result<void> Evaluator::load_group(const Batch& batch, const Group& group, std::span<const int64_t> times,
                                   bool times_ascend, RawSeries& series) {
  const ColumnData* values = batch.find(fixed_column(column::kValue), ColumnType::float64);
  const ColumnData* histograms = batch.find_fixed(column::kHistogram);
  const ColumnData* starts = options_.use_start_timestamps ? batch.find_fixed(column::kStartTime) : nullptr;
  auto start_of = [&](uint32_t row) -> int64_t {
    return starts != nullptr && starts->is_present(row) ? UnixNanos{starts->ints[row]}.to_millis() : 0;
  };
  bool only_floats = values != nullptr && starts == nullptr;
  if (only_floats && !values->present.empty()) {
    auto present = values->present.begin() + group.first_row;
    only_floats = std::find(present, present + group.row_count, 0) == present + group.row_count;
  }
  if (only_floats && times_ascend) {
    std::span<const double> floats(values->floats.data() + group.first_row, group.row_count);
    if (!has_absent(floats)) {
      series.float_times = times;
      series.floats = floats;
      return {};
    }
  }
  for (uint32_t i = 0; i < group.row_count; ++i) {
    uint32_t row = group.first_row + i;
    // Rows closer than a millisecond are one sample to PromQL: the last of them.
    if (i + 1 < group.row_count && times[i + 1] == times[i]) continue;
    if (values != nullptr && values->is_present(row)) {
      if (is_absent(values->floats[row])) {
        series.stale_times.push_back(times[i]);
      } else {
        series.own_times.push_back(times[i]);
        series.own_floats.push_back(values->floats[row]);
        if (starts != nullptr) series.float_starts.push_back(start_of(row));
      }
    } else if (histograms != nullptr && histograms->is_present(row)) {
      OBELISK_TRY(Histogram histogram, decode_histogram(histograms->strings[row]));
      if (is_absent(histogram.sum)) {
        series.stale_times.push_back(times[i]);
        continue;
      }
      if (starts != nullptr) series.histogram_starts.push_back(start_of(row));
      series.histogram_times.push_back(times[i]);
      series.histograms.push_back(std::make_shared<const Histogram>(std::move(histogram)));
    }
  }
  series.float_times = series.own_times;
  series.floats = series.own_floats;
  if (reset_hints_wanted_ && !series.histograms.empty()) tell_resets(series);
  return {};
}

Result<bool> Evaluator::visit_series(const SeriesRequest& request, bool in_order_only,
                                     const SeriesVisitor& visitor) {
  if (request.after_ms >= request.until_ms) return true;
  Scan scan;
  scan.tenant = context_.tenant;
  scan.table = Table::samples;
  scan.range = scan_range(request.after_ms, request.until_ms);
  scan.where = predicate_of(*request.matchers);
  scan.unit = Unit::series;
  scan.newest_only = request.newest_only;
  scan.tier = request.tier;
  scan.columns = {fixed_column(column::kValue), fixed_column(column::kHistogram)};
  if (options_.use_start_timestamps) scan.columns.push_back(fixed_column(column::kStartTime));
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel));
  bool ordered = true;
  uint64_t count = 0;
  std::shared_ptr<const ReadBatch> before;  // what the labels before the batch point into
  LabelsView labels_before;
  std::vector<LabelRef> scratch;
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    OBELISK_CHECK_OK(check_cancel());
    OBELISK_CHECK_OK(count_samples(batch->row_count));
    if (batch->row_count == 0) continue;
    std::shared_ptr<const ReadBatch> read = with_times_in_ms(batch);
    for (size_t at = 0; at < batch->groups.size(); ++at) {
      const Group& group = batch->groups[at];
      ordered = ordered && (count == 0 || is_before(labels_before, group.labels));
      if (!ordered && in_order_only) return false;
      labels_before = group.labels;
      RawSeries series;
      series.owner = read;
      series.metric = label_value(group.labels, kMetricNameLabel);
      if (request.wanted_labels == nullptr) {
        series.labels = Labels(group.labels);
      } else {
        series.labels = labels_named(group.labels, *request.wanted_labels);
        series.has_all_labels = false;
        if (request.wants_identity) series.identity = identity_of(group.labels, scratch);
      }
      OBELISK_CHECK_OK(load_group(*batch, group, read->times_of(at), read->groups[at].ascending, series));
      OBELISK_CHECK_OK(visitor(series));
      ++count;
    }
    before = std::move(read);
  }
  Coverage coverage = cursor->coverage();
  if (!coverage.complete) {
    stats_.complete = false;
    stats_.incomplete_reason = coverage.reason;
  }
  stats_.series += count;
  if (trace_ != nullptr) trace_->loaded(request.after_ms, request.until_ms, count);
  return ordered;
}

Result<std::vector<RawSeries>> Evaluator::load(const SeriesRequest& request) {
  if (request.node != nullptr) {
    OBELISK_TRY(std::optional<TierChoice> choice, tier_for(request.windows));
    if (choice) return load_stretches(request, *choice);
  }
  std::vector<RawSeries> loaded;
  SeriesRequest all = request;
  all.wanted_labels = nullptr;
  OBELISK_TRY(bool ordered, visit_series(all, false, [&](RawSeries& series) -> Result<void> {
                loaded.push_back(std::move(series));
                return {};
              }));
  if (!ordered) {
    std::sort(loaded.begin(), loaded.end(),
              [](const RawSeries& a, const RawSeries& b) { return a.labels < b.labels; });
  }
  return loaded;
}

Result<void> Evaluator::for_each_series(const SeriesRequest& request, const std::function<void()>& restart,
                                        const SeriesVisitor& visitor) {
  restart();
  if (request.node != nullptr) {
    OBELISK_TRY(std::optional<TierChoice> choice, tier_for(request.windows));
    if (choice) {
      OBELISK_TRY(std::vector<RawSeries> loaded, load_stretches(request, *choice));
      for (RawSeries& series : loaded) OBELISK_CHECK_OK(visitor(series));
      return {};
    }
  }
  PromqlStats stats_before = stats_;
  std::vector<uint64_t> queryable_before = queryable_;
  OBELISK_TRY(bool ordered, visit_series(request, true, visitor));
  if (ordered) return {};
  stats_ = stats_before;
  queryable_ = std::move(queryable_before);
  restart();
  OBELISK_TRY(std::vector<RawSeries> loaded, load(request));
  for (RawSeries& series : loaded) OBELISK_CHECK_OK(visitor(series));
  return {};
}

Result<SeriesList> Evaluator::evaluate_selector(const Node& node, const Steps& steps, SampleAspect aspect) {
  OBELISK_TRY(int64_t first, reference_time(node.time, steps.start_ms));
  OBELISK_TRY(int64_t last, reference_time(node.time, steps.last()));
  int64_t lookback = options_.lookback_ms;
  bool smoothed = node.range_mode == RangeMode::smoothed && aspect == SampleAspect::value;
  SeriesRequest request{&node.matchers, first - lookback, smoothed ? last + lookback : last,
                        first == last && !smoothed && !reset_hints_wanted_,
                        std::exchange(wanted_labels_, nullptr)};
  SeriesFold* fold = std::exchange(fold_, nullptr);
  request.node = &node;
  request.windows = {request.after_ms, request.until_ms, first, first == last ? 0 : steps.step_ms, 0, false};
  request.windows.can_be_exact = !smoothed && !reset_hints_wanted_ && aspect != SampleAspect::start_time;
  bool pinned = node.time.at != TimeModifiers::At::none;
  // timestamp() of a pinned selector looks at the pinned time itself, of what the offset let it read: so the
  // reference does.
  int64_t newest_age = lookback;
  if (pinned && aspect != SampleAspect::value && node.time.offset) {
    OBELISK_TRY(int64_t offset, duration_ms(*node.time.offset, false));
    newest_age = lookback - std::abs(offset);
    request.newest_only = request.newest_only && offset >= 0;  // else it lies behind the pinned time
    first = std::min(first, first + offset);
  }
  SeriesList out;
  SeriesSink sink(fold, out, steps.count);
  auto visit = [&](RawSeries& raw) -> Result<void> {
    OBELISK_CHECK_OK(check_cancel_sometimes(steps.count));
    if (sink.is_time_to_ask()) OBELISK_CHECK_OK(expect_room(sink.room_wanted(), steps.count));
    StepSeries series = sink.blank(raw);
    LastBefore floats;
    LastBefore histograms;
    LastBefore stale;
    bool any = false;
    for (size_t step = 0; step < steps.count; ++step) {
      int64_t reference = pinned ? first : first + static_cast<int64_t>(step) * steps.step_ms;
      if (smoothed) {
        if (has_histogram_near(raw, reference, lookback)) return no_smoothed_histograms();
        std::optional<double> value = smoothed_value(raw, reference, lookback);
        if (value) series.values[step] = *value;
        if (value) count_queryable(step, 1);
        any |= value.has_value();
        continue;
      }
      ptrdiff_t at = floats.move_to(raw.float_times, reference);
      int64_t time = at >= 0 ? raw.float_times[static_cast<size_t>(at)] : std::numeric_limits<int64_t>::min();
      if (!raw.stale_times.empty()) {
        ptrdiff_t ended = stale.move_to(raw.stale_times, reference);
        if (ended >= 0 && raw.stale_times[static_cast<size_t>(ended)] > time) {
          time = raw.stale_times[static_cast<size_t>(ended)];
          at = -1;
        }
      }
      ptrdiff_t histogram = raw.histograms.empty() ? -1 : histograms.move_to(raw.histogram_times, reference);
      bool is_histogram = histogram >= 0 && raw.histogram_times[static_cast<size_t>(histogram)] > time;
      if (is_histogram) time = raw.histogram_times[static_cast<size_t>(histogram)];
      int64_t age = time > raw.sparse_until_ms ? newest_age : newest_age + raw.sparse_slack_ms;
      if ((!is_histogram && at < 0) || time <= reference - age) continue;
      any = true;
      count_queryable(step,
                      is_histogram ? size_in_floats(*raw.histograms[static_cast<size_t>(histogram)]) : 1);
      if (aspect == SampleAspect::time) {
        series.values[step] = static_cast<double>(time) / 1000;
      } else if (aspect == SampleAspect::start_time) {
        const std::vector<int64_t>& starts = is_histogram ? raw.histogram_starts : raw.float_starts;
        size_t index = static_cast<size_t>(is_histogram ? histogram : at);
        series.values[step] = index < starts.size() ? static_cast<double>(starts[index]) / 1000 : 0;
      } else if (is_histogram) {
        series.set_histogram(step, raw.histograms[static_cast<size_t>(histogram)]);
      } else {
        series.values[step] = raw.floats[static_cast<size_t>(at)];
      }
    }
    if (any) {
      sink.put(series);
    } else {
      sink.give_back(series);
    }
    return {};
  };
  PromqlStats stats_before = stats_;
  std::vector<uint64_t> queryable_before = queryable_;
  OBELISK_CHECK_OK(for_each_series(
      request, [&] { sink.restart(); }, visit));
  if (sink.must_collect()) {
    stats_ = stats_before;
    queryable_ = std::move(queryable_before);
    OBELISK_CHECK_OK(for_each_series(
        request, [&] { sink.restart(); }, visit));
  }
  sink.finish();
  return out;
}

Result<RangeData> Evaluator::read_range(const Node& node, const Steps& steps) {
  const Node& inner = unwrap_parens(node);
  if (trace_ == nullptr) return read_any_range(inner, steps);
  trace_->enter(inner);
  uint64_t samples_before = stats_.samples;
  Result<RangeData> data = read_any_range(inner, steps);
  uint64_t points = 0;
  for (size_t i = 0; data.ok() && i < data->series.size(); ++i)
    points += data->series[i].floats.size() + data->series[i].histograms.size();
  trace_->leave(stats_.samples - samples_before, data.ok() ? data->series.size() : 0, points, true);
  return data;
}

Result<RangeData> Evaluator::read_any_range(const Node& inner, const Steps& steps) {
  if (inner.kind == Node::Kind::matrix) return read_matrix(inner, steps);
  OBELISK_ASSERT(inner.kind == Node::Kind::subquery);
  return read_subquery(inner, steps);
}

Result<SeriesRequest> Evaluator::matrix_request(const Node& node, const Steps& steps, RangeData& data) {
  data.node = &node;
  OBELISK_TRY(data.range_ms, duration_ms(*node.range, true));
  OBELISK_TRY(int64_t first, reference_time(node.time, steps.start_ms));
  OBELISK_TRY(int64_t last, reference_time(node.time, steps.last()));
  int64_t before = node.range_mode == RangeMode::plain ? 0 : options_.lookback_ms;
  int64_t after = node.range_mode == RangeMode::smoothed ? options_.lookback_ms : 0;
  SeriesRequest request{&node.children[0]->matchers, first - data.range_ms - before, last + after};
  request.node = &node;
  request.windows = {
      request.after_ms, request.until_ms, first, first == last ? 0 : steps.step_ms, data.range_ms, false};
  return request;
}

Result<RangeData> Evaluator::read_matrix(const Node& node, const Steps& steps) {
  RangeData data;
  OBELISK_TRY(SeriesRequest request, matrix_request(node, steps, data));
  OBELISK_TRY(data.series, load(request));
  return data;
}

Result<RangeData> Evaluator::read_subquery(const Node& node, const Steps& steps) {
  RangeData data;
  data.node = &node;
  OBELISK_TRY(data.range_ms, duration_ms(*node.range, true));
  int64_t interval = options_.default_subquery_step_ms;
  if (node.step) {
    OBELISK_TRY(interval, duration_ms(*node.step, true));
  }
  OBELISK_TRY(int64_t first, reference_time(node.time, steps.start_ms));
  OBELISK_TRY(int64_t last, reference_time(node.time, steps.last()));
  // The first multiple of the interval after the first window's (open) left end.
  int64_t left = first - data.range_ms;
  int64_t begin = interval * (left / interval);
  while (begin <= left) begin += interval;
  if (begin > last) return data;
  Steps inner{begin, interval, static_cast<size_t>((last - begin) / interval) + 1};
  if (inner.count > options_.samples_max) OBELISK_CHECK_OK(count_samples(inner.count));
  // What it reads is not what the steps of the query look at: that are its results.
  std::vector<uint64_t> queryable = std::exchange(queryable_, {});
  Result<SeriesList> results = evaluate_vector(*node.children[0], inner);
  queryable_ = std::move(queryable);
  if (!results.ok()) return results.error();
  SeriesList& list = *results;
  for (StepSeries& series : list) {
    OBELISK_CHECK_OK(check_cancel());
    RawSeries raw;
    raw.labels = std::move(series.labels);
    raw.metric = raw.labels.get(kMetricNameLabel);
    raw.drop_name = series.drop_name;
    for (size_t step = 0; step < inner.count; ++step) {
      if (const Histogram* histogram = series.histogram(step)) {
        // A hint tells of the sample before in storage, which may not be the one before here.
        HistogramPtr kept = series.histograms[step];
        if (histogram->reset_hint != CounterResetHint::gauge &&
            histogram->reset_hint != CounterResetHint::unknown) {
          auto unhinted = std::make_shared<Histogram>(*histogram);
          unhinted->reset_hint = CounterResetHint::unknown;
          kept = std::move(unhinted);
        }
        raw.histogram_times.push_back(inner.time(step));
        raw.histograms.push_back(std::move(kept));
      } else if (series.has_float(step)) {
        raw.own_times.push_back(inner.time(step));
        raw.own_floats.push_back(series.values[step]);
      }
    }
    raw.float_times = raw.own_times;
    raw.floats = raw.own_floats;
    OBELISK_CHECK_OK(count_samples(raw.own_floats.size() + raw.histograms.size()));
    data.series.push_back(std::move(raw));
  }
  return data;
}

}  // namespace obelisk::promql
