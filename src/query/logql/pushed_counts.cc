#include "query/logql/pushed_counts.h"

#include <algorithm>
#include <numeric>

#include "query/logql/metadata_columns.h"
#include "query/logql/series_table.h"

namespace obelisk::logql {
namespace {

// Counts the store keeps of each series: a day by seconds. Beyond, a range and a step without much in common
// would cost more than the rows.
constexpr size_t kBucketsMax = 86'400;

// A window covers whole buckets: `range_buckets` of them, and the next window begins `step_buckets` later.
struct Buckets {
  int64_t length = 1;
  size_t range_buckets = 1;
  size_t step_buckets = 1;
  size_t count = 1;
};

std::optional<Buckets> buckets_of(int64_t range, const StepGrid& grid) {
  Buckets buckets;
  buckets.length = grid.count == 1 ? range : std::gcd(range, grid.step);
  if (buckets.length <= 0) return std::nullopt;
  uint64_t of_range = static_cast<uint64_t>(range / buckets.length);
  uint64_t of_step = grid.count == 1 ? 1 : static_cast<uint64_t>(grid.step / buckets.length);
  if (of_range > kBucketsMax || of_step > kBucketsMax || grid.count > kBucketsMax) return std::nullopt;
  uint64_t count = of_range + of_step * (grid.count - 1);
  if (count > kBucketsMax) return std::nullopt;
  buckets.range_buckets = of_range;
  buckets.step_buckets = of_step;
  buckets.count = count;
  return buckets;
}

// Whether structured metadata can be part of a series' name.
Result<bool> metadata_names_series(QueryContext& context, const CountedSeries& series, TimeRange times) {
  bool by = series.mode == CountedSeries::Mode::by;
  if (by && series.names.empty()) return false;
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::logs;
  scan.range = times;
  OBELISK_TRY(std::vector<ColumnInfo> columns, context.reader.columns(context.at, scan));
  LabelDemand demand;
  demand.everything = !by;
  for (const std::string& name : series.names) demand.add(name);
  return std::any_of(columns.begin(), columns.end(), [&](const ColumnInfo& info) {
    std::string name = metadata_name_of(info.id);
    return !name.empty() && (info.type == ColumnType::any || wants_metadata(demand, name));
  });
}

std::vector<LabelRef> labels_of(const AggregateKey& key, const CountedSeries& series) {
  std::vector<LabelRef> labels;
  if (series.mode == CountedSeries::Mode::by) {
    for (size_t i = 0; i < series.names.size(); ++i) {
      const std::string* value = std::get_if<std::string>(&key[i].value);
      if (value != nullptr && !value->empty()) labels.push_back({series.names[i], *value});
    }
    return labels;
  }
  const Labels* all = std::get_if<Labels>(&key.back().value);
  if (all == nullptr) return labels;
  for (const LabelRef& label : all->view()) {
    if (!std::binary_search(series.names.begin(), series.names.end(), label.name)) labels.push_back(label);
  }
  return labels;
}

// Rows and weights before each bucket, so that a window is a difference.
struct Running {
  std::vector<uint64_t> rows;
  std::vector<double> weights;
};

}  // namespace

Result<std::optional<Matrix>> count_in_store(QueryContext& context, const Query& query, const StepGrid& grid,
                                             const CountedSeries& series, const Expr& where, TimeRange times,
                                             ReadStatistics& statistics) {
  std::optional<Buckets> buckets = buckets_of(query.range.range_nanos, grid);
  if (!buckets) return std::optional<Matrix>();
  OBELISK_TRY(bool by_metadata, metadata_names_series(context, series, times));
  if (by_metadata) return std::optional<Matrix>();
  bool bytes = query.range_op == RangeOp::bytes || query.range_op == RangeOp::bytes_rate;
  bool rate = query.range_op == RangeOp::rate || query.range_op == RangeOp::bytes_rate;

  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::logs;
  scan.range = times;
  scan.where = where;
  Aggregate& aggregate = scan.aggregate.emplace();
  aggregate.first_time = times.begin.value;
  aggregate.step = buckets->length;
  aggregate.step_count = buckets->count;
  if (series.mode == CountedSeries::Mode::by) {
    for (const std::string& name : series.names) aggregate.by.push_back({label_column(name)});
  } else {
    aggregate.by_all_labels = true;
  }
  if (bytes) {
    aggregate.value = {fixed_column(column::kLine)};
    aggregate.value_length = aggregate.sum = true;
  }
  OBELISK_TRY(AggregateAnswer answer,
              aggregate_scan(context.reader, context.at, scan, context.budget, context.cancel));
  statistics.rows += answer.coverage.rows_read;
  if (!answer.coverage.complete) {
    statistics.complete = false;
    statistics.incomplete_reason = answer.coverage.reason;
  }

  // Groups that `without` makes one are added up.
  SeriesTable table;
  std::vector<Running> running;
  for (const AggregateStates::Group& group : answer.states.groups()) {
    bool added = false;
    std::vector<LabelRef> labels = labels_of(group.key, series);
    size_t index = table.find_or_add(labels, added);
    if (added) {
      OBELISK_CHECK_OK(context.budget.charge(256 + buckets->count * 16 + grid.count * 9));
      running.push_back({std::vector<uint64_t>(buckets->count + 1), std::vector<double>(buckets->count + 1)});
    }
    for (size_t i = 0; i < buckets->count; ++i) {
      running[index].rows[i + 1] += group.counts[i];
      running[index].weights[i + 1] += bytes ? group.sums[i] : static_cast<double>(group.counts[i]);
      statistics.rows_after_filter += group.counts[i];
    }
  }
  Matrix matrix;
  double seconds = static_cast<double>(query.range.range_nanos) / static_cast<double>(kNanosPerSecond);
  for (size_t index = 0; index < running.size(); ++index) {
    OBELISK_CHECK_OK(context.cancel.check());
    Running& of_series = running[index];
    std::partial_sum(of_series.rows.begin(), of_series.rows.end(), of_series.rows.begin());
    std::partial_sum(of_series.weights.begin(), of_series.weights.end(), of_series.weights.begin());
    MatrixSeries out;
    out.labels = table.labels(index);
    out.values.resize(grid.count);
    out.present.resize(grid.count);
    for (size_t i = 0; i < grid.count; ++i) {
      size_t first = i * buckets->step_buckets, end = first + buckets->range_buckets;
      out.present[i] = of_series.rows[end] > of_series.rows[first] ? 1 : 0;
      double weight = of_series.weights[end] - of_series.weights[first];
      out.values[i] = rate ? weight / seconds : weight;
    }
    // Windows shorter than the step leave rows out.
    if (std::find(out.present.begin(), out.present.end(), 1) != out.present.end())
      matrix.push_back(std::move(out));
  }
  std::sort(matrix.begin(), matrix.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  return std::optional<Matrix>(std::move(matrix));
}

}  // namespace obelisk::logql
