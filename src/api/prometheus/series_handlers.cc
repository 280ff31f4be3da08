#include <algorithm>
#include <map>
#include <set>

#include "api/prometheus/escaped_name.h"
#include "api/prometheus/family_metadata.h"
#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

Answer sorted_strings(const std::set<std::string>& values, uint64_t limit) {
  Answer answer;
  JsonWriter json;
  json.begin_array();
  uint64_t written = 0;
  for (const std::string& value : values) {
    if (limit != 0 && written++ == limit) {
      answer.warnings.emplace_back(kTruncated);
      break;
    }
    json.value(value);
  }
  json.end_array();
  answer.data = json.take();
  return answer;
}

}  // namespace

Result<Answer> handle_series(ApiCall& call, const PathParameters&) {
  if (call.parameters.get_all("match[]").empty()) {
    return make_error(ErrorCode::invalid_argument, "no match[] parameter provided");
  }
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  Answer answer;
  if (limit != 0 && series.size() > limit) {
    series.resize(limit);
    answer.warnings.emplace_back(kTruncated);
  }
  JsonWriter json;
  json.begin_array();
  for (const Labels& labels : series) write_labels(json, labels);
  json.end_array();
  answer.data = json.take();
  return answer;
}

Result<Answer> handle_labels(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  std::set<std::string> names;
  for (const Labels& labels : series) {
    for (const Label& label : labels) names.insert(label.name);
  }
  return sorted_strings(names, limit);
}

Result<Answer> handle_label_values(ApiCall& call, const PathParameters& path) {
  std::string name = unescape_label_name(path.get("name"));
  if (name.empty() || !is_valid_utf8(name)) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid label name: \"" + replace_invalid_utf8(name) + "\"");
  }
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  std::set<std::string> values;
  for (const Labels& labels : series) {
    if (std::string_view value = labels.get(name); !value.empty()) values.emplace(value);
  }
  return sorted_strings(values, limit);
}

Result<Answer> handle_metadata(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(std::optional<uint64_t> limit, metadata_limit_of(call.parameters));
  OBELISK_TRY(std::optional<uint64_t> limit_per_metric,
              metadata_limit_of(call.parameters, "limit_per_metric"));
  OBELISK_TRY(MetadataByFamily families, read_metadata(call, call.parameters.get_or("metric", "")));
  JsonWriter json;
  json.begin_object();
  uint64_t written = 0;
  for (const auto& [family, entries] : families) {
    if (limit && written++ == *limit) break;
    json.key(family).begin_array();
    uint64_t of_family = 0;
    for (const FamilyMetadata& metadata : entries) {
      if (limit_per_metric.value_or(0) != 0 && of_family++ == *limit_per_metric) break;
      json.begin_object().field("type", metadata.type.empty() ? "unknown" : metadata.type.c_str());
      json.field("help", metadata.help).field("unit", metadata.unit).end_object();
    }
    json.end_array();
  }
  json.end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
