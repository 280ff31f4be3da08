#include "query/core/aggregate.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/hash.h"
#include "model/kahan_sum.h"
#include "query/core/float_text.h"
#include "query/core/histogram_text.h"

namespace obelisk {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Whether a label stays in the group's labels; `sorted` are the grouping's names.
bool stays(const std::string& name, const std::vector<std::string>& sorted, bool without) {
  bool named = std::binary_search(sorted.begin(), sorted.end(), name);
  return without ? !named && name != kMetricNameLabel : named;
}

uint64_t hash_of_group(const Labels& labels, const std::vector<std::string>& sorted, bool without) {
  uint64_t state = 0;
  for (const Label& label : labels) {
    if (stays(label.name, sorted, without)) state = hash64(label.value, hash64(label.name, state));
  }
  return state;
}

bool is_in_group(const Labels& labels, const Labels& group, const std::vector<std::string>& sorted,
                 bool without) {
  auto expected = group.begin();
  for (const Label& label : labels) {
    if (!stays(label.name, sorted, without)) continue;
    if (expected == group.end() || !(*expected == label)) return false;
    ++expected;
  }
  return expected == group.end();
}

bool takes_histograms(AggregateOp op) {
  switch (op) {
    case AggregateOp::sum:
    case AggregateOp::avg:
    case AggregateOp::count:
    case AggregateOp::group:
    case AggregateOp::count_values:
      return true;
    default:
      return false;
  }
}

// The one-value operators.
void fold(AggregateOp op, const SampleVector& input, const SeriesGroups& groups, SampleVector& out) {
  std::vector<AggregateState> states(groups.labels.size());
  for (size_t i = 0; i < input.size(); ++i) {
    states[groups.group_of[i]].add(op, input[i].value, input[i].histogram.get());
  }
  for (size_t group = 0; group < states.size(); ++group) {
    VectorSample sample;
    if (!states[group].finish(op, &sample.value, &sample.histogram)) continue;
    sample.labels = groups.labels[group];
    out.push_back(std::move(sample));
  }
}

void fold_quantile(double phi, const SampleVector& input, const SeriesGroups& groups, SampleVector& out) {
  std::vector<std::vector<double>> values(groups.labels.size());
  for (size_t i = 0; i < input.size(); ++i) {
    if (!input[i].histogram) values[groups.group_of[i]].push_back(input[i].value);
  }
  for (size_t group = 0; group < values.size(); ++group) {
    if (values[group].empty()) continue;
    out.push_back({groups.labels[group], quantile_of(phi, std::move(values[group])), nullptr, false});
  }
}

void fold_count_values(std::string_view label, const SampleVector& input, const SeriesGroups& groups,
                       SampleVector& out) {
  std::unordered_map<Labels, size_t> index;
  for (size_t i = 0; i < input.size(); ++i) {
    Labels labels = groups.labels[groups.group_of[i]];
    labels.set(label,
               input[i].histogram ? histogram_text(*input[i].histogram) : format_plain_float(input[i].value));
    auto [at, is_new] = index.try_emplace(labels, out.size());
    if (is_new) out.push_back({std::move(labels), 0, nullptr, false});
    out[at->second].value += 1;
  }
}

void fold_top(bool largest, int64_t k, const SampleVector& input, const SeriesGroups& groups,
              SampleVector& out) {
  if (k < 1) return;
  std::vector<std::vector<uint32_t>> members(groups.labels.size());
  for (uint32_t i = 0; i < input.size(); ++i) {
    if (!input[i].histogram) members[groups.group_of[i]].push_back(i);
  }
  std::vector<uint32_t> order(groups.labels.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return groups.labels[a] < groups.labels[b]; });
  for (uint32_t group : order) {
    std::vector<double> values;
    for (uint32_t member : members[group]) values.push_back(input[member].value);
    size_t count = static_cast<uint64_t>(k) < values.size() ? static_cast<size_t>(k) : values.size();
    for (uint32_t best : select_top(largest, count, values)) out.push_back(input[members[group][best]]);
  }
}

}  // namespace

std::string_view aggregate_op_name(AggregateOp op) {
  static constexpr std::string_view kNames[] = {"sum",      "avg",          "min",    "max",
                                                "count",    "group",        "stddev", "stdvar",
                                                "quantile", "count_values", "topk",   "bottomk"};
  return kNames[static_cast<int>(op)];
}

Labels group_labels(const Labels& labels, const Grouping& grouping) {
  std::vector<std::string> sorted = grouping.labels;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Label> kept;
  for (const Label& label : labels) {
    if (stays(label.name, sorted, grouping.without)) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

SeriesGroups group_series(std::span<const Labels* const> series, const Grouping& grouping) {
  std::vector<std::string> sorted = grouping.labels;
  std::sort(sorted.begin(), sorted.end());
  SeriesGroups groups;
  groups.group_of.reserve(series.size());
  std::unordered_multimap<uint64_t, uint32_t> by_hash;
  for (const Labels* labels : series) {
    uint64_t hash = hash_of_group(*labels, sorted, grouping.without);
    auto [begin, end] = by_hash.equal_range(hash);
    auto found = std::find_if(begin, end, [&](const auto& entry) {
      return is_in_group(*labels, groups.labels[entry.second], sorted, grouping.without);
    });
    if (found == end) {
      found = by_hash.emplace(hash, static_cast<uint32_t>(groups.labels.size()));
      groups.labels.push_back(group_labels(*labels, grouping));
    }
    groups.group_of.push_back(found->second);
  }
  return groups;
}

void AggregateState::add(AggregateOp op, double value, const Histogram* histogram) {
  if (histogram == nullptr) {
    add_float(op, value);
  } else if (takes_histograms(op)) {
    add_histogram(op, *histogram);
  } else {
    notes_ |= ignored_histogram;
  }
}

void AggregateState::add_float(AggregateOp op, double value) {
  bool first = float_count_ == 0;
  float_count_ += 1;
  switch (op) {
    case AggregateOp::sum:
      kahan_add(value, sum_, compensation_);
      break;
    case AggregateOp::avg: {
      if (!incremental_mean_) {
        double sum = sum_;
        double compensation = compensation_;
        kahan_add(value, sum, compensation);
        if (first || !std::isinf(sum)) {
          sum_ = sum;
          compensation_ = compensation;
          return;
        }
        incremental_mean_ = true;
        mean_ = sum_ / (float_count_ - 1);
        compensation_ /= float_count_ - 1;
      }
      double weight = (float_count_ - 1) / float_count_;
      mean_ *= weight;
      compensation_ *= weight;
      kahan_add(value / float_count_, mean_, compensation_);
      break;
    }
    case AggregateOp::min:
      if (first || value < sum_ || std::isnan(sum_)) sum_ = value;
      break;
    case AggregateOp::max:
      if (first || value > sum_ || std::isnan(sum_)) sum_ = value;
      break;
    case AggregateOp::stddev:
    case AggregateOp::stdvar: {
      double distance = value - mean_;
      mean_ += distance / float_count_;
      sum_ += distance * (value - mean_);
      break;
    }
    default:
      break;  // count and group need no more
  }
}

void AggregateState::add_histogram(AggregateOp op, const Histogram& histogram) {
  histogram_count_ += 1;
  if (op != AggregateOp::sum && op != AggregateOp::avg) return;
  if (!histograms_) histograms_ = std::make_unique<HistogramSum>();
  histograms_->add(histogram);
}

bool AggregateState::finish(AggregateOp op, double* value, std::shared_ptr<const Histogram>* histogram) {
  if (float_count_ + histogram_count_ == 0) return false;
  switch (op) {
    case AggregateOp::count:
      *value = float_count_ + histogram_count_;
      return true;
    case AggregateOp::group:
      *value = 1;
      return true;
    case AggregateOp::sum:
    case AggregateOp::avg:
      if (float_count_ > 0 && histogram_count_ > 0) {
        notes_ |= mixed_types;
        return false;
      }
      if (histograms_) {
        HistogramNotes notes = histograms_->notes();
        if (notes.incompatible) notes_ |= incompatible_schemas;
        if (notes.bounds_reconciled) notes_ |= reconciled_bounds;
        if (notes.reset_hint_collision) notes_ |= reset_hint_collision;
        if (notes.incompatible) return false;
        *histogram = std::make_shared<const Histogram>(op == AggregateOp::sum ? histograms_->sum()
                                                                              : histograms_->mean());
        return true;
      }
      if (op == AggregateOp::sum) {
        *value = sum_ + compensation_;
      } else if (incremental_mean_) {
        *value = mean_ + compensation_;
      } else {
        *value = sum_ / float_count_ + compensation_ / float_count_;
      }
      return true;
    case AggregateOp::stddev:
      if (float_count_ == 0) return false;
      *value = std::sqrt(sum_ / float_count_);
      return true;
    case AggregateOp::stdvar:
      if (float_count_ == 0) return false;
      *value = sum_ / float_count_;
      return true;
    default:
      if (float_count_ == 0) return false;
      *value = sum_;
      return true;
  }
}

namespace {

// A heap of positions with the next to go on top, step for step the reference's: which of equal values stay
// follows from it.
class TopHeap {
 public:
  TopHeap(bool largest, std::span<const double> values) : largest_(largest), values_(values) {}

  void push(uint32_t position) {
    heap_.push_back(position);
    for (size_t child = heap_.size() - 1; child > 0;) {
      size_t parent = (child - 1) / 2;
      if (!goes_before(heap_[child], heap_[parent])) break;
      std::swap(heap_[child], heap_[parent]);
      child = parent;
    }
  }

  // Takes the place of the top where it is better.
  void offer(uint32_t position) {
    double top = values_[heap_[0]];
    double value = values_[position];
    bool better = largest_ ? top < value : top > value;
    if (!better && !(std::isnan(top) && !std::isnan(value))) return;
    heap_[0] = position;
    for (size_t parent = 0;;) {
      size_t child = 2 * parent + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && goes_before(heap_[child + 1], heap_[child])) ++child;
      if (!goes_before(heap_[child], heap_[parent])) break;
      std::swap(heap_[child], heap_[parent]);
      parent = child;
    }
  }

  // Best first, NaN last.
  std::vector<uint32_t> take() {
    constexpr size_t kFew = 12;  // up to here the reference's sort is an insertion sort
    if (heap_.size() <= kFew) {
      for (size_t i = 1; i < heap_.size(); ++i) {
        for (size_t j = i; j > 0 && goes_before(heap_[j - 1], heap_[j]); --j)
          std::swap(heap_[j], heap_[j - 1]);
      }
      return std::move(heap_);
    }
    std::stable_sort(heap_.begin(), heap_.end(), [&](uint32_t a, uint32_t b) {
      if (std::isnan(values_[a]) || std::isnan(values_[b]))
        return !std::isnan(values_[a]) && std::isnan(values_[b]);
      return largest_ ? values_[a] > values_[b] : values_[a] < values_[b];
    });
    return std::move(heap_);
  }

  size_t size() const { return heap_.size(); }

 private:
  bool goes_before(uint32_t a, uint32_t b) const {
    if (std::isnan(values_[a])) return true;
    return largest_ ? values_[a] < values_[b] : values_[a] > values_[b];
  }

  const bool largest_;
  std::span<const double> values_;
  std::vector<uint32_t> heap_;
};

}  // namespace

std::vector<uint32_t> select_top(bool largest, size_t k, std::span<const double> values) {
  if (k == 0) return {};
  TopHeap heap(largest, values);
  for (uint32_t i = 0; i < values.size(); ++i) {
    if (heap.size() < k) {
      heap.push(i);
    } else {
      heap.offer(i);
    }
  }
  return heap.take();
}

Result<int64_t> count_parameter(double parameter) {
  if (std::isnan(parameter)) return make_error(ErrorCode::execution, "Parameter value is NaN");
  if (!(parameter >= -9223372036854775808.0 && parameter < 9223372036854775808.0)) {
    return make_error(ErrorCode::execution,
                      "Scalar value " + format_plain_float(parameter) + " overflows int64");
  }
  return static_cast<int64_t>(parameter);
}

Result<SampleVector> aggregate(AggregateOp op, const Grouping& grouping, double parameter,
                               std::string_view text_parameter, const SampleVector& input,
                               bool* ignored_histograms) {
  std::vector<const Labels*> series;
  series.reserve(input.size());
  for (const VectorSample& sample : input) series.push_back(&sample.labels);
  SeriesGroups groups = group_series(series, grouping);
  if (ignored_histograms != nullptr) {
    *ignored_histograms =
        !takes_histograms(op) &&
        std::any_of(input.begin(), input.end(), [](const VectorSample& s) { return s.histogram; });
  }
  SampleVector out;
  switch (op) {
    case AggregateOp::topk:
    case AggregateOp::bottomk: {
      OBELISK_TRY(int64_t k, count_parameter(parameter));
      fold_top(op == AggregateOp::topk, k, input, groups, out);
      return out;
    }
    case AggregateOp::quantile:
      fold_quantile(parameter, input, groups, out);
      break;
    case AggregateOp::count_values:
      fold_count_values(text_parameter, input, groups, out);
      break;
    default:
      fold(op, input, groups, out);
  }
  std::sort(out.begin(), out.end(),
            [](const VectorSample& a, const VectorSample& b) { return a.labels < b.labels; });
  return out;
}

double quantile_of(double phi, std::vector<double> values) {
  if (values.empty() || std::isnan(phi)) return kNan;
  if (phi < 0) return -std::numeric_limits<double>::infinity();
  if (phi > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), [](double a, double b) {
    if (std::isnan(a)) return !std::isnan(b);
    return a < b;
  });
  double rank = phi * static_cast<double>(values.size() - 1);
  double lower = std::max(0.0, std::floor(rank));
  double upper = std::min(static_cast<double>(values.size() - 1), lower + 1);
  double weight = rank - std::floor(rank);
  return values[static_cast<size_t>(lower)] * (1 - weight) + values[static_cast<size_t>(upper)] * weight;
}

}  // namespace obelisk
