#include "wire/exposition_rows.h"

#include <fmt/format.h>

#include "model/ids.h"
#include "plan/sample_batch.h"
#include "wire/row_batches.h"

namespace obelisk {
namespace {

// What the batches point into.
struct Source {
  std::shared_ptr<const std::string> page;
  Exposition exposition;
  Arena arena;
};

class RowWriter {
 public:
  RowWriter(std::shared_ptr<Source> source, const ExpositionRowOptions& options)
      : source_(std::move(source)),
        options_(options),
        exemplars_(Table::exemplars, source_),
        metadata_(Table::metadata, source_) {
    samples_.keep_alive(source_);
  }

  Result<std::vector<Batch>> run() {
    const Exposition& page = source_->exposition;
    samples_.reserve(page.samples.size(), page.samples.size());
    for (const ExpositionSample& sample : page.samples) {
      if (!sample.time && !options_.default_time) {
        return make_error(ErrorCode::invalid_argument, fmt::format("the sample of {} has no timestamp",
                                                                   Labels(sample.labels).to_string()));
      }
      add(sample);
    }
    for (const ExpositionFamily& family : page.families) {
      if (family.has_metadata) add(family);
    }
    std::vector<Batch> batches;
    if (samples_.row_count() > 0) batches.push_back(samples_.finish());
    for (RowBatches* rows : {&exemplars_, &metadata_}) {
      for (Batch& batch : rows->finish()) batches.push_back(std::move(batch));
    }
    return batches;
  }

 private:
  LabelsView with_extra(LabelsView labels) {
    if (options_.extra_labels.empty()) return labels;
    Labels merged(labels);
    for (const Label& label : options_.extra_labels) merged.set(label.name, label.value);
    LabelRef* copies = source_->arena.allocate_array<LabelRef>(merged.size());
    size_t count = 0;
    for (const Label& label : merged)
      new (copies + count++) LabelRef{source_->arena.copy(label.name), source_->arena.copy(label.value)};
    return {copies, count};
  }

  void add(const ExpositionSample& sample) {
    LabelsView labels = with_extra(sample.labels);
    Hash128 hash = hash_labels_wide(labels);
    int64_t time = sample.time ? sample.time->value : options_.default_time->value;
    int64_t start = sample.start_time ? sample.start_time->value : 0;
    samples_.begin_series(labels, hash);
    if (sample.histogram.empty()) {
      samples_.add(time, sample.value, start);
    } else {
      samples_.add_histogram(time, sample.histogram, start);
    }
    for (uint32_t i = 0; i < sample.exemplar_count; ++i)
      add(source_->exposition.exemplars[static_cast<size_t>(sample.exemplar) + i], labels, hash, time);
  }

  void add(const ExpositionExemplar& exemplar, LabelsView series, const Hash128& hash, int64_t time) {
    if (exemplars_.must_cut()) exemplars_.cut();
    BatchBuilder& rows = exemplars_.rows();
    rows.begin_group(series, hash);
    rows.add_row(exemplar.time.value_or(UnixNanos{time}));
    rows.set_float(Scope::fixed, column::kValue, exemplar.value);
    for (const LabelRef& label : exemplar.labels) rows.set_string(Scope::attribute, label.name, label.value);
  }

  void add(const ExpositionFamily& family) {
    BatchBuilder& rows = metadata_.rows();
    rows.add_row(options_.now);
    rows.set_string(Scope::fixed, column::kMetricFamily, family.name);
    rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(family.type));
    rows.set_string(Scope::fixed, column::kHelp, family.help);
    rows.set_string(Scope::fixed, column::kUnit, family.unit);
  }

  std::shared_ptr<Source> source_;
  const ExpositionRowOptions& options_;
  SampleBatchBuilder samples_;
  RowBatches exemplars_, metadata_;
};

}  // namespace

Result<std::vector<Batch>> exposition_rows(std::shared_ptr<const std::string> page, Exposition exposition,
                                           const ExpositionRowOptions& options) {
  auto source = std::make_shared<Source>();
  source->page = std::move(page);
  source->exposition = std::move(exposition);
  return RowWriter(std::move(source), options).run();
}

}  // namespace obelisk
