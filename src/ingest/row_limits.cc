#include "ingest/row_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace obelisk {
namespace {

std::string series_text(const Group& group) {
  return Labels(group.labels).to_string().substr(0, 1024);
}

struct Problem {
  RowRefusal why = RowRefusal::none;
  std::string message;
};

Problem log_labels_problem(const Group& group, const IntakeLimits& limits) {
  if (group.labels.size() > limits.label_count_max) {
    return {RowRefusal::too_many_labels,
            fmt::format("entry for stream '{}' has {} label names; limit {}", series_text(group),
                        group.labels.size(), limits.label_count_max)};
  }
  for (const LabelRef& label : group.labels) {
    if (label.name.size() > limits.label_name_bytes_max) {
      return {RowRefusal::label_name_too_long, fmt::format("stream '{}' has label name too long: '{}'",
                                                           series_text(group), label.name.substr(0, 256))};
    }
    if (label.value.size() > limits.label_value_bytes_max) {
      return {RowRefusal::label_value_too_long, fmt::format("stream '{}' has label value too long: '{}'",
                                                            series_text(group), label.value.substr(0, 256))};
    }
  }
  return {};
}

Problem series_labels_problem(const Group& group, const IntakeLimits& limits) {
  auto metric_of = [&] { return label_value(group.labels, kMetricNameLabel).substr(0, 50); };
  if (group.labels.size() > limits.label_count_max) {
    return {RowRefusal::too_many_labels,
            fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})", metric_of(),
                        group.labels.size(), limits.label_count_max)};
  }
  for (const LabelRef& label : group.labels) {
    if (label.name.size() > limits.label_name_bytes_max) {
      return {
          RowRefusal::label_name_too_long,
          fmt::format("label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
                      metric_of(), label.name.substr(0, 50), label.name.size(), limits.label_name_bytes_max)};
    }
    if (label.value.size() > limits.label_value_bytes_max) {
      return {RowRefusal::label_value_too_long,
              fmt::format(
                  "label_value_length_limit exceeded (metric: {}, label name: {}, value: \"{}\", length: {}, "
                  "limit: {})",
                  metric_of(), label.name.substr(0, 50), label.value.substr(0, 50), label.value.size(),
                  limits.label_value_bytes_max)};
    }
  }
  return {};
}

// Without a branch a label: nearly every group is inside.
bool is_inside(LabelsView labels, const IntakeLimits& limits) {
  size_t longest_name = 0, longest_value = 0;
  for (const LabelRef& label : labels) {
    longest_name = std::max(longest_name, label.name.size());
    longest_value = std::max(longest_value, label.value.size());
  }
  return labels.size() <= limits.label_count_max && longest_name <= limits.label_name_bytes_max &&
         longest_value <= limits.label_value_bytes_max;
}

void check_labels(const Batch& batch, const IntakeLimits& limits, RefusedRows& refused) {
  for (const Group& group : batch.groups) {
    if (is_inside(group.labels, limits)) continue;
    Problem problem =
        batch.table == Table::logs ? log_labels_problem(group, limits) : series_labels_problem(group, limits);
    if (problem.why == RowRefusal::none) continue;
    for (uint32_t i = 0; i < group.row_count; ++i) {
      refused.refuse(group.first_row + i, batch.row_count, problem.why, problem.message);
    }
  }
}

const Group& group_of(const Batch& batch, size_t row) {
  auto after = std::upper_bound(batch.groups.begin(), batch.groups.end(), row,
                                [](size_t wanted, const Group& group) { return wanted < group.first_row; });
  return *(after - 1);
}

void check_times(const Batch& batch, const IntakeLimits& limits, UnixNanos now, RefusedRows& refused) {
  const std::vector<int64_t>& times = batch.times();
  int64_t latest = now.value + limits.future_nanos_max;
  if (std::none_of(times.begin(), times.end(), [&](int64_t time) { return time > latest; })) return;
  for (size_t row = 0; row < times.size(); ++row) {
    if (times[row] <= latest) continue;
    std::string message;
    if (refused.first_message.empty()) {
      std::string time = format_rfc3339(times[row]);
      message = batch.table == Table::logs ? fmt::format("entry for stream '{}' has timestamp too new: {}",
                                                         series_text(group_of(batch, row)), time)
                                           : fmt::format("timestamp {} is too far in the future", time);
    }
    refused.refuse(row, batch.row_count, RowRefusal::too_far_in_future, std::move(message));
  }
}

void check_lines(const Batch& batch, const IntakeLimits& limits, RefusedRows& refused) {
  const ColumnData* lines = batch.find(fixed_column(column::kLine), ColumnType::string);
  if (lines == nullptr) return;
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (lines->strings[row].size() <= limits.line_bytes_max) continue;
    refused.refuse(
        row, batch.row_count, RowRefusal::line_too_long,
        fmt::format(
            "max entry size '{}' bytes exceeded for stream '{}' while adding an entry with length '{}' "
            "bytes",
            limits.line_bytes_max, series_text(group_of(batch, row)), lines->strings[row].size()));
  }
}

void check_attributes(const Batch& batch, const IntakeLimits& limits, RefusedRows& refused) {
  auto is_attribute = [](const ColumnData& data) { return data.id.scope == Scope::attribute; };
  size_t columns =
      static_cast<size_t>(std::count_if(batch.columns.begin(), batch.columns.end(), is_attribute));
  if (columns <= limits.attribute_count_max) return;
  std::vector<uint32_t> counts(batch.row_count);
  for (const ColumnData& data : batch.columns) {
    if (!is_attribute(data)) continue;
    for (size_t row = 0; row < batch.row_count; ++row) counts[row] += data.is_present(row);
  }
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (counts[row] <= limits.attribute_count_max) continue;
    refused.refuse(row, batch.row_count, RowRefusal::too_many_attributes,
                   fmt::format("a row has {} attributes; limit {}", counts[row], limits.attribute_count_max));
  }
}

}  // namespace

std::string_view refusal_name(RowRefusal refusal) {
  static constexpr std::string_view kNames[] = {"none",
                                                "too_far_in_future",
                                                "line_too_long",
                                                "max_label_names_per_series",
                                                "label_name_too_long",
                                                "label_value_too_long",
                                                "too_many_attributes",
                                                "delta_not_later",
                                                "delta_too_many_series",
                                                "delta_bad_histogram",
                                                "series_limit"};
  return kNames[static_cast<int>(refusal)];
}

void RefusedRows::refuse(size_t row, size_t row_count, RowRefusal why, std::string message) {
  if (by_row.empty()) by_row.resize(row_count, RowRefusal::none);
  if (by_row[row] != RowRefusal::none) return;
  by_row[row] = why;
  if (count++ == 0) first_message = std::move(message);
}

void check_rows(const Batch& batch, const IntakeLimits& limits, UnixNanos now, RefusedRows& refused) {
  if (batch.row_count == 0) return;
  check_times(batch, limits, now, refused);
  if (batch.table == Table::logs) check_lines(batch, limits, refused);
  if (batch.table != Table::spans && batch.table != Table::metadata) check_labels(batch, limits, refused);
  check_attributes(batch, limits, refused);
}

}  // namespace obelisk
