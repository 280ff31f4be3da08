#include "pipeline/derived_series.h"

#include <algorithm>

#include "base/text.h"
#include "model/histogram.h"

namespace obelisk {
namespace {

constexpr std::string_view kOverflowKey = "\xff overflow";  // no UTF-8 text, so no key of a tap

}  // namespace

void DerivedHistogram::observe(const std::vector<double>& bounds, double value,
                               const DerivedExemplar& exemplar) {
  auto bucket = static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
  ++counts[bucket];
  ++count;
  sum += value;
  if (!exemplar.trace_id.is_none() && exemplars[bucket].time <= exemplar.time) exemplars[bucket] = exemplar;
}

void DerivedHistogram::merge(const DerivedHistogram& other) {
  sum += other.sum;
  count += other.count;
  for (size_t i = 0; i < counts.size(); ++i) {
    counts[i] += other.counts[i];
    bool newer = !other.exemplars[i].trace_id.is_none() && exemplars[i].time <= other.exemplars[i].time;
    if (newer) exemplars[i] = other.exemplars[i];
  }
}

void DerivedValues::merge(const DerivedValues& other) {
  for (size_t i = 0; i < counters.size(); ++i) counters[i] += other.counters[i];
  for (size_t i = 0; i < histograms.size(); ++i) histograms[i].merge(other.histograms[i]);
}

// Writes the samples and exemplars of rows.
class DerivedSeries::Writer {
 public:
  explicit Writer(const DerivedSeries& series, UnixNanos now)
      : series_(series), now_(now), samples_(Table::samples), exemplars_(Table::exemplars) {}

  // `stale`: markers instead of values.
  void write(const Row& row, bool stale) {
    stale_ = stale;
    row_ = &row;
    // Both instants are whole milliseconds, the zeros strictly first.
    int64_t before = std::min(row.created.to_millis(), now_.to_millis() - 1);
    zero_time_ = UnixNanos::from_millis(before);
    for (size_t i = 0; i < series_.counters_.size(); ++i)
      write_value(series_.counters_[i].name, "", row.values.counters[i]);
    for (size_t i = 0; i < series_.histograms_.size(); ++i)
      write_histogram(series_.histograms_[i].name, row.values.histograms[i]);
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

  void write_value(const std::string& name, std::string_view bound, double value) {
    begin(samples_, *row_, name, bound);
    if (row_->is_new && !stale_) add_sample(zero_time_, 0);
    add_sample(UnixNanos::from_millis(now_.to_millis()), stale_ ? stale_marker() : value);
  }

  void add_sample(UnixNanos time, double value) {
    samples_.add_row(time);
    samples_.set_float(Scope::fixed, column::kValue, value);
    samples_.set_int(Scope::fixed, column::kStartTime, row_->created.value);
  }

  void write_histogram(const std::string& name, const DerivedHistogram& histogram) {
    if (histogram.count == 0) return;  // this side of an edge was never measured
    const std::vector<double>& bounds = series_.bounds_;
    uint64_t below = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
      std::string bound = i < bounds.size() ? format_sample_value(bounds[i]) : "+Inf";
      below += histogram.counts[i];
      write_value(name + "_bucket", bound, static_cast<double>(below));
      if (!stale_) write_exemplar(name + "_bucket", bound, histogram.exemplars[i]);
    }
    write_value(name + "_sum", "", histogram.sum);
    write_value(name + "_count", "", static_cast<double>(histogram.count));
  }

  void write_exemplar(const std::string& name, std::string_view bound, const DerivedExemplar& exemplar) {
    if (exemplar.trace_id.is_none()) return;
    begin(exemplars_, *row_, name, bound);
    exemplars_.add_row(UnixNanos::from_millis(exemplar.time.to_millis()));
    exemplars_.set_float(Scope::fixed, column::kValue, exemplar.value);
    exemplars_.set_trace_id(Scope::fixed, column::kTraceId, exemplar.trace_id);
    exemplars_.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(exemplar.span_id.value));
    exemplars_.set_string(Scope::attribute, "traceID", exemplars_.arena().copy(exemplar.trace_id.to_hex()));
  }

  const DerivedSeries& series_;
  const UnixNanos now_;
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
                  {{"source", source_}})) {}

DerivedValues DerivedSeries::zero() const {
  DerivedHistogram histogram;
  histogram.counts.assign(bounds_.size() + 1, 0);
  histogram.exemplars.resize(bounds_.size() + 1);
  DerivedValues values;
  values.counters.assign(counters_.size(), 0);
  values.histograms.assign(histograms_.size(), histogram);
  return values;
}

DerivedSeries::Row& DerivedSeries::row_of(const Tenant& tenant, std::string_view key,
                                          const std::function<Labels()>& make_labels, UnixNanos now) {
  TenantRows& rows = tenants_[tenant];
  std::string name(key);
  auto found = rows.find(name);
  if (found != rows.end()) return found->second;
  bool overflow = label_sets_ >= options_.label_sets_max;
  if (overflow) {
    overflows_.add();
    name = kOverflowKey;
    found = rows.find(name);
    if (found != rows.end()) return found->second;
  } else {
    ++label_sets_;
  }
  Row& row = rows[name];
  row.labels = overflow ? Labels{{"metric_overflow", "true"}} : make_labels();
  row.values = zero();
  row.created = now;
  return row;
}

void DerivedSeries::add(const Tenant& tenant, std::string_view key,
                        const std::function<Labels()>& make_labels, const DerivedValues& increment,
                        UnixNanos now) {
  MutexLock lock(mutex_);
  Row& row = row_of(tenant, key, make_labels, now);
  row.values.merge(increment);
  row.changed = now;
}

std::vector<TenantBatches> DerivedSeries::collect(UnixNanos now) {
  MutexLock lock(mutex_);
  std::vector<TenantBatches> collected;
  for (auto tenant = tenants_.begin(); tenant != tenants_.end();) {
    TenantRows& rows = tenant->second;
    Writer writer(*this, now);
    for (auto entry = rows.begin(); entry != rows.end();) {
      Row& row = entry->second;
      bool stale = now - row.changed >= options_.stale_after_nanos;
      writer.write(row, stale);
      row.is_new = false;
      for (DerivedHistogram& histogram : row.values.histograms)
        histogram.exemplars.assign(histogram.exemplars.size(), {});
      if (stale && entry->first != kOverflowKey) --label_sets_;
      entry = stale ? rows.erase(entry) : std::next(entry);
    }
    TenantBatches out{tenant->first, writer.finish()};
    out.batches.push_back(metadata(now));  // the intake stores it only when it is news
    collected.push_back(std::move(out));
    tenant = rows.empty() ? tenants_.erase(tenant) : std::next(tenant);
  }
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
  for (const DerivedFamily& family : counters_) add(family, "counter");
  for (const DerivedFamily& family : histograms_) add(family, "histogram");
  return rows.finish();
}

size_t DerivedSeries::label_set_count() const {
  MutexLock lock(mutex_);
  return label_sets_;
}

}  // namespace obelisk
