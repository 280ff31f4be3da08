#pragma once
// Which rows of a batch the intake refuses, and why. The texts are Loki's for logs and Prometheus' for
// series, since runbooks and clients match on them. Thread safe (const).
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "ingest/intake.h"
#include "plan/batch.h"

namespace obelisk {

enum class RowRefusal : uint8_t {
  none,
  too_far_in_future,
  line_too_long,
  too_many_labels,
  label_name_too_long,
  label_value_too_long,
  too_many_attributes,
  delta_not_later,
  delta_too_many_series,
  delta_bad_histogram,
  series_limit,
};
inline constexpr int kRowRefusalCount = 11;
// The reason label of the counter of refused rows.
std::string_view refusal_name(RowRefusal refusal);

struct RefusedRows {
  std::vector<RowRefusal> by_row;  // empty when no row is refused
  uint64_t count = 0;
  std::string first_message;

  void refuse(size_t row, size_t row_count, RowRefusal why, std::string message);
};

// Adds to `refused`; rows that are refused already are left alone.
void check_rows(const Batch& batch, const IntakeLimits& limits, UnixNanos now, RefusedRows& refused);

}  // namespace obelisk
