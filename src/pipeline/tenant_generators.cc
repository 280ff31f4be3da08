#include "pipeline/tenant_generators.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/self_metrics.h"
#include "plan/row_copy.h"
#include "query/core/span_columns.h"

namespace obelisk {

struct TenantGenerators::Set {
  Set(const Clock& clock, const TenantSettings& of) : settings(of) {
    auto add = [this](auto tap) {
      taps.push_back(tap);
      sources.push_back(tap);
    };
    const GeneratorOptions& options = settings.generator;
    if (options.span_metrics) add(std::make_shared<SpanMetrics>(clock, options.span_metrics_options));
    if (options.service_graph) add(std::make_shared<ServiceGraph>(clock, options.service_graph_options));
    if (options.host_info) add(std::make_shared<HostInfo>(clock, options.host_info_options));
    if (settings.usage_dimensions.empty()) return;
    usage = std::make_shared<UsageTracker>(settings.usage_dimensions);
  }

  std::vector<TenantBatches> collect(UnixNanos now) const {
    std::vector<TenantBatches> collected;
    for (const std::shared_ptr<TenantMetricsSource>& source : sources) {
      for (TenantBatches& one : source->collect(now)) collected.push_back(std::move(one));
    }
    return collected;
  }

  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) const {
    std::vector<TenantBatches> collected;
    for (const std::shared_ptr<TenantMetricsSource>& source : sources) {
      for (TenantBatches& one : source->end(tenant, at)) collected.push_back(std::move(one));
    }
    return collected;
  }

  void begin(const Tenant& tenant, UnixNanos not_before) const {
    for (const std::shared_ptr<TenantMetricsSource>& source : sources) source->begin(tenant, not_before);
  }

  const TenantSettings settings;
  std::vector<std::shared_ptr<SpanTap>> taps;
  std::vector<std::shared_ptr<TenantMetricsSource>> sources;
  std::shared_ptr<UsageTracker> usage;  // null: bytes are not counted; sees every span
  UnixNanos written{0};                 // under the mutex of TenantGenerators
};

TenantGenerators::TenantGenerators(const Clock& clock, const GeneratorOptions& of_all)
    : clock_(clock), shared_(std::make_shared<Set>(clock, TenantSettings{of_all, true, 0, {}})) {}

void TenantGenerators::set(const Tenant& tenant, TenantSettings settings) {
  replace(tenant, std::make_shared<Set>(clock_, settings));
}

void TenantGenerators::reset(const Tenant& tenant) {
  replace(tenant, nullptr);
}

// When the set that the tenant had until now has ended: after all that it has begun and written.
UnixNanos TenantGenerators::end_now(const Tenant& tenant, const Set& set) {
  auto begin = begins_.find(tenant);
  int64_t millis = std::max(clock_.now().to_millis(), collected_.to_millis() + 1);
  if (begin != begins_.end()) millis = std::max(millis, begin->second.to_millis() + 1);
  UnixNanos at = UnixNanos::from_millis(millis);
  std::vector<TenantBatches> left = set.end(tenant, at);
  if (left.empty() || !set.settings.writes) return at;
  std::vector<std::vector<TenantBatches>>& ended = ended_[tenant];
  if (ended.size() < kEndedSetsMax) {
    ended.push_back(std::move(left));
  } else {
    static Counter& dropped =
        counter("obelisk_derived_sets_dropped_total",
                "Settings of a tenant that were replaced so often that what they counted was not written.");
    dropped.add();
  }
  return at;
}

void TenantGenerators::replace(const Tenant& tenant, SetPtr with) {
  MutexLock lock(mutex_);
  auto found = own_.find(tenant);
  if (found == own_.end() && !with) return;
  UnixNanos end = end_now(tenant, found == own_.end() ? *shared_ : *found->second);
  UnixNanos begin = UnixNanos::from_millis(end.to_millis() + 1);
  begins_[tenant] = begin;
  (with ? with : shared_)->begin(tenant, begin);
  if (found != own_.end()) own_.erase(found);
  if (with) own_.emplace(tenant, std::move(with));
}

TenantGenerators::SetPtr TenantGenerators::set_of(const Tenant& tenant) const {
  MutexLock lock(mutex_);
  auto found = own_.find(tenant);
  return found == own_.end() ? shared_ : found->second;
}

namespace {

// The spans that end within the slack around now; nothing when all do.
std::optional<Batch> within_slack(const Batch& spans, int64_t slack, UnixNanos now) {
  const SpanColumns columns(spans);
  std::vector<size_t> kept;
  for (size_t row = 0; row < spans.row_count; ++row) {
    if (std::abs(columns.end(row) - now) <= slack) kept.push_back(row);
  }
  if (kept.size() == spans.row_count) return std::nullopt;
  static Counter& discarded =
      counter("obelisk_generator_discarded_spans_total", "Spans that no metrics are derived from.",
              {{"reason", "outside_metrics_ingestion_slack"}});
  discarded.add(spans.row_count - kept.size());
  BatchBuilder builder(Table::spans);
  RowCopier copier(builder, nullptr, false);
  for (size_t row : kept) copier.copy(spans, row);
  return builder.finish();
}

}  // namespace

std::function<void()> TenantGenerators::prepare(const Tenant& tenant, const Batch& spans) {
  SetPtr set = set_of(tenant);
  std::vector<std::function<void()>> observations;
  auto prepare_with = [&](SpanTap& tap, const Batch& batch) {
    if (std::function<void()> observation = tap.prepare(tenant, batch))
      observations.push_back(std::move(observation));
  };
  std::optional<Batch> recent;
  int64_t slack = set->settings.generator.ingestion_slack_nanos;
  if (slack > 0 && !set->taps.empty()) recent = within_slack(spans, slack, clock_.now());
  const Batch& counted = recent ? *recent : spans;
  if (counted.row_count > 0) {
    for (const std::shared_ptr<SpanTap>& tap : set->taps) prepare_with(*tap, counted);
  }
  if (set->usage) prepare_with(*set->usage, spans);
  if (observations.size() <= 1) return observations.empty() ? nullptr : std::move(observations[0]);
  return [observations = std::move(observations)] {
    for (const std::function<void()>& observation : observations) observation();
  };
}

std::vector<TenantBatches> TenantGenerators::collect(UnixNanos now) {
  std::map<Tenant, SetPtr, std::less<>> own;
  std::map<Tenant, std::vector<std::vector<TenantBatches>>, std::less<>> ended;
  {
    MutexLock lock(mutex_);
    own = own_;
    ended.swap(ended_);
    collected_ = std::max(collected_, now);
  }
  std::vector<TenantBatches> collected;
  for (auto& [tenant, sets] : ended) {
    for (std::vector<TenantBatches>& left : sets) {
      for (TenantBatches& one : left) collected.push_back(std::move(one));
    }
  }
  auto take = [&](const Set& set, auto&& wanted) {
    for (TenantBatches& one : set.collect(now)) {
      if (wanted(one.tenant)) collected.push_back(std::move(one));
    }
  };
  // What came late to the shared set of a tenant that has its own now must not come back one day.
  for (const auto& [tenant, set] : own) shared_->end(tenant, now);
  take(*shared_, [&](const Tenant& tenant) { return !own.contains(tenant); });
  for (const auto& [tenant, set] : own) {
    {
      MutexLock lock(mutex_);
      auto begin = begins_.find(tenant);
      bool only_just_begun = begin != begins_.end() && now.to_millis() <= begin->second.to_millis();
      if (only_just_begun || now - set->written < set->settings.interval_nanos) continue;
      set->written = now;
    }
    take(*set, [&](const Tenant& of) { return of == tenant && set->settings.writes; });
  }
  return collected;
}

std::shared_ptr<const GraphRules> TenantGenerators::graph_rules(const Tenant& tenant) const {
  SetPtr set = set_of(tenant);
  if (set == shared_) return nullptr;
  return std::make_shared<const GraphRules>(set->settings.generator.service_graph_options.rules);
}

std::vector<TenantGenerators::TenantUsage> TenantGenerators::usage() const {
  std::map<Tenant, SetPtr, std::less<>> own;
  {
    MutexLock lock(mutex_);
    own = own_;
  }
  std::vector<TenantUsage> all;
  for (const auto& [tenant, set] : own) {
    if (!set->usage) continue;
    for (UsageTracker::Usage& usage : set->usage->usage()) all.push_back({tenant, std::move(usage)});
  }
  return all;
}

}  // namespace obelisk
