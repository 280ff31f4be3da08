#include "query/logql/log_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "plan/read_progress.h"
#include "query/logql/new_patterns.h"
#include "query/logql/series_table.h"

namespace obelisk::logql {
namespace {

// Gathers entries into streams by their labels.
class StreamCollector {
 public:
  StreamCollector(const RangeRequest& request, Budget& budget) : request_(request), budget_(budget) {}

  // False when the limit is reached.
  Result<bool> take(const PassedRow& passed) {
    LogRow& row = passed.row;
    reached_ = row.time;
    if (!far_enough(row.time)) return true;
    LogStream& stream = stream_of(row.labels);
    LogEntry& entry = stream.entries.emplace_back();
    entry.time = row.time;
    entry.line = row.line;
    uint64_t bytes = sizeof(LogEntry) + row.line.size();
    if (request_.categorise) {
      row.labels.collect(LabelSource::metadata, scratch_);
      entry.metadata = Labels(LabelsView(scratch_));
      row.labels.collect(LabelSource::parsed, scratch_);
      entry.parsed = Labels(LabelsView(scratch_));
      bytes += 64 * (entry.metadata.size() + entry.parsed.size());
    }
    OBELISK_CHECK_OK(budget_.charge(bytes));
    return ++count_ < request_.limit;
  }

  uint64_t count() const { return count_; }
  // The time of the row taken last.
  int64_t reached() const { return reached_; }

  std::vector<LogStream> finish() {
    std::vector<LogStream> streams = std::move(streams_);
    std::sort(streams.begin(), streams.end(),
              [](const LogStream& a, const LogStream& b) { return a.labels < b.labels; });
    return streams;
  }

 private:
  bool far_enough(int64_t time) {
    if (request_.interval_nanos <= 0) return true;
    bool first = last_time_ == std::numeric_limits<int64_t>::min();
    if (!first) {
      int64_t distance = request_.direction == Direction::forward ? time - last_time_ : last_time_ - time;
      if (distance < request_.interval_nanos) return false;
    }
    last_time_ = time;
    return true;
  }

  LogStream& stream_of(RowLabels& labels) {
    LabelsView view;
    if (request_.categorise) {
      labels.collect(LabelSource::stream, stream_labels_);
      view = stream_labels_;
    } else {
      view = labels.sorted();
    }
    bool added = false;
    size_t index = table_.find_or_add(view, added);
    if (added) streams_.push_back({table_.labels(index), {}});
    return streams_[index];
  }

  const RangeRequest& request_;
  Budget& budget_;
  std::vector<LogStream> streams_;
  SeriesTable table_;
  std::vector<LabelRef> scratch_;
  std::vector<LabelRef> stream_labels_;
  uint64_t count_ = 0;
  int64_t last_time_ = std::numeric_limits<int64_t>::min();
  int64_t reached_ = std::numeric_limits<int64_t>::min();
};

// The slices of a range from the end where the query starts: the first is a second long, each next four times
// the last, so that a slice reads at most about four times what the entries before it took, and a month takes
// eleven of them.
class Slices {
 public:
  // `whole`: one slice, for a store that stops by itself when it has enough.
  Slices(const TimeRange& times, const RangeRequest& request, bool whole)
      : begin_(times.begin.value),
        end_(times.end.value),
        forward_(request.direction == Direction::forward),
        length_(whole ? std::numeric_limits<int64_t>::max() : kNanosPerSecond) {}

  bool next(TimeRange& slice) {
    if (begin_ >= end_) return false;
    // Ranges near the limits of the clock must not overflow.
    uint64_t left = static_cast<uint64_t>(end_) - static_cast<uint64_t>(begin_);
    int64_t length = left < static_cast<uint64_t>(length_) ? static_cast<int64_t>(left) : length_;
    if (forward_) {
      slice = {{begin_}, {begin_ + length}};
      begin_ += length;
    } else {
      slice = {{end_ - length}, {end_}};
      end_ -= length;
    }
    if (length_ < std::numeric_limits<int64_t>::max() / 4) length_ *= 4;
    return true;
  }

 private:
  int64_t begin_, end_;
  bool forward_;
  int64_t length_;
};

// Rows come in the order that was asked for, so what a query gathered until its time or memory was used up is
// the beginning of its answer.
bool is_partial(const Error& error, uint64_t entry_count) {
  return entry_count > 0 && (error.code == ErrorCode::timeout || error.code == ErrorCode::too_large);
}

// A query that was stopped because it read too much says that.
Error reason_of(const Error& error) {
  std::optional<Error> limit = passed_read_limit();
  return error.code == ErrorCode::cancelled && limit ? *limit : error;
}

void say_partial(const Error& error, const StreamCollector& collector, Direction direction,
                 ReadStatistics& statistics) {
  statistics.complete = false;
  statistics.incomplete_reason =
      fmt::format("partial: not all lines at and {} {} (unix ns) were looked at: {}",
                  direction == Direction::forward ? "after" : "before", collector.reached(), error.message);
}

}  // namespace

Result<LogqlResult> run_log_query(QueryContext& context, const LogSelector& selector,
                                  const RangeRequest& request) {
  LogqlResult result;
  result.type = LogqlResult::Type::streams;
  if (request.limit == 0) return result;
  OBELISK_TRY(LoweredSelector lowered, lower_selector(selector));
  TimeRange times{request.start, request.end};
  OBELISK_TRY(NewPatterns fresh, NewPatterns::prepare(context, selector, times));
  OBELISK_TRY(Expr metadata, metadata_filter(context, selector, times));
  Expr where = Expr::all_of({std::move(lowered.where), std::move(metadata)});
  OBELISK_TRY(Pipeline pipeline,
              Pipeline::compile(selector.stages, lowered.applied, LabelDemand(), request.now, &fresh));
  StreamCollector collector(request, context.budget);
  // When every row of the scan is an entry, the store need not look for more of them than are asked.
  bool store_limits = pipeline.empty() && request.interval_nanos <= 0;
  Slices slices(times, request, store_limits);
  TimeRange slice;
  while (collector.count() < request.limit && slices.next(slice)) {
    OBELISK_TRY(Scan scan, log_scan(context, where, slice, LabelDemand(), true));
    scan.order = request.direction == Direction::forward ? Order::time_ascending : Order::time_descending;
    if (store_limits) scan.limit = request.limit - collector.count();
    uint64_t before = collector.count();
    uint64_t repeated_before = result.statistics.repeated_rows;
    Result<void> read = for_each_row(context, scan, pipeline, result.statistics,
                                     [&](const PassedRow& row) { return collector.take(row); });
    if (!read.ok()) {
      Error error = reason_of(read.error());
      if (!is_partial(error, collector.count())) return error;
      say_partial(error, collector, request.direction, result.statistics);
      break;
    }
    // Repeated rows counted in the limit: the rest of the slice is read behind what was taken.
    if (scan.limit == 0 || result.statistics.repeated_rows == repeated_before) continue;
    uint64_t known = collector.count() - before;
    scan.limit = 0;
    OBELISK_CHECK_OK(
        for_each_row(context, scan, pipeline, result.statistics, [&](const PassedRow& row) -> Result<bool> {
          if (known == 0) return collector.take(row);
          --known;
          return true;
        }));
  }
  note_incomplete(fresh, result.statistics);
  result.entry_count = collector.count();
  result.streams = collector.finish();
  return result;
}

}  // namespace obelisk::logql
