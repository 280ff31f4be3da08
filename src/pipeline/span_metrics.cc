#include "pipeline/span_metrics.h"

#include <deque>

#include "base/hash.h"
#include "base/short_text.h"
#include "pipeline/span_names.h"
#include "pipeline/span_sizes.h"
#include "pipeline/target_info.h"
#include "query/core/span_columns.h"

// One name a span is hashed: in place instead of by a call.
#define XXH_INLINE_ALL
#include <xxhash.h>

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

// What tells the label set of a span apart: its own facts (empty where they are not wanted; kinds and
// statuses are constants) and the values of dimensions in one text.
struct SpanFacts {
  std::string_view service, name, kind, status, others;
  bool operator==(const SpanFacts& other) const {
    return kind.data() == other.kind.data() && status.data() == other.status.data() &&
           equal_texts(name, other.name) && equal_texts(service, other.service) && others == other.others;
  }
};

// Increments of one label set, gathered from a batch before it is handed over.
struct Increment {
  std::string key;
  Labels labels;
  DerivedValues values;
};

// Finds the increment of a row without putting a key together for each.
class IncrementTable {
 public:
  explicit IncrementTable(std::vector<Increment>& increments) : increments_(increments), slots_(256) {}

  // A fresh one has neither labels nor values yet.
  Increment& of(const SpanFacts& facts) {
    uint64_t hash = hash_of(facts);
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
      uint32_t number = slots_[at] - 1;
      if (hashes_[number] == hash && facts_[number] == facts) return increments_[number];
    }
    Increment& fresh = increments_.emplace_back();
    fresh.key.assign(facts.service).append(1, '\0').append(facts.name).append(1, '\0').append(facts.kind);
    fresh.key.append(facts.status).append(facts.others);
    facts_.push_back(facts);
    facts_.back().others = others_.emplace_back(facts.others);
    hashes_.push_back(hash);
    slots_[at] = static_cast<uint32_t>(increments_.size());
    if (increments_.size() * 2 > slots_.size()) grow();
    return fresh;
  }

 private:
  uint64_t hash_of(const SpanFacts& facts) {
    uint64_t seed = reinterpret_cast<uintptr_t>(facts.kind.data()) * 31 +
                    reinterpret_cast<uintptr_t>(facts.status.data()) + hash_of_service(facts.service);
    uint64_t hash = XXH3_64bits_withSeed(facts.name.data(), facts.name.size(), seed);
    return facts.others.empty() ? hash : hash64(facts.others, hash);
  }

  // Rows of a resource follow each other and share its text.
  uint64_t hash_of_service(std::string_view service) {
    if (service.data() != service_.data() || service.size() != service_.size()) {
      service_ = service;
      service_hash_ = hash64(service);
    }
    return service_hash_;
  }

  void grow() {
    slots_.assign(slots_.size() * 4, 0);
    for (uint32_t number = 0; number < hashes_.size(); ++number) {
      size_t at = hashes_[number] & (slots_.size() - 1);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = number + 1;
    }
  }

  std::vector<Increment>& increments_;
  std::vector<SpanFacts> facts_;
  std::deque<std::string> others_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> slots_;  // number and one; 0: free
  std::string_view service_;
  uint64_t service_hash_ = hash64({});
};

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
  const std::unique_ptr<SpanNames> names = std::make_unique<SpanNames>();
};

// Reads a batch by the options.
class SpanMetrics::Reader {
 public:
  Reader(const State& state, const Tenant& tenant, const Batch& spans)
      : state_(state),
        tenant_(tenant),
        options_(state.options),
        columns_(spans),
        dimensions_(options_.dimensions, options_.dimension_mappings, spans),
        filter_(options_.filter_policies, spans),
        multiplier_(options_.multiplier, spans) {
    if (options_.size) sizes_ = span_sizes(spans);
    if (options_.target_info)
      targets_.emplace(spans, options_.target_info_excluded_dimensions, options_.instance_label);
  }

  void add(size_t row, IncrementTable& increments, std::unordered_map<std::string, Labels>& targets) {
    if (!options_.filter_policies.empty() && !filter_.keeps(row)) return;
    Increment& increment = increments.of(facts_of(row));
    if (increment.values.counters.empty()) {
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
    others_.clear();
    targets_->append_key(row, others_);
    auto [target, is_new] = targets.try_emplace(others_);
    if (is_new) target->second = targets_->labels(row);
  }

 private:
  std::string_view name_of(size_t row) {
    std::string_view name = columns_.name(row);
    if (options_.sanitization == SpanNameSanitization::disabled) return name;
    auto [known, is_new] = names_.try_emplace(name);
    if (is_new) known->second = state_.names->pattern_of(tenant_, name);
    if (known->second == name) return name;
    static Counter& changed = counter("obelisk_span_metrics_sanitized_names_total",
                                      "Spans whose name has parts that vary, which span metrics leave out.");
    changed.add();
    return options_.sanitization == SpanNameSanitization::enabled ? known->second : name;
  }

  SpanFacts facts_of(size_t row) {
    SpanFacts facts;
    if (options_.service) facts.service = columns_.service(row);
    if (options_.span_name) facts.name = name_of(row);
    if (options_.span_kind) facts.kind = span_kind_label(columns_.kind(row));
    if (options_.status_code) facts.status = span_status_label(columns_.status(row));
    others_.clear();
    if (options_.status_message) others_.append(columns_.status_message(row)) += '\0';
    dimensions_.append(row, others_);
    if (targets_) others_.append(targets_->job(row)).append(1, '\0').append(targets_->instance(row));
    facts.others = others_;
    return facts;
  }

  Labels labels_of(size_t row) {
    Labels labels;
    if (options_.service) labels.set("service", columns_.service(row));
    if (options_.span_name) labels.set("span_name", name_of(row));
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
  const Tenant& tenant_;
  const SpanMetricsOptions& options_;
  const SpanColumns columns_;
  const SpanDimensions dimensions_;
  const SpanFilter filter_;
  const SpanMultiplier multiplier_;
  std::vector<uint64_t> sizes_;
  std::optional<TargetReader> targets_;
  std::string others_;
  std::unordered_map<std::string_view, std::string_view> names_;  // of this batch: what stands for each
};

SpanMetrics::SpanMetrics(const Clock& clock, SpanMetricsOptions options)
    : clock_(clock), state_(std::make_shared<const State>(std::move(options))) {}

std::function<void()> SpanMetrics::prepare(const Tenant& tenant, const Batch& spans) {
  Reader reader(*state_, tenant, spans);
  auto increments = std::make_shared<std::vector<Increment>>();
  IncrementTable table(*increments);
  auto targets = std::make_shared<std::unordered_map<std::string, Labels>>();
  for (size_t row = 0; row < spans.row_count; ++row) reader.add(row, table, *targets);
  return [state = state_, &clock = clock_, tenant, increments, targets] {
    UnixNanos now = clock.now();
    for (const Increment& increment : *increments) {
      state->series->add(
          tenant, increment.key, [&increment] { return increment.labels; }, increment.values, now);
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

void SpanMetrics::begin(const Tenant& tenant, UnixNanos not_before) {
  state_->series->begin(tenant, not_before);
  if (state_->targets) state_->targets->begin(tenant, not_before);
}

std::vector<TenantBatches> SpanMetrics::end(const Tenant& tenant, UnixNanos at) {
  std::vector<TenantBatches> collected = state_->series->end(tenant, at);
  if (state_->targets) {
    for (TenantBatches& one : state_->targets->end(tenant, at)) collected.push_back(std::move(one));
  }
  return collected;
}

std::vector<TenantBatches> SpanMetrics::collect(UnixNanos now) {
  std::vector<TenantBatches> collected = state_->series->collect(now);
  if (state_->targets) {
    for (TenantBatches& one : state_->targets->collect(now)) collected.push_back(std::move(one));
  }
  return collected;
}

}  // namespace obelisk
