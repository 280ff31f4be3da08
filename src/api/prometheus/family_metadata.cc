#include "api/prometheus/family_metadata.h"

#include <algorithm>

namespace obelisk::prometheus_api {

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

Result<MetadataByFamily> read_metadata(const ApiCall& call, std::string_view family) {
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  Scan scan;
  scan.tenant = run->tenant;
  scan.table = Table::metadata;
  scan.all_columns = true;
  scan.order = Order::time_ascending;
  if (!family.empty()) {
    scan.where = Expr::compare(fixed_column(column::kMetricFamily), CompareOp::equal, std::string(family));
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

void write_family_of(JsonWriter& json, const MetadataByFamily& families, std::string_view metric) {
  auto found = families.find(std::string(metric));
  for (std::string_view ending : {"_bucket", "_count", "_sum", "_total"}) {
    if (found == families.end() && metric.ends_with(ending))
      found = families.find(std::string(metric.substr(0, metric.size() - ending.size())));
  }
  if (found == families.end() || found->second.empty()) return;
  const FamilyMetadata& family = found->second.front();
  json.field("type", family.type.empty() ? "unknown" : family.type.c_str())
      .field("help", family.help)
      .field("unit", family.unit);
}

}  // namespace obelisk::prometheus_api
