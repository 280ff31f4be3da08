#pragma once
// Builds the Prometheus series of an OTLP request: label sets, samples, exemplars, metadata, target_info.
// Used by the metrics decoder inside wire/ only. Not thread safe. Labels: job
// (service.namespace/service.name) and instance (service.instance.id) of the resource, and the attributes of
// the point; attributes whose names become equal have their values joined by ';' in the order of their keys,
// as in Prometheus; an attribute never replaces job or instance. What is promoted (otlp_translation.h) comes
// from the resource, where the point has no such label, and from the scope, which wins. Times are cut to
// milliseconds, PromQL's resolution.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/any_value.h"
#include "wire/exposition.h"
#include "wire/otlp_envelope.h"
#include "wire/otlp_translation.h"
#include "wire/row_batches.h"

namespace obelisk {

struct OtlpExemplar {
  uint64_t time = 0;
  double value = 0;
  std::string_view trace_id, span_id;
  std::vector<AttributeView> attributes;
};

// What makes a series of a metric: the suffix of its name and, for buckets and quantiles, one more label.
struct SeriesPart {
  std::string_view suffix;
  std::string_view label_name;
  std::string_view label_value;
};

class OtlpSeriesWriter {
 public:
  // `translation` must outlive the writer.
  OtlpSeriesWriter(std::shared_ptr<const std::string> body, UnixNanos now,
                   const OtlpTranslation& translation);

  void begin_resource(const std::vector<AttributeView>& attributes);
  // The following points belong to this scope.
  void begin_scope(const OtlpScope& scope);
  // Writes target_info, when the resource says more than job and instance.
  void end_resource();
  // The following points belong to this metric. `family` is its Prometheus name; `delta`: its points are
  // deltas.
  void begin_metric(std::string family, MetricType type, std::string_view help, std::string unit, bool delta);
  void begin_point(const std::vector<AttributeView>& attributes, uint64_t time, uint64_t start_time);
  void sample(const SeriesPart& part, double value);
  // `encoded` as in model/histogram.h; it is copied.
  void native_histogram(std::string_view encoded);
  void exemplar(const SeriesPart& part, const OtlpExemplar& exemplar);

  // For texts that rows point to; lives as long as the batches.
  Arena& arena() { return shared_->arena; }
  std::vector<Batch> finish();

 private:
  // One target_info every 2.5 minutes (half of PromQL's look-back) keeps it visible; so many cover 41 hours
  // of points.
  static constexpr size_t kTargetInfosMax = 1000;
  // Of all resources of a request: two points of a hundred bytes, a year apart, would otherwise cost what a
  // thousand rows do. Over it a resource has its last one only.
  static constexpr size_t kRequestTargetInfosMax = 100'000;

  // Kept alive by every batch.
  struct Shared {
    std::shared_ptr<const std::string> body;
    Arena arena;
  };

  void set_labels(const std::vector<AttributeView>& attributes);
  void add_attribute_labels(const std::vector<AttributeView>& attributes);
  // Those that come from elsewhere than the point: `replace` says who wins.
  void add_label(std::string_view name, std::string_view value, bool replace);
  LabelsView series_labels(const SeriesPart& part);
  BatchBuilder& add_sample_row(const SeriesPart& part);
  void add_metadata_row();

  std::shared_ptr<Shared> shared_;
  const UnixNanos now_;
  const OtlpTranslation& translation_;
  RowBatches samples_, delta_samples_, exemplars_, metadata_;
  // The resource.
  std::string_view job_, instance_;
  std::vector<AttributeView> target_attributes_;  // of target_info
  bool has_target_info_ = false;                  // an attribute says more than job and instance
  std::vector<LabelRef> promoted_;                // resource attributes that are labels of every series
  std::vector<LabelRef> scope_labels_;
  uint64_t first_time_ = 0, last_time_ = 0;  // of its points; 0 while there are none
  size_t target_infos_ = 0;                  // between the first and the last point, of all resources
  // The metric.
  std::string family_, unit_;
  std::string_view help_;
  MetricType type_ = MetricType::unknown;
  bool delta_ = false;
  bool has_metadata_row_ = false;
  // The point.
  std::vector<LabelRef> labels_;  // sorted, without name and part
  std::vector<AttributeView> sorted_;
  uint64_t time_ = 0, start_time_ = 0;
};

}  // namespace obelisk
