#include "pipeline/span_metrics.h"

#include "pipeline/target_info.h"
#include "query/core/span_columns.h"

namespace obelisk {
namespace {

enum CounterIndex : size_t { kCalls, kSize };

// 2 ms, doubling, 14 of them: Tempo's.
std::vector<double> bounds_of(const SpanMetricsOptions& options) {
  if (!options.bounds.empty()) return options.bounds;
  std::vector<double> bounds;
  for (double bound = 0.002; bounds.size() < 14; bound *= 2) bounds.push_back(bound);
  return bounds;
}

std::vector<uint64_t> span_sizes(const Batch& spans) {
  std::vector<uint64_t> sizes(spans.row_count, 0);
  for (const ColumnData& data : spans.columns) {
    if (data.id.scope == Scope::resource || data.id.scope == Scope::instrumentation) continue;
    size_t name_bytes = data.id.scope == Scope::attribute ? data.id.name.size() : 0;
    for (size_t row = 0; row < spans.row_count; ++row) {
      if (!data.is_present(row)) continue;
      size_t value_bytes = !data.strings.empty()               ? data.strings[row].size()
                           : data.type == ColumnType::trace_id ? 16
                                                               : 8;
      sizes[row] += name_bytes + value_bytes;
    }
  }
  return sizes;
}

// Increments of one label set, gathered from a batch before it is handed over.
struct Increment {
  Labels labels;
  DerivedValues values;
};
using Increments = std::unordered_map<std::string, Increment>;

// Labels of own dimensions and mappings in their order; none of them hides one of the span's own.
std::vector<std::string> dimension_labels(const SpanMetricsOptions& options) {
  std::vector<std::string_view> taken = {"service",        "span_name", "span_kind", "status_code",
                                         "status_message", "job",       "instance"};
  std::vector<std::string> labels;
  for (const std::string& dimension : options.dimensions) labels.push_back(dimension_label(dimension, taken));
  for (const DimensionMapping& mapping : options.dimension_mappings)
    labels.push_back(dimension_label(mapping.name, taken));
  return labels;
}

DerivedSeries::Options without_exemplars(DerivedSeries::Options options) {
  options.exemplars = false;
  return options;
}

}  // namespace

struct SpanMetrics::State {
  explicit State(SpanMetricsOptions of)
      : options(std::move(of)),
        labels(dimension_labels(options)),
        series(std::make_unique<DerivedSeries>(
            "span_metrics",
            std::vector<DerivedFamily>{
                {"traces_spanmetrics_calls_total", "Spans of an operation.", options.count},
                {"traces_spanmetrics_size_total", "Bytes of the spans of an operation.", options.size}},
            std::vector<DerivedFamily>{{"traces_spanmetrics_latency",
                                        "Duration of the spans of an operation in seconds.",
                                        options.latency}},
            bounds_of(options), options.series)) {
    if (!options.target_info) return;
    targets = std::make_unique<DerivedSeries>(
        "target_info",
        std::vector<DerivedFamily>{
            {"traces_target_info", "What a service runs as: its resource attributes.", true, true}},
        std::vector<DerivedFamily>{}, std::vector<double>{}, without_exemplars(options.series));
  }

  const SpanMetricsOptions options;
  const std::vector<std::string> labels;
  const std::unique_ptr<DerivedSeries> series;
  std::unique_ptr<DerivedSeries> targets;  // null without target_info
};

// Reads a batch by the options.
class SpanMetrics::Reader {
 public:
  Reader(const State& state, const Batch& spans)
      : state_(state),
        options_(state.options),
        columns_(spans),
        dimensions_(options_.dimensions, options_.dimension_mappings, spans),
        filter_(options_.filter_policies, spans),
        multiplier_(options_.multiplier, spans) {
    if (options_.size) sizes_ = span_sizes(spans);
    if (options_.target_info)
      targets_.emplace(spans, options_.target_info_excluded_dimensions, options_.instance_label);
  }

  void add(size_t row, Increments& increments, std::unordered_map<std::string, Labels>& targets) {
    if (!options_.filter_policies.empty() && !filter_.keeps(row)) return;
    make_key(row);
    auto [entry, fresh] = increments.try_emplace(key_);
    Increment& increment = entry->second;
    if (fresh) {
      increment.labels = labels_of(row);
      increment.values = state_.series->zero();
    }
    double weight = multiplier_.of(row);
    increment.values.counters[kCalls] += weight;
    if (options_.size) increment.values.counters[kSize] += weight * static_cast<double>(sizes_[row]);
    double seconds = columns_.seconds(row);
    increment.values.histograms[0].observe(
        state_.series->bounds(), seconds, weight,
        {columns_.trace(row), columns_.id(row), seconds, columns_.end(row)});
    if (!targets_) return;
    key_.clear();
    targets_->append_key(row, key_);
    auto [target, is_new] = targets.try_emplace(key_);
    if (is_new) target->second = targets_->labels(row);
  }

 private:
  void make_key(size_t row) {
    key_.clear();
    if (options_.service) key_.append(columns_.service(row));
    key_ += '\0';
    if (options_.span_name) key_.append(columns_.name(row));
    key_ += '\0';
    if (options_.span_kind) key_.append(span_kind_label(columns_.kind(row)));
    if (options_.status_code) key_.append(span_status_label(columns_.status(row)));
    if (options_.status_message) key_.append(columns_.status_message(row)) += '\0';
    dimensions_.append(row, key_);
    if (!targets_) return;
    key_.append(targets_->job(row)) += '\0';
    key_ += targets_->instance(row);
  }

  Labels labels_of(size_t row) const {
    Labels labels;
    if (options_.service) labels.set("service", columns_.service(row));
    if (options_.span_name) labels.set("span_name", columns_.name(row));
    if (options_.span_kind) labels.set("span_kind", span_kind_label(columns_.kind(row)));
    if (options_.status_code) labels.set("status_code", span_status_label(columns_.status(row)));
    if (options_.status_message) labels.set("status_message", columns_.status_message(row));
    std::vector<std::string> values = dimensions_.values(row);
    for (size_t i = 0; i < values.size(); ++i) labels.set(state_.labels[i], values[i]);
    if (targets_) {
      labels.set("job", targets_->job(row));
      labels.set("instance", targets_->instance(row));
    }
    return labels;
  }

  const State& state_;
  const SpanMetricsOptions& options_;
  const SpanColumns columns_;
  const SpanDimensions dimensions_;
  const SpanFilter filter_;
  const SpanMultiplier multiplier_;
  std::vector<uint64_t> sizes_;
  std::optional<TargetReader> targets_;
  std::string key_;
};

SpanMetrics::SpanMetrics(const Clock& clock, SpanMetricsOptions options)
    : clock_(clock), state_(std::make_shared<const State>(std::move(options))) {}

std::function<void()> SpanMetrics::prepare(const Tenant& tenant, const Batch& spans) {
  Reader reader(*state_, spans);
  auto increments = std::make_shared<Increments>();
  auto targets = std::make_shared<std::unordered_map<std::string, Labels>>();
  for (size_t row = 0; row < spans.row_count; ++row) reader.add(row, *increments, *targets);
  return [state = state_, &clock = clock_, tenant, increments, targets] {
    UnixNanos now = clock.now();
    for (const auto& [name, increment] : *increments) {
      state->series->add(
          tenant, name, [&increment = increment] { return increment.labels; }, increment.values, now);
    }
    for (const auto& [name, labels] : *targets) {
      if (labels.size() == 0) continue;
      DerivedValues one = state->targets->zero();
      one.counters[0] = 1;
      state->targets->add(
          tenant, name, [&labels = labels] { return labels; }, one, now);
    }
  };
}

std::vector<TenantBatches> SpanMetrics::collect(UnixNanos now) {
  std::vector<TenantBatches> collected = state_->series->collect(now);
  if (state_->targets) {
    for (TenantBatches& one : state_->targets->collect(now)) collected.push_back(std::move(one));
  }
  return collected;
}

}  // namespace obelisk
