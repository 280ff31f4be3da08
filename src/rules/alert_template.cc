#include "rules/alert_template.h"

#include <fmt/format.h>

#include "base/self_metrics.h"
#include "rules/alert_template_functions.h"

namespace obelisk::rules {
namespace {

// What Prometheus puts in front of every rule template, and the trace.
constexpr std::string_view kPreamble =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := "
    ".Value}}{{$traceID := .TraceID}}";

// The labels of a sample as a map of strings: a missing one is the empty text.
class LabelsObject : public TemplateObject {
 public:
  explicit LabelsObject(const Labels& labels) : labels_(labels) {}
  std::optional<TemplateValue> field(std::string_view name) const override {
    std::string_view value = labels_.get(name);
    if (value.empty()) return std::nullopt;
    return TemplateValue(value);
  }
  TemplateMap all() const override {
    TemplateMap map;
    for (const Label& label : labels_) map[label.name] = TemplateValue(label.value);
    return map;
  }
  TemplateValue missing() const override { return TemplateValue(""); }

 private:
  const Labels& labels_;
};

Result<GoTemplate> parse(std::string_view text) {
  return GoTemplate::parse("alert", std::string(kPreamble) + std::string(text), alert_template_functions());
}

Result<std::string> expand(std::string_view text, const AlertTemplateData& data) {
  OBELISK_TRY(GoTemplate parsed, parse(text));
  LabelsObject labels(data.labels);
  LabelsObject external_labels(data.external_labels);
  TemplateMap root;
  root["Labels"] = TemplateValue(&labels);
  root["ExternalLabels"] = TemplateValue(&external_labels);
  root["ExternalURL"] = TemplateValue(data.external_url);
  root["Value"] = TemplateValue(data.value);
  root["TraceID"] = TemplateValue(data.trace_id);
  TemplateScope scope{TemplateValue(std::move(root)), &data};
  std::string out;
  OBELISK_CHECK_OK(parsed.execute(scope, out));
  return out;
}

}  // namespace

Result<void> check_alert_template(std::string_view text) {
  if (text.find("{{") == std::string_view::npos) return {};
  Result<GoTemplate> parsed = parse(text);
  if (!parsed.ok()) return parsed.error();
  return {};
}

std::string expand_alert_template(std::string_view text, const AlertTemplateData& data) {
  if (text.find("{{") == std::string_view::npos) return std::string(text);
  Result<std::string> expanded = expand(text, data);
  if (expanded.ok()) return *expanded;
  static Counter& failures = counter("obelisk_template_text_expansion_failures_total",
                                     "Alert templates that could not be expanded.");
  failures.add();
  return fmt::format("<error expanding template: {}>", expanded.error().message);
}

}  // namespace obelisk::rules
