#include "rules/rule_output.h"

namespace obelisk::rules {

Result<RuleOutput> recorded_output(const Rule& rule, const std::map<std::string, std::string>& rule_labels,
                                   const RuleVector& vector) {
  RuleOutput output;
  for (const VectorSample& sample : vector.samples) {
    if (sample.histogram)
      return make_error(ErrorCode::unsupported, "recording native histograms is not supported yet");
    Labels labels = sample.labels;
    for (const auto& [name, value] : rule_labels) labels.set(name, value);
    labels.set(kMetricNameLabel, rule.name);
    output.series.emplace_back(std::move(labels), sample.value);
  }
  for (const RuleExemplar& exemplar : vector.exemplars)
    output.exemplars.emplace_back(output.series[exemplar.element].first, exemplar);
  return output;
}

std::vector<const RuleExemplar*> exemplars_by_element(const RuleVector& vector) {
  std::vector<const RuleExemplar*> exemplars(vector.samples.size(), nullptr);
  for (const RuleExemplar& exemplar : vector.exemplars) exemplars[exemplar.element] = &exemplar;
  return exemplars;
}

Batch exemplar_rows(const std::vector<std::pair<Labels, RuleExemplar>>& exemplars) {
  BatchBuilder builder(Table::exemplars);
  for (const auto& [labels, exemplar] : exemplars) {
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    builder.add_row(UnixNanos::from_millis(exemplar.time.to_millis()));
    builder.set_float(Scope::fixed, column::kValue, exemplar.value);
    builder.set_trace_id(Scope::fixed, column::kTraceId, exemplar.trace_id);
    builder.set_string(Scope::attribute, "traceID", builder.arena().copy(exemplar.trace_id.to_hex()));
  }
  return builder.finish();
}

}  // namespace obelisk::rules
