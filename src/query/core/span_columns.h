#pragma once
// The columns of a batch of spans that derived metrics look at, found once a batch.
#include <algorithm>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "plan/batch.h"

namespace obelisk {

class SpanColumns {
 public:
  explicit SpanColumns(const Batch& spans)
      : batch(spans),
        services_(spans.find({Scope::resource, "service.name"}, ColumnType::string)),
        names_(spans.find_fixed(column::kName)),
        kinds_(spans.find_fixed(column::kKind)),
        statuses_(spans.find_fixed(column::kStatusCode)),
        status_messages_(spans.find_fixed(column::kStatusMessage)),
        durations_(spans.find_fixed(column::kDuration)),
        traces_(spans.find_fixed(column::kTraceId)),
        ids_(spans.find_fixed(column::kSpanId)),
        parents_(spans.find_fixed(column::kParentSpanId)),
        times_(spans.row_count == 0 ? nullptr : spans.times().data()) {}

  std::string_view service(size_t row) const { return text_of(services_, row); }
  std::string_view name(size_t row) const { return text_of(names_, row); }
  int64_t kind(size_t row) const { return int_of(kinds_, row); }
  int64_t status(size_t row) const { return int_of(statuses_, row); }
  std::string_view status_message(size_t row) const { return text_of(status_messages_, row); }
  double seconds(size_t row) const {
    return static_cast<double>(std::max<int64_t>(int_of(durations_, row), 0)) / 1e9;
  }
  UnixNanos start(size_t row) const { return {times_[row]}; }
  UnixNanos end(size_t row) const { return {times_[row] + int_of(durations_, row)}; }
  TraceId trace(size_t row) const { return traces_ == nullptr ? TraceId{} : traces_->trace_ids[row]; }
  SpanId id(size_t row) const { return {static_cast<uint64_t>(int_of(ids_, row))}; }
  SpanId parent(size_t row) const { return {static_cast<uint64_t>(int_of(parents_, row))}; }

  const Batch& batch;

 private:
  static std::string_view text_of(const ColumnData* data, size_t row) {
    return data == nullptr || !data->is_present(row) ? std::string_view() : data->strings[row];
  }
  static int64_t int_of(const ColumnData* data, size_t row) {
    return data == nullptr || !data->is_present(row) ? 0 : data->ints[row];
  }

  const ColumnData* services_;
  const ColumnData* names_;
  const ColumnData* kinds_;
  const ColumnData* statuses_;
  const ColumnData* status_messages_;
  const ColumnData* durations_;
  const ColumnData* traces_;
  const ColumnData* ids_;
  const ColumnData* parents_;
  const int64_t* times_;
};

// OTLP's numbers of span kinds.
inline constexpr int64_t kSpanKindServer = 2;
inline constexpr int64_t kSpanKindClient = 3;
inline constexpr int64_t kSpanKindProducer = 4;
inline constexpr int64_t kSpanKindConsumer = 5;
inline constexpr int64_t kSpanStatusError = 2;

}  // namespace obelisk
