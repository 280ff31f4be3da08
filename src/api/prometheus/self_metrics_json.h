#pragma once
// The server's own metrics (base/self_metrics.h) in the shape of Prometheus' client registry as JSON: an
// array of families, each {name, help, type, metric: [{label, counter|gauge|histogram}]}.
#include <memory>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "plan/regex.h"

namespace obelisk::prometheus_api {

// `text` in the format of render_self_metrics(); `names` null: all families.
void write_self_metrics(JsonWriter& json, std::string_view text, const Regex* names);

}  // namespace obelisk::prometheus_api
