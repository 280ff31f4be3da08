#pragma once
// For the tests of this directory: batches as lines of text.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collect/scrape/target_series.h"

namespace obelisk::scrape {

inline std::string labels_text(LabelsView labels) {
  return Labels(labels).to_string();
}

// Every row of the table as "series value @seconds" (with exemplar labels as name=value), sorted. "stale" is
// the marker.
inline std::vector<std::string> lines_of(const std::vector<Batch>& batches, Table table) {
  std::vector<std::string> lines;
  for (const Batch& batch : batches) {
    EXPECT_TRUE(batch.check().ok());
    if (batch.table != table) continue;
    for (const Group& group : batch.groups) {
      for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        std::string line = labels_text(group.labels);
        if (const ColumnData* values = batch.find_fixed(column::kValue)) {
          double value = values->floats[row];
          line += is_stale_marker(value) ? " stale" : " " + format_sample_value(value);
        }
        line += fmt::format(" @{}", static_cast<double>(batch.times()[row]) / 1e9);
        for (const ColumnData& data : batch.columns) {
          if (!data.is_present(row)) continue;
          if (data.type == ColumnType::string) line += fmt::format(" {}={}", data.id.name, data.strings[row]);
          if (data.type == ColumnType::trace_id) line += fmt::format(" id:{}", data.trace_ids[row].to_hex());
          if (data.id.name == column::kStartTime)
            line += fmt::format(" start:{}", data.ints[row] / 1'000'000'000);
        }
        lines.push_back(line);
      }
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace obelisk::scrape
