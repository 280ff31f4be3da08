// histogram_*(): on native histograms, and quantiles and fractions on classic `le` buckets too.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/text.h"
#include "model/histogram_buckets.h"
#include "query/core/float_text.h"
#include "query/promql/classic_histogram.h"
#include "query/promql/evaluator.h"
#include "query/promql/functions.h"
#include "query/promql/go_string.h"
#include "wire/exposition_bounds.h"

namespace obelisk::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

double plain_property(FunctionId id, const Histogram& histogram) {
  switch (id) {
    case FunctionId::histogram_count:
      return histogram.count;
    case FunctionId::histogram_sum:
      return histogram.sum;
    case FunctionId::histogram_avg:
      return histogram.sum / histogram.count;
    case FunctionId::histogram_stdvar:
      return histogram_variance(histogram);
    default:
      return std::sqrt(histogram_variance(histogram));
  }
}

// Everything that may tell of one histogram: its bucket series, its native series.
struct HistogramInput {
  Labels labels;  // without le
  bool drop_name = false;
  std::vector<std::pair<double, size_t>> buckets;  // upper bound and series
  std::vector<size_t> natives;
};

std::string for_metric(std::string_view metric) {
  return metric.empty() ? "" : " for metric name " + quote_go_string(metric);
}

// What a quantile or a fraction is of: the arguments at each step.
struct Question {
  bool is_quantile = true;
  std::string label;             // histogram_quantiles: the label that carries phi
  std::vector<ScalarSteps> phi;  // one, or one for each result
  ScalarSteps lower, upper;
};

class HistogramAnswers {
 public:
  // `names_known`: series still have their names (delayed name removal); else messages go without them.
  HistogramAnswers(const Node& at, const SeriesList& input, const Steps& steps, bool names_known,
                   Annotations& annotations)
      : at_(at), input_(input), steps_(steps), names_known_(names_known), annotations_(annotations) {}

  // Once for all steps: where bucket counts had to be mended.
  void tell_fixes() const {
    for (const auto& [metric, fix] : fixes_) {
      annotations_.info(
          at_,
          fmt::format("input to histogram_quantile needed to be fixed for monotonicity (see "
                      "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                      "#histogram_quantile){}, from buckets {} to {}, with a max diff of {:.2g}, over {} "
                      "samples from {} to {}",
                      for_metric(metric), format_go_g(fix.lowest), format_go_g(fix.highest), fix.largest_fall,
                      fix.samples, format_rfc3339(fix.first_ms * kNanosPerMilli),
                      format_rfc3339(fix.last_ms * kNanosPerMilli)));
    }
  }

  // Sorts the input series into histograms.
  void collect() {
    for (size_t i = 0; i < input_.size(); ++i) {
      const StepSeries& series = input_[i];
      if (std::any_of(series.histograms.begin(), series.histograms.end(),
                      [](const HistogramPtr& h) { return h != nullptr; })) {
        input_of(series.labels, series.drop_name).natives.push_back(i);
      }
      bool floats = false;
      for (size_t step = 0; step < series.values.size() && !floats; ++step) floats = series.has_float(step);
      if (!floats) continue;
      std::string_view text = series.labels.get(kBucketLabel);
      std::optional<double> upper = parse_float(text);
      if (!upper) {
        annotations_.warn(at_, fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}",
                                           quote_go_string(text), for_metric(name_of(series.labels))));
        continue;
      }
      Labels labels = series.labels;
      labels.remove(kBucketLabel);
      input_of(labels, series.drop_name).buckets.emplace_back(*upper, i);
    }
  }

  const std::vector<HistogramInput>& inputs() const { return inputs_; }

  // The answer for one histogram at one step; the stale marker for none.
  double answer(const HistogramInput& input, const Question& question, size_t which, size_t step) {
    const Histogram* native = nullptr;
    for (size_t i : input.natives) {
      if (const Histogram* found = input_[i].histogram(step)) native = found;
    }
    std::vector<ClassicBucket> buckets;
    for (const auto& [upper, i] : input.buckets) {
      if (input_[i].has_float(step)) buckets.push_back({upper, input_[i].values[step]});
    }
    std::string_view metric = name_of(input.labels);
    if (native != nullptr && !buckets.empty()) {
      annotations_.warn(at_, "vector contains a mix of classic and native histograms" + for_metric(metric));
      return stale_marker();
    }
    if (native != nullptr) return native_answer(*native, question, which, step, metric);
    if (buckets.empty()) return stale_marker();
    if (!question.is_quantile)
      return classic_fraction(question.lower[step], question.upper[step], std::move(buckets));
    ClassicQuantile quantile = classic_quantile(question.phi[which][step], std::move(buckets));
    if (quantile.forced_monotonic) remember_fix(metric, quantile, steps_.time(step));
    return quantile.value;
  }

 private:
  struct Fix {
    double lowest = 0, highest = 0, largest_fall = 0;
    uint64_t samples = 0;
    int64_t first_ms = 0, last_ms = 0;
  };

  std::string_view name_of(const Labels& labels) const {
    return names_known_ ? labels.get(kMetricNameLabel) : std::string_view();
  }

  void remember_fix(std::string_view metric, const ClassicQuantile& quantile, int64_t time_ms) {
    auto [at, is_new] = fixes_.try_emplace(std::string(metric));
    Fix& fix = at->second;
    fix.lowest = is_new ? quantile.lowest_fixed : std::min(fix.lowest, quantile.lowest_fixed);
    fix.highest = is_new ? quantile.highest_fixed : std::max(fix.highest, quantile.highest_fixed);
    fix.largest_fall = std::max(fix.largest_fall, quantile.largest_fall);
    fix.first_ms = is_new ? time_ms : std::min(fix.first_ms, time_ms);
    fix.last_ms = is_new ? time_ms : std::max(fix.last_ms, time_ms);
    ++fix.samples;
  }

  HistogramInput& input_of(const Labels& labels, bool drop_name) {
    auto [at, is_new] = index_.try_emplace(labels, inputs_.size());
    if (is_new) inputs_.push_back({labels, drop_name, {}, {}});
    return inputs_[at->second];
  }

  double native_answer(const Histogram& histogram, const Question& question, size_t which, size_t step,
                       std::string_view metric) {
    NanObservations nans = NanObservations::none;
    if (!question.is_quantile) {
      double fraction = histogram_fraction(question.lower[step], question.upper[step], histogram, &nans);
      if (nans != NanObservations::none) {
        annotations_.info(
            at_, "input to histogram_fraction has NaN observations, which are excluded from all fractions" +
                     for_metric(metric));
      }
      return fraction;
    }
    double quantile = obelisk::histogram_quantile(question.phi[which][step], histogram, &nans);
    if (nans == NanObservations::make_result_nan) {
      annotations_.info(
          at_, "input to histogram_quantile has NaN observations, result is NaN" + for_metric(metric));
    } else if (nans == NanObservations::skew_result) {
      annotations_.info(at_, "input to histogram_quantile has NaN observations, result is skewed higher" +
                                 for_metric(metric));
    }
    return quantile;
  }

  const Node& at_;
  const SeriesList& input_;
  const Steps& steps_;
  const bool names_known_;
  Annotations& annotations_;
  std::map<std::string, Fix> fixes_;  // by metric name
  std::vector<HistogramInput> inputs_;
  std::unordered_map<Labels, size_t> index_;
};

}  // namespace

Result<SeriesList> Evaluator::call_histogram_function(const Node& node, const Steps& steps) {
  FunctionId id = node.function->id;
  Question question;
  size_t vector_argument = 0;
  auto scalar = [&](size_t i) { return evaluate_scalar(*node.children[i], steps); };
  switch (id) {
    case FunctionId::histogram_quantile: {
      OBELISK_TRY(ScalarSteps phi, scalar(0));
      question.phi.push_back(std::move(phi));
      vector_argument = 1;
      break;
    }
    case FunctionId::histogram_fraction: {
      question.is_quantile = false;
      OBELISK_TRY(question.lower, scalar(0));
      OBELISK_TRY(question.upper, scalar(1));
      vector_argument = 2;
      break;
    }
    case FunctionId::histogram_quantiles: {
      OBELISK_TRY(Value label, evaluate(*node.children[1], steps));
      question.label = std::get<std::string>(std::move(label));
      if (question.label.empty() || !is_valid_utf8(question.label)) {
        return Error{ErrorCode::execution, "invalid label name " + quote_go_string(question.label),
                     position_of(query_, node.children[1]->source.begin)};
      }
      for (size_t i = 2; i < node.children.size(); ++i) {
        OBELISK_TRY(ScalarSteps phi, scalar(i));
        question.phi.push_back(std::move(phi));
      }
      break;
    }
    default: {
      // Only the totals are asked for: then resets are told from sample to sample, as the reference reads
      // them.
      bool totals = id == FunctionId::histogram_count || id == FunctionId::histogram_sum ||
                    id == FunctionId::histogram_avg;
      bool before = std::exchange(reset_hints_wanted_, totals && wants_only_totals(*node.children[0]));
      Result<SeriesList> evaluated = evaluate_vector(*node.children[0], steps);
      reset_hints_wanted_ = before;
      if (!evaluated.ok()) return evaluated.error();
      SeriesList list = std::move(*evaluated);
      for (StepSeries& series : list) {
        drop_name(series);
        for (size_t step = 0; step < steps.count; ++step) {
          const Histogram* histogram = series.histogram(step);
          series.values[step] = histogram != nullptr ? plain_property(id, *histogram) : stale_marker();
        }
        series.histograms.clear();
      }
      std::erase_if(list, [](const StepSeries& series) {
        return std::all_of(series.values.begin(), series.values.end(),
                           [](double value) { return is_absent(value); });
      });
      OBELISK_CHECK_OK(deduplicate(list));
      return list;
    }
  }
  const Node& argument = *node.children[vector_argument];
  OBELISK_TRY(SeriesList input, evaluate_vector(argument, steps));
  for (size_t i = 0; i < question.phi.size(); ++i) {
    const Node& at = *node.children[id == FunctionId::histogram_quantiles ? i + 2 : 0];
    for (double phi : question.phi[i]) {
      if (std::isnan(phi) || phi < 0 || phi > 1) annotations_.bad_quantile(at, phi);
    }
  }
  HistogramAnswers answers(argument, input, steps, options_.delayed_name_removal, annotations_);
  answers.collect();
  SeriesList out;
  size_t results = question.is_quantile ? question.phi.size() : 1;
  for (const HistogramInput& histogram : answers.inputs()) {
    OBELISK_CHECK_OK(check_cancel());
    for (size_t which = 0; which < results; ++which) {
      std::unordered_map<std::string, size_t>
          of_phi;  // a phi that changes from step to step makes several series
      for (size_t step = 0; step < steps.count; ++step) {
        double value = answers.answer(histogram, question, which, step);
        if (is_absent(value)) continue;
        std::string phi = question.label.empty() ? "" : bound_text(question.phi[which][step]);
        auto [place, is_new] = of_phi.try_emplace(phi, out.size());
        if (is_new) {
          OBELISK_CHECK_OK(expect_room(out.size() + 1, steps.count));
          StepSeries series = StepSeries::absent(histogram.labels, steps.count);
          series.drop_name = histogram.drop_name;
          drop_name(series);
          if (!question.label.empty()) series.labels.set(question.label, phi);
          out.push_back(std::move(series));
        }
        out[place->second].values[step] = value;
      }
    }
  }
  answers.tell_fixes();
  OBELISK_CHECK_OK(deduplicate(out));
  return out;
}

}  // namespace obelisk::promql
