#include "wire/exposition_custom_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "wire/native_buckets.h"

namespace obelisk {
namespace {

enum class ClassicPart : uint8_t { none, bucket, count, sum, created };

ClassicPart part_of(const ExpositionFamily& family, const ExpositionSample& sample) {
  if (family.type != MetricType::histogram && family.type != MetricType::gaugehistogram)
    return ClassicPart::none;
  std::string_view name = label_value(sample.labels, kMetricNameLabel);
  if (!sample.histogram.empty() || !name.starts_with(family.name)) return ClassicPart::none;
  std::string_view suffix = name.substr(family.name.size());
  if (suffix == "_bucket") return ClassicPart::bucket;
  if (suffix == "_count" || suffix == "_gcount") return ClassicPart::count;
  if (suffix == "_sum" || suffix == "_gsum") return ClassicPart::sum;
  return suffix == "_created" ? ClassicPart::created : ClassicPart::none;
}

bool is_part_label(const LabelRef& label) {
  return label.name == kMetricNameLabel || label.name == "le";
}

bool same_metric(const ExpositionSample& a, const ExpositionSample& b) {
  if (a.family != b.family || a.time != b.time) return false;
  auto next = [](LabelsView labels, size_t& i) {
    while (i < labels.size() && is_part_label(labels[i])) ++i;
    return i < labels.size();
  };
  size_t i = 0, j = 0;
  while (true) {
    bool more_a = next(a.labels, i);
    bool more_b = next(b.labels, j);
    if (!more_a || !more_b) return more_a == more_b;
    if (a.labels[i++] != b.labels[j++]) return false;
  }
}

class Converter {
 public:
  Converter(Exposition& page, bool keep_classic) : page_(page), keep_classic_(keep_classic) {}

  void run() {
    std::vector<ExpositionSample> samples = std::move(page_.samples);
    page_.samples.clear();
    for (size_t i = 0; i < samples.size();) {
      size_t end = i;
      while (end < samples.size() && is_classic(samples[end]) && same_metric(samples[i], samples[end])) ++end;
      if (end == i) {
        page_.samples.push_back(samples[i++]);
        continue;
      }
      convert({samples.data() + i, end - i}, end < samples.size() ? &samples[end] : nullptr);
      i = end;
    }
  }

 private:
  bool is_classic(const ExpositionSample& sample) const {
    return part_of(page_.families[sample.family], sample) != ClassicPart::none;
  }

  void convert(std::span<const ExpositionSample> run, const ExpositionSample* next) {
    // Protobuf puts the native histogram of the metric right behind its classic samples.
    bool has_native = next != nullptr && !next->histogram.empty() && same_metric(run[0], *next);
    ExpositionSample made = run[0];
    bool sound = !has_native && make(run, made);
    if (!sound || keep_classic_) page_.samples.insert(page_.samples.end(), run.begin(), run.end());
    if (sound) page_.samples.push_back(made);
  }

  bool make(std::span<const ExpositionSample> run, ExpositionSample& made) {
    const ExpositionFamily& family = page_.families[run[0].family];
    buckets_.clear();
    exemplars_.clear();
    double count = -1, sum = 0;
    for (const ExpositionSample& sample : run) {
      switch (part_of(family, sample)) {
        case ClassicPart::bucket: {
          std::optional<double> bound = parse_float(label_value(sample.labels, "le"));
          if (!bound || std::isnan(*bound)) return false;
          buckets_.push_back({*bound, sample.value});
          if (sample.exemplar == kNoExemplar) break;
          const ExpositionExemplar& exemplar = page_.exemplars[static_cast<size_t>(sample.exemplar)];
          if (exemplar.time) exemplars_.push_back(exemplar);
          break;
        }
        case ClassicPart::count:
          count = sample.value;
          break;
        case ClassicPart::sum:
          sum = sample.value;
          break;
        default:
          break;
      }
    }
    if (buckets_.empty()) return false;
    std::stable_sort(buckets_.begin(), buckets_.end(),
                     [](const ClassicBucket& a, const ClassicBucket& b) { return a.bound < b.bound; });
    std::optional<Histogram> histogram = custom_bounds_histogram(buckets_, count, sum);
    if (!histogram) return false;
    if (family.type == MetricType::gaugehistogram) histogram->reset_hint = CounterResetHint::gauge;
    made.histogram = page_.arena.copy(encode_histogram(*histogram));
    made.value = 0;
    made.labels = labels_of(run[0].labels, family.name);
    made.series_text = text_of(run[0]);
    add_exemplars(made);
    return true;
  }

  LabelsView labels_of(LabelsView labels, std::string_view name) {
    LabelRef* copies = page_.arena.allocate_array<LabelRef>(labels.size());
    size_t count = 0;
    for (const LabelRef& label : labels) {
      if (label.name == "le") continue;
      copies[count++] = label.name == kMetricNameLabel ? LabelRef{label.name, name} : label;
    }
    return {copies, count};
  }

  // A key of its own beside that of the metric's first sample.
  std::string_view text_of(const ExpositionSample& first) {
    constexpr std::string_view kMark("\0nhcb", 5);
    char* text = page_.arena.allocate(first.series_text.size() + kMark.size());
    std::copy(kMark.begin(), kMark.end(),
              std::copy(first.series_text.begin(), first.series_text.end(), text));
    return {text, first.series_text.size() + kMark.size()};
  }

  void add_exemplars(ExpositionSample& made) {
    std::stable_sort(
        exemplars_.begin(), exemplars_.end(),
        [](const ExpositionExemplar& a, const ExpositionExemplar& b) { return *a.time < *b.time; });
    made.exemplar = exemplars_.empty() ? kNoExemplar : static_cast<int32_t>(page_.exemplars.size());
    made.exemplar_count = static_cast<uint32_t>(exemplars_.size());
    page_.exemplars.insert(page_.exemplars.end(), exemplars_.begin(), exemplars_.end());
  }

  Exposition& page_;
  const bool keep_classic_;
  std::vector<ClassicBucket> buckets_;
  std::vector<ExpositionExemplar> exemplars_;
};

}  // namespace

std::optional<Histogram> custom_bounds_histogram(std::span<const ClassicBucket> buckets, double count,
                                                 double sum) {
  Histogram histogram;
  histogram.schema = Histogram::kCustomBoundsSchema;
  histogram.sum = sum;
  NativeBucketAppender appender(histogram.positive_spans, histogram.positive_counts);
  double below = 0;
  bool has_infinity = false;
  if (buckets.size() > Histogram::kBucketsMax) return std::nullopt;
  for (size_t i = 0; i < buckets.size(); ++i) {
    double in_bucket = buckets[i].cumulative_count - below;
    bool repeated = i > 0 && buckets[i].bound <= buckets[i - 1].bound;
    if (!(in_bucket >= 0) || repeated || std::isinf(in_bucket)) return std::nullopt;
    below = buckets[i].cumulative_count;
    has_infinity = buckets[i].bound == std::numeric_limits<double>::infinity();
    if (!has_infinity) histogram.custom_bounds.push_back(buckets[i].bound);
    if (in_bucket > 0) appender.add(static_cast<int64_t>(i), in_bucket);
  }
  if (!histogram.custom_bounds.empty() && std::isinf(histogram.custom_bounds.front())) return std::nullopt;
  if (count < 0) {
    if (!has_infinity) return std::nullopt;
    count = below;
  }
  if (!(count >= below) || std::isinf(count)) return std::nullopt;
  // What is in no bucket lies above the last bound.
  if (count > below) appender.add(static_cast<int64_t>(histogram.custom_bounds.size()), count - below);
  histogram.count = count;
  return histogram;
}

void convert_classic_histograms(Exposition& page, bool keep_classic) {
  Converter(page, keep_classic).run();
}

}  // namespace obelisk
