#include "pipeline/derived_series.h"

#include <algorithm>

#include "base/text.h"
#include "model/histogram.h"

namespace obelisk {
namespace {

// No UTF-8 texts, so no keys of a tap.
constexpr std::string_view kOverflowKey = "\xff overflow";
constexpr std::string_view kCappedPrefix = "\xfe";
constexpr std::string_view kCappedValue = "__cardinality_overflow__";  // Tempo's

}  // namespace

void DerivedValues::merge(const DerivedValues& other) {
  for (size_t i = 0; i < counters.size(); ++i) counters[i] += other.counters[i];
  for (size_t i = 0; i < histograms.size(); ++i) histograms[i].merge(other.histograms[i]);
}

// Writes the samples and exemplars of rows.
class DerivedSeries::Writer {
 public:
  // Zeros stand at `earliest` or later, which lies before now.
  Writer(const DerivedSeries& series, UnixNanos now, UnixNanos earliest)
      : series_(series),
        now_(now),
        earliest_(earliest),
        samples_(Table::samples),
        exemplars_(Table::exemplars) {}

  // `stale`: markers instead of values.
  void write(const Row& row, bool stale) {
    stale_ = stale;
    row_ = &row;
    // Both instants are whole milliseconds, the zeros strictly first.
    int64_t before = std::max(std::min(row.created.to_millis(), now_.to_millis() - 1), earliest_.to_millis());
    zero_time_ = UnixNanos::from_millis(before);
    for (size_t i = 0; i < series_.counters_.size(); ++i) {
      const DerivedFamily& family = series_.counters_[i];
      if (family.enabled) write_value(family.name, "", row.values.counters[i], !family.is_gauge);
    }
    for (size_t i = 0; i < series_.histograms_.size(); ++i) {
      const DerivedFamily& family = series_.histograms_[i];
      // 0: what it is about was never measured, as one side of an edge.
      if (family.enabled && row.values.histograms[i].count > 0)
        write_histogram(family.name, row.values.histograms[i]);
    }
  }

  std::vector<Batch> finish() {
    std::vector<Batch> batches;
    if (samples_.row_count() > 0) batches.push_back(samples_.finish());
    if (exemplars_.row_count() > 0) batches.push_back(exemplars_.finish());
    return batches;
  }

 private:
  static void begin(BatchBuilder& builder, const Row& row, std::string_view name, std::string_view bound) {
    Labels labels = row.labels;
    labels.set(kMetricNameLabel, name);
    if (!bound.empty()) labels.set("le", bound);
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
  }

  void write_value(const std::string& name, std::string_view bound, double value, bool is_counter = true) {
    begin(samples_, *row_, name, bound);
    if (row_->is_new && !stale_ && is_counter) add_sample(zero_time_, 0);
    add_sample(UnixNanos::from_millis(now_.to_millis()), stale_ ? stale_marker() : value);
  }

  void add_sample(UnixNanos time, double value) {
    samples_.add_row(time);
    samples_.set_float(Scope::fixed, column::kValue, value);
    samples_.set_int(Scope::fixed, column::kStartTime, row_->created.value);
  }

  void write_histogram(const std::string& name, const DerivedHistogram& histogram) {
    bool classic = series_.options_.histograms != DerivedHistogramForm::native;
    if (classic) write_classic(name, histogram);
    if (histogram.has_native) write_native(name, histogram);
    for (size_t i = 0; !stale_ && i < histogram.exemplars.size(); ++i) {
      if (classic) {
        write_exemplar(name + "_bucket", bound_text(i), histogram.exemplars[i]);
      } else {
        write_exemplar(name, "", histogram.exemplars[i]);
      }
    }
  }

  std::string bound_text(size_t bucket) const {
    const std::vector<double>& bounds = series_.bounds_;
    return bucket < bounds.size() ? format_sample_value(bounds[bucket]) : "+Inf";
  }

  void write_classic(const std::string& name, const DerivedHistogram& histogram) {
    double below = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
      below += histogram.counts[i];
      write_value(name + "_bucket", bound_text(i), below);
    }
    write_value(name + "_sum", "", histogram.sum);
    write_value(name + "_count", "", histogram.count);
  }

  void write_native(const std::string& name, const DerivedHistogram& histogram) {
    begin(samples_, *row_, name, "");
    UnixNanos now = UnixNanos::from_millis(now_.to_millis());
    if (stale_) return add_sample(now, stale_marker());
    if (row_->is_new) add_native(zero_time_, NativeBuckets(series_.options_.native).to_histogram());
    add_native(now, histogram.native.to_histogram());
  }

  void add_native(UnixNanos time, const Histogram& histogram) {
    samples_.add_row(time);
    samples_.set_string(Scope::fixed, column::kHistogram, samples_.arena().copy(encode_histogram(histogram)),
                        ColumnType::bytes);
    samples_.set_int(Scope::fixed, column::kStartTime, row_->native_since.value);
  }

  void write_exemplar(const std::string& name, std::string_view bound, const DerivedExemplar& exemplar) {
    if (exemplar.trace_id.is_none()) return;
    begin(exemplars_, *row_, name, bound);
    exemplars_.add_row(UnixNanos::from_millis(exemplar.time.to_millis()));
    exemplars_.set_float(Scope::fixed, column::kValue, exemplar.value);
    exemplars_.set_trace_id(Scope::fixed, column::kTraceId, exemplar.trace_id);
    exemplars_.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(exemplar.span_id.value));
    exemplars_.set_string(Scope::attribute, series_.options_.exemplar_label,
                          exemplars_.arena().copy(exemplar.trace_id.to_hex()));
  }

  const DerivedSeries& series_;
  const UnixNanos now_;
  const UnixNanos earliest_;
  BatchBuilder samples_;
  BatchBuilder exemplars_;
  const Row* row_ = nullptr;
  UnixNanos zero_time_;
  bool stale_ = false;
};

DerivedSeries::DerivedSeries(std::string source, std::vector<DerivedFamily> counters,
                             std::vector<DerivedFamily> histograms, std::vector<double> bounds,
                             Options options)
    : source_(std::move(source)),
      counters_(std::move(counters)),
      histograms_(std::move(histograms)),
      bounds_(std::move(bounds)),
      options_(options),
      overflows_(
          counter("obelisk_derived_series_overflow_total",
                  "Increments counted under metric_overflow=\"true\" because there were too many label sets.",
                  {{"source", source_}})),
      capped_values_(counter("obelisk_derived_series_capped_label_values_total",
                             "Increments with a label whose value was replaced because it has too many.",
                             {{"source", source_}})),
      label_sets_gauge_(gauge("obelisk_derived_series_label_sets",
                              "Label sets of derived series that are kept.", {{"source", source_}})) {}

DerivedValues DerivedSeries::zero() const {
  DerivedHistogram histogram;
  histogram.counts.assign(bounds_.size() + 1, 0);
  if (options_.exemplars) histogram.exemplars.resize(bounds_.size() + 1);
  histogram.has_native = options_.histograms != DerivedHistogramForm::classic;
  histogram.native = NativeBuckets(options_.native);
  DerivedValues values;
  values.counters.assign(counters_.size(), 0);
  values.histograms.assign(histograms_.size(), histogram);
  return values;
}

DerivedSeries::Row& DerivedSeries::row_of(const Tenant& tenant, std::string_view key,
                                          const std::function<Labels()>& make_labels, UnixNanos now) {
  TenantRows& rows = tenants_[tenant];
  auto found = rows.rows.find(key);
  if (found != rows.rows.end()) return found->second;
  std::string name(key);
  Labels labels = make_labels();
  if (options_.values_per_label_max > 0 && cap_values(rows, labels)) {
    capped_values_.add();
    note_refused(rows, key, now);
    name = std::string(kCappedPrefix) + labels.to_string();
    found = rows.rows.find(name);
    if (found != rows.rows.end()) return found->second;
  }
  if (label_sets_ < options_.label_sets_max) {
    ++label_sets_;
    return insert(rows, name, std::move(labels), now);
  }
  overflows_.add();
  note_refused(rows, name, now);
  found = rows.rows.find(kOverflowKey);
  if (found != rows.rows.end()) return found->second;
  return insert(rows, std::string(kOverflowKey), Labels{{"metric_overflow", "true"}}, now);
}

void DerivedSeries::note_refused(TenantRows& tenant, std::string_view key, UnixNanos now) const {
  if (!tenant.refused) tenant.refused = std::make_unique<Refused>(Refused{{}, {}, now});
  Refused& refused = *tenant.refused;
  if (now - refused.since >= options_.stale_after_nanos) {
    bool adjoins = now - refused.since < 2 * options_.stale_after_nanos;
    refused.previous = adjoins ? refused.current : DistinctEstimate();
    refused.current = DistinctEstimate();
    refused.since = now;
  }
  refused.current.add(hash64(key));
}

void DerivedSeries::show_demand(const Tenant& tenant, const TenantRows& rows) {
  auto found = demand_.find(tenant);
  if (found == demand_.end()) {
    if (demand_.size() >= kDemandTenantsMax) return;
    Gauge& shown = gauge("obelisk_derived_series_demand_estimate",
                         "Label sets that a tenant's derived series would have without limits, estimated.",
                         {{"source", source_}, {"tenant", tenant}});
    found = demand_.emplace(tenant, &shown).first;
  }
  double demand = static_cast<double>(rows.rows.size() - rows.rows.count(std::string(kOverflowKey)));
  if (rows.refused) {
    DistinctEstimate both = rows.refused->current;
    both.merge(rows.refused->previous);
    demand += both.value();
  }
  found->second->set(static_cast<int64_t>(demand + 0.5));
}

DerivedSeries::Row& DerivedSeries::insert(TenantRows& tenant, const std::string& key, Labels labels,
                                          UnixNanos now) {
  if (options_.values_per_label_max > 0) count_values(tenant, labels);
  Row& row = tenant.rows[key];
  row.labels = std::move(labels);
  row.values = zero();
  row.created = now;
  row.native_since = now;
  return row;
}

bool DerivedSeries::cap_values(const TenantRows& tenant, Labels& labels) const {
  std::vector<std::string> capped;
  for (const Label& label : labels) {
    auto values = tenant.label_values.find(label.name);
    if (values == tenant.label_values.end() || values->second.contains(label.value)) continue;
    size_t others = values->second.size() - values->second.count(kCappedValue);
    if (others >= options_.values_per_label_max) capped.push_back(label.name);
  }
  for (const std::string& name : capped) labels.set(name, kCappedValue);
  return !capped.empty();
}

void DerivedSeries::count_values(TenantRows& tenant, const Labels& labels) {
  for (const Label& label : labels) ++tenant.label_values[label.name][label.value];
}

void DerivedSeries::forget_values(TenantRows& tenant, const Labels& labels) {
  for (const Label& label : labels) {
    auto& values = tenant.label_values[label.name];
    auto value = values.find(label.value);
    if (value != values.end() && --value->second == 0) values.erase(value);
  }
}

void DerivedSeries::add(const Tenant& tenant, std::string_view key,
                        const std::function<Labels()>& make_labels, const DerivedValues& increment,
                        UnixNanos now) {
  update(tenant, key, make_labels, now, [&](DerivedValues& values) {
    values.merge(increment);
    for (size_t i = 0; i < counters_.size(); ++i) {
      if (counters_[i].is_gauge) values.counters[i] = increment.counters[i];
    }
  });
}

void DerivedSeries::begin(const Tenant& tenant, UnixNanos not_before) {
  MutexLock lock(mutex_);
  begins_[tenant] = not_before;
}

// True when the row is stale and has been written for the last time.
bool DerivedSeries::collect_row(Row& row, Writer& writer, UnixNanos now) const {
  bool stale = now - row.changed >= options_.stale_after_nanos;
  writer.write(row, stale);
  row.is_new = false;
  bool old =
      options_.native.reset_after_nanos > 0 && now - row.native_since >= options_.native.reset_after_nanos;
  for (DerivedHistogram& histogram : row.values.histograms) {
    histogram.exemplars.assign(histogram.exemplars.size(), {});
    if (!old || !histogram.native.is_reduced()) continue;
    // Written, so that nothing is lost: readers see a counter that began anew.
    histogram.native = NativeBuckets(options_.native);
    row.native_since = now;
  }
  return stale;
}

UnixNanos DerivedSeries::begin_of(const Tenant& tenant) const {
  auto begin = begins_.find(tenant);
  return begin == begins_.end() ? UnixNanos{0} : begin->second;
}

TenantBatches DerivedSeries::collect_tenant(const Tenant& tenant, TenantRows& rows, UnixNanos now,
                                            bool ends) {
  Writer writer(*this, now, begin_of(tenant));
  for (auto entry = rows.rows.begin(); entry != rows.rows.end();) {
    bool gone = collect_row(entry->second, writer, now) || ends;
    if (gone && entry->first != kOverflowKey) --label_sets_;
    if (gone && options_.values_per_label_max > 0) forget_values(rows, entry->second.labels);
    entry = gone ? rows.rows.erase(entry) : std::next(entry);
  }
  TenantBatches out{tenant, writer.finish()};
  out.batches.push_back(metadata(now));  // the intake stores it only when it is news
  return out;
}

std::vector<TenantBatches> DerivedSeries::collect(UnixNanos now) {
  MutexLock lock(mutex_);
  std::vector<TenantBatches> collected;
  for (auto tenant = tenants_.begin(); tenant != tenants_.end();) {
    auto& [name, rows] = *tenant;
    // One that has only just begun is written the next time.
    if (now.to_millis() > begin_of(name).to_millis()) {
      collected.push_back(collect_tenant(name, rows, now, false));
      show_demand(name, rows);
    }
    tenant = rows.rows.empty() ? tenants_.erase(tenant) : std::next(tenant);
  }
  label_sets_gauge_.set(static_cast<int64_t>(label_sets_));
  return collected;
}

std::vector<TenantBatches> DerivedSeries::end(const Tenant& tenant, UnixNanos at) {
  MutexLock lock(mutex_);
  std::vector<TenantBatches> collected;
  auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return collected;
  collected.push_back(collect_tenant(tenant, found->second, at, true));
  tenants_.erase(found);
  label_sets_gauge_.set(static_cast<int64_t>(label_sets_));
  return collected;
}

Batch DerivedSeries::metadata(UnixNanos now) const {
  BatchBuilder rows(Table::metadata);
  auto add = [&](const DerivedFamily& family, std::string_view type) {
    rows.add_row(now);
    rows.set_string(Scope::fixed, column::kMetricFamily, rows.arena().copy(family.name));
    rows.set_string(Scope::fixed, column::kMetricType, type);
    rows.set_string(Scope::fixed, column::kHelp, rows.arena().copy(family.help));
  };
  for (const DerivedFamily& family : counters_) {
    if (family.enabled) add(family, family.is_gauge ? "gauge" : "counter");
  }
  for (const DerivedFamily& family : histograms_) {
    if (family.enabled) add(family, "histogram");
  }
  return rows.finish();
}

size_t DerivedSeries::label_set_count() const {
  MutexLock lock(mutex_);
  return label_sets_;
}

}  // namespace obelisk
