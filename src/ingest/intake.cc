#include "ingest/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/self_metrics.h"
#include "ingest/delta_to_cumulative.h"
#include "ingest/log_levels.h"
#include "ingest/metadata_filter.h"
#include "ingest/row_limits.h"
#include "ingest/series_limits.h"
#include "ingest/trace_id_extract.h"
#include "plan/row_copy.h"

namespace obelisk {
namespace {

Counter& stored_rows(Table table) {
  static const std::array<Counter*, kTableCount> counters = [] {
    std::array<Counter*, kTableCount> all{};
    for (int i = 0; i < kTableCount; ++i) {
      all[static_cast<size_t>(i)] = &counter("obelisk_intake_rows_total", "Rows that were stored.",
                                             {{"table", std::string(table_name(static_cast<Table>(i)))}});
    }
    return all;
  }();
  return *counters[static_cast<size_t>(table)];
}

void count_refused(Table table, const RefusedRows& refused) {
  std::array<uint64_t, kRowRefusalCount> by_reason{};
  for (RowRefusal refusal : refused.by_row) ++by_reason[static_cast<size_t>(refusal)];
  for (size_t i = 1; i < by_reason.size(); ++i) {
    if (by_reason[i] == 0) continue;
    counter("obelisk_intake_refused_rows_total", "Rows over a limit, which were left out.",
            {{"table", std::string(table_name(table))},
             {"reason", std::string(refusal_name(static_cast<RowRefusal>(i)))}})
        .add(by_reason[i]);
  }
}

// The rows of `batch` for which keep(row) is true. Strings stay where they are: the new batch owns the old
// one.
template <typename Keep>
Batch filter_rows(Batch batch, Keep&& keep) {
  auto source = std::make_shared<const Batch>(std::move(batch));
  BatchBuilder rows(source->table);
  rows.keep_alive(source);
  RowCopier copier(rows, nullptr, false);
  for (const Group& group : source->groups) {
    bool begun = false;
    for (uint32_t i = 0; i < group.row_count; ++i) {
      size_t row = group.first_row + i;
      if (!keep(row)) continue;
      if (!begun) rows.begin_group(group.labels);
      begun = true;
      copier.copy(*source, row);
    }
  }
  return rows.finish();
}

RowRefusal refusal_of(DeltaToCumulative::Refusal refusal) {
  switch (refusal) {
    case DeltaToCumulative::Refusal::none:
      return RowRefusal::none;
    case DeltaToCumulative::Refusal::not_later:
      return RowRefusal::delta_not_later;
    case DeltaToCumulative::Refusal::too_many_series:
      return RowRefusal::delta_too_many_series;
    case DeltaToCumulative::Refusal::bad_histogram:
      return RowRefusal::delta_bad_histogram;
  }
  return RowRefusal::none;
}

std::string delta_message(RowRefusal refusal) {
  switch (refusal) {
    case RowRefusal::delta_not_later:
      return "a delta point is not later than the one before it";
    case RowRefusal::delta_too_many_series:
      return fmt::format("too many delta series; at most {} can be added up", DeltaToCumulative::kSeriesMax);
    default:
      return "a delta histogram cannot be read";
  }
}

// Lines over the limit are cut there, at the beginning of a character.
void truncate_lines(Batch& batch, size_t bytes_max) {
  static Counter& cut = counter("obelisk_intake_truncated_lines_total", "Log lines cut at the limit.");
  for (ColumnData& data : batch.columns) {
    if (data.id != fixed_column(column::kLine) || data.type != ColumnType::string) continue;
    for (std::string_view& line : data.strings) {
      if (line.size() <= bytes_max) continue;
      size_t end = bytes_max;
      while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
      line = line.substr(0, end);
      cut.add();
    }
  }
}

}  // namespace

struct Intake::Request {
  WriteRequest write;
  IntakeOutcome outcome;
  bool has_metadata = false;
  uint64_t rows_before = 0;  // of the batches before the one at hand

  void note_accepted(const Batch& batch) {
    outcome.accepted_rows += batch.row_count;
    if (batch.table == Table::exemplars) outcome.accepted_exemplars += batch.row_count;
    if (batch.table != Table::samples) return;
    const ColumnData* histograms = batch.find_fixed(column::kHistogram);
    uint64_t count = 0;
    for (size_t row = 0; histograms != nullptr && row < batch.row_count; ++row)
      count += histograms->is_present(row) ? 1 : 0;
    outcome.accepted_histograms += count;
    outcome.accepted_values += batch.row_count - count;
  }

  void note(const RefusedRows& refused) {
    if (refused.count == 0) return;
    if (outcome.rejected_rows == 0) outcome.message = refused.first_message;
    outcome.rejected_rows += refused.count;
    for (size_t row = 0; row < refused.by_row.size(); ++row) {
      if (refused.by_row[row] != RowRefusal::none &&
          outcome.rejected.size() < IntakeOutcome::kRejectedNamedMax)
        outcome.rejected.push_back(rows_before + row);
    }
  }
};

Intake::Intake(Writer& writer, const Clock& clock, IntakeLimits limits)
    : writer_(writer),
      clock_(clock),
      limits_(limits),
      deltas_(std::make_shared<DeltaToCumulative>()),
      series_(std::make_shared<SeriesLimits>(limits)),
      metadata_(std::make_shared<MetadataFilter>()) {}

void Intake::resume_deltas_from(Reader& stored) {
  deltas_->resume_from(std::make_unique<const StoredSums>(stored));
}

void Intake::prepare(const Tenant& tenant, Batch batch, UnixNanos now, Request& request) {
  if (batch.row_count == 0) return;
  if (batch.table == Table::logs && limits_.truncate_lines) truncate_lines(batch, limits_.line_bytes_max);
  RefusedRows refused;
  check_rows(batch, limits_, now, refused);
  if (batch.table == Table::samples) series_->check(tenant, batch, now, refused);
  if (batch.table == Table::samples && batch.find_fixed(column::kTemporality) != nullptr) {
    // Rows that are refused already must not be added up.
    if (refused.count > 0) {
      count_refused(batch.table, refused);
      request.note(refused);
      batch =
          filter_rows(std::move(batch), [&](size_t row) { return refused.by_row[row] == RowRefusal::none; });
      refused = {};
      if (batch.row_count == 0) return;
    }
    std::vector<DeltaToCumulative::Refusal> refusals = deltas_->convert(tenant, batch, now);
    for (size_t row = 0; row < refusals.size(); ++row) {
      RowRefusal why = refusal_of(refusals[row]);
      if (why != RowRefusal::none) refused.refuse(row, batch.row_count, why, delta_message(why));
    }
  }
  if (refused.count > 0) {
    count_refused(batch.table, refused);
    request.note(refused);
    batch =
        filter_rows(std::move(batch), [&](size_t row) { return refused.by_row[row] == RowRefusal::none; });
  }
  request.note_accepted(batch);
  if (batch.table == Table::metadata && batch.row_count > 0) {
    std::vector<uint8_t> news = metadata_->keep(tenant, batch, now);
    batch = filter_rows(std::move(batch), [&](size_t row) { return news[row] != 0; });
    request.has_metadata = request.has_metadata || batch.row_count > 0;
  }
  if (batch.table == Table::logs && limits_.detect_levels) detect_levels(batch);
  if (batch.table == Table::logs || batch.table == Table::exemplars) extract_trace_ids(batch);
  if (batch.row_count > 0) request.write.batches.push_back(std::move(batch));
}

bool Intake::takes_all_spans(const std::vector<Batch>& batches) const {
  UnixNanos now = clock_.now();
  return std::all_of(batches.begin(), batches.end(), [&](const Batch& batch) {
    OBELISK_ASSERT(batch.table == Table::spans);
    RefusedRows refused;
    check_rows(batch, limits_, now, refused);
    return refused.count == 0;
  });
}

void Intake::write(const Tenant& tenant, std::vector<Batch> batches, Done done) {
  Request request;
  request.write.tenant = tenant;
  UnixNanos now = clock_.now();
  for (Batch& batch : batches) {
    size_t rows = batch.row_count;
    prepare(tenant, std::move(batch), now, request);
    request.rows_before += rows;
  }
  IntakeOutcome& outcome = request.outcome;
  if (outcome.rejected_rows > 1) outcome.message += fmt::format(" ({} rows rejected)", outcome.rejected_rows);
  if (request.write.batches.empty()) return done(std::move(outcome));

  std::array<uint64_t, kTableCount> rows{};
  for (const Batch& batch : request.write.batches) rows[static_cast<size_t>(batch.table)] += batch.row_count;
  std::weak_ptr<MetadataFilter> metadata;
  if (request.has_metadata) metadata = metadata_;
  writer_.append(std::move(request.write), [outcome = std::move(outcome), done = std::move(done), rows,
                                            metadata, now](Result<LogPosition> result) mutable {
    if (!result.ok()) {
      counter("obelisk_intake_failed_requests_total", "Requests that the store did not take.",
              {{"code", std::string(error_code_name(result.error().code))}})
          .add();
      if (std::shared_ptr<MetadataFilter> filter = metadata.lock()) filter->forget_since(now);
      return done(result.error());
    }
    for (int i = 0; i < kTableCount; ++i)
      stored_rows(static_cast<Table>(i)).add(rows[static_cast<size_t>(i)]);
    done(std::move(outcome));
  });
}

}  // namespace obelisk
