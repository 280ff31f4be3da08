#pragma once
// Templates in alert labels and annotations: Go's text/template with Prometheus' functions and the variables
// $labels, $externalLabels, $externalURL and $value, and $traceID: of rules in TraceQL a trace behind the
// value, else empty. A template that fails never stops the alert: the field
// becomes
// "<error expanding template: ...>" and a counter is raised.
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"
#include "query/core/sample_vector.h"

namespace obelisk::rules {

struct AlertTemplateData {
  const Labels& labels;
  double value = 0;
  UnixNanos time;  // of the evaluation
  const Labels& external_labels;
  std::string_view external_url;
  // Runs an instant query for the `query` function.
  std::function<Result<SampleVector>(std::string_view query)> query;
  std::string trace_id = {};
};

// Whether the text parses and names only known functions.
Result<void> check_alert_template(std::string_view text);
std::string expand_alert_template(std::string_view text, const AlertTemplateData& data);

}  // namespace obelisk::rules
