// info(): adds the labels of info metrics (target_info and its like) to the series of the same instance and
// job.
#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "query/core/vector_matching.h"
#include "query/promql/evaluator.h"
#include "query/promql/selector_parser.h"

namespace obelisk::promql {

// One evaluation of info(). Info series meet base series by the labels instance and job; of several info
// series of one metric the one with the newest sample wins.
class InfoJoin {
 public:
  InfoJoin(Evaluator& evaluator, const Node& node, const Steps& steps)
      : evaluator_(evaluator), node_(node), steps_(steps) {}

  Result<SeriesList> run() {
    OBELISK_CHECK_OK(read_selectors());
    OBELISK_TRY(SeriesList base, evaluator_.evaluate_vector(*node_.children[0], steps_));
    OBELISK_CHECK_OK(read_info_series(base));
    SeriesList out;
    std::unordered_map<Labels, size_t> of_labels;
    for (StepSeries& series : base) {
      OBELISK_CHECK_OK(evaluator_.check_cancel());
      if (is_info_metric(series.labels)) {
        out.push_back(std::move(series));
        continue;
      }
      OBELISK_CHECK_OK(enrich(series, out));
    }
    OBELISK_CHECK_OK(evaluator_.deduplicate(out));
    return out;
  }

 private:
  struct InfoSeries {
    Labels labels;
    std::string metric;
    std::vector<double> times;  // a step: when its sample was taken; stale marker for none
  };

  Result<void> read_selectors() {
    bool positive = false;
    if (node_.children.size() > 1) {
      for (const Matcher& matcher : node_.children[1]->matchers) {
        bool is_name = matcher.name == kMetricNameLabel;
        (is_name ? name_matchers_ : data_matchers_).push_back(matcher);
        positive |= is_name && (matcher.op == Matcher::Op::equal || matcher.op == Matcher::Op::match);
      }
    }
    if (positive) return {};
    // No word of which info metrics: target_info; only of which not: the others that are named like one.
    bool excluded = !name_matchers_.empty();
    OBELISK_TRY(Matcher implied, make_matcher(std::string(kMetricNameLabel),
                                              excluded ? Matcher::Op::match : Matcher::Op::equal,
                                              excluded ? ".+_info" : "target_info"));
    name_matchers_.push_back(std::move(implied));
    return {};
  }

  bool is_info_metric(const Labels& labels) const {
    std::string_view name = labels.get(kMetricNameLabel);
    return std::all_of(name_matchers_.begin(), name_matchers_.end(),
                       [&](const Matcher& m) { return m.matches(name); });
  }

  // Where in time the base samples of a step come from: through the offsets and @ of the first selector
  // found.
  Result<int64_t> reference_of(const Node& node, int64_t time) const {
    if (node.kind == Node::Kind::selector || node.kind == Node::Kind::matrix)
      return evaluator_.reference_time(node.time, time);
    if (node.kind == Node::Kind::subquery) {
      OBELISK_TRY(int64_t outer, evaluator_.reference_time(node.time, time));
      return reference_of(*node.children[0], outer);
    }
    for (const NodePtr& child : node.children) {
      if (child->type() == ValueType::vector || child->type() == ValueType::matrix)
        return reference_of(*child, time);
    }
    return time;
  }

  Result<void> read_info_series(const SeriesList& base) {
    if (base.empty()) return {};
    Node selector;
    selector.kind = Node::Kind::selector;
    selector.source = node_.source;
    selector.matchers = name_matchers_;
    selector.matchers.insert(selector.matchers.end(), data_matchers_.begin(), data_matchers_.end());
    OBELISK_TRY(int64_t first, reference_of(*node_.children[0], steps_.start_ms));
    OBELISK_TRY(int64_t last, reference_of(*node_.children[0], steps_.last()));
    bool pinned = first == last && steps_.count > 1;
    Steps steps{first, steps_.step_ms, pinned ? 1 : steps_.count};
    OBELISK_TRY(SeriesList values, evaluator_.evaluate_selector(selector, steps, SampleAspect::value));
    for (const StepSeries& series : values) {
      if (std::any_of(series.histograms.begin(), series.histograms.end(),
                      [](const HistogramPtr& h) { return h != nullptr; })) {
        return make_error(ErrorCode::execution, "this should be an info metric, with float samples: " +
                                                    std::string(series.labels.get(kMetricNameLabel)));
      }
    }
    OBELISK_TRY(SeriesList times, evaluator_.evaluate_selector(selector, steps, SampleAspect::time));
    for (StepSeries& series : times) {
      if (pinned) series.values.resize(steps_.count, series.values[0]);
      uint32_t signature = signatures_.id_of(series.labels);
      by_signature_[signature].push_back(
          {series.labels, std::string(series.labels.get(kMetricNameLabel)), std::move(series.values)});
    }
    return {};
  }

  // The newest info series of each metric at a step.
  std::map<std::string_view, const InfoSeries*> newest_at(const std::vector<InfoSeries>& candidates,
                                                          size_t step) const {
    std::map<std::string_view, const InfoSeries*> newest;
    for (const InfoSeries& info : candidates) {
      if (is_absent(info.times[step])) continue;
      const InfoSeries*& best = newest[info.metric];
      if (best == nullptr || info.times[step] > best->times[step]) best = &info;
    }
    return newest;
  }

  Result<void> enrich(const StepSeries& series, SeriesList& out) {
    static const std::vector<InfoSeries> kNone;
    auto found = by_signature_.find(signatures_.id_of(series.labels));
    const std::vector<InfoSeries>& candidates = found == by_signature_.end() ? kNone : found->second;
    bool needs_info = std::any_of(data_matchers_.begin(), data_matchers_.end(),
                                  [](const Matcher& m) { return !m.matches(""); });
    std::unordered_map<Labels, size_t> of_labels;
    for (size_t step = 0; step < steps_.count; ++step) {
      if (!series.has(step)) continue;
      std::map<std::string_view, const InfoSeries*> infos = newest_at(candidates, step);
      if (infos.empty() && needs_info) continue;
      OBELISK_TRY(Labels labels, enriched_labels(series.labels, infos));
      auto [place, is_new] = of_labels.try_emplace(labels, out.size());
      if (is_new) {
        out.push_back(StepSeries::absent(std::move(labels), steps_.count));
        out.back().drop_name = series.drop_name;
      }
      out[place->second].copy_step(series, step);
    }
    return {};
  }

  Result<Labels> enriched_labels(const Labels& base,
                                 const std::map<std::string_view, const InfoSeries*>& infos) const {
    Labels labels = base;
    for (const auto& [metric, info] : infos) {
      for (const Label& label : info->labels) {
        if (label.name == kMetricNameLabel || base.has(label.name) || !is_wanted(label.name)) continue;
        if (labels.has(label.name) && labels.get(label.name) != label.value) {
          return make_error(ErrorCode::execution, "conflicting label: " + label.name);
        }
        labels.set(label.name, label.value);
      }
    }
    return labels;
  }

  bool is_wanted(const std::string& name) const {
    return data_matchers_.empty() || std::any_of(data_matchers_.begin(), data_matchers_.end(),
                                                 [&](const Matcher& m) { return m.name == name; });
  }

  static const VectorMatching& matching() {
    static const VectorMatching on_identity = [] {
      VectorMatching matching;
      matching.on = true;
      matching.labels = {"instance", "job"};
      return matching;
    }();
    return on_identity;
  }

  Evaluator& evaluator_;
  const Node& node_;
  const Steps& steps_;
  std::vector<Matcher> name_matchers_;
  std::vector<Matcher> data_matchers_;
  MatchSignatures signatures_{matching()};
  std::map<uint32_t, std::vector<InfoSeries>> by_signature_;
};

Result<SeriesList> Evaluator::call_info(const Node& node, const Steps& steps) {
  return InfoJoin(*this, node, steps).run();
}

}  // namespace obelisk::promql
