#include <algorithm>
#include <map>
#include <set>

#include "api/prometheus/escaped_name.h"
#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

// Series of the request's match[], start and end.
Result<std::vector<Labels>> select_series(const ApiCall& call) {
  OBELISK_TRY(TimeRange range, range_of(call.parameters));
  OBELISK_TRY(Expr where, selection_of(call.parameters));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  Scan scan;
  scan.tenant = run->tenant;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.range = range;
  scan.where = std::move(where);
  return call.service.context.reader.series(run->at, scan, run->cancel);
}

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

struct FamilyMetadata {
  std::string type, help, unit;
  bool operator==(const FamilyMetadata&) const = default;
};

using MetadataByFamily = std::map<std::string, std::vector<FamilyMetadata>>;

Result<MetadataByFamily> read_metadata(const ApiCall& call, std::string_view metric) {
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  Scan scan;
  scan.tenant = run->tenant;
  scan.table = Table::metadata;
  scan.all_columns = true;
  scan.order = Order::time_ascending;
  if (!metric.empty()) {
    scan.where = Expr::compare(fixed_column(column::kMetricFamily), CompareOp::equal, std::string(metric));
  }
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(call.service.context.reader, run->at, scan, run->budget, run->cancel));
  // Rows of one source (a target, a sender) repeat and change over time: the last of each source counts.
  std::map<std::pair<std::string, Labels>, FamilyMetadata> last;
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    auto text = [&](std::string_view name, size_t row) {
      const ColumnData* data = batch->find_fixed(name);
      return data != nullptr && data->is_present(row) ? std::string(data->strings[row]) : std::string();
    };
    for (const Group& group : batch->groups) {
      for (size_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        last[{text(column::kMetricFamily, row), Labels(group.labels)}] = {
            text(column::kMetricType, row), text(column::kHelp, row), text(column::kUnit, row)};
      }
    }
  }
  MetadataByFamily families;
  for (auto& [key, metadata] : last) {
    std::vector<FamilyMetadata>& known = families[key.first];
    if (std::find(known.begin(), known.end(), metadata) == known.end()) known.push_back(std::move(metadata));
  }
  return families;
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
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(uint64_t limit_per_metric, limit_of(call.parameters, "limit_per_metric"));
  OBELISK_TRY(MetadataByFamily families, read_metadata(call, call.parameters.get_or("metric", "")));
  JsonWriter json;
  json.begin_object();
  uint64_t written = 0;
  for (const auto& [family, entries] : families) {
    if (limit != 0 && written++ == limit) break;
    json.key(family).begin_array();
    uint64_t of_family = 0;
    for (const FamilyMetadata& metadata : entries) {
      if (limit_per_metric != 0 && of_family++ == limit_per_metric) break;
      json.begin_object().field("type", metadata.type.empty() ? "unknown" : metadata.type.c_str());
      json.field("help", metadata.help).field("unit", metadata.unit).end_object();
    }
    json.end_array();
  }
  json.end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
