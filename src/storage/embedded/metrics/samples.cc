#include "storage/embedded/metrics/samples.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/self_metrics.h"
#include "codec/value_block.h"
#include "codec/value_times.h"
#include "storage/embedded/metrics/histogram_block.h"

namespace obelisk {
namespace {

template <typename T>
void take_rows(std::vector<T>& column, const std::vector<uint32_t>& rows, size_t first) {
  if (column.empty()) return;
  std::vector<T> kept;
  kept.reserve(rows.size());
  for (uint32_t row : rows) kept.push_back(column[row]);
  column.resize(first);
  column.insert(column.end(), kept.begin(), kept.end());
}

// Takes out the rows in [begin, end).
template <typename T>
void cut(std::vector<T>& column, size_t begin, size_t end) {
  if (column.empty()) return;
  column.erase(column.begin() + static_cast<ptrdiff_t>(begin), column.begin() + static_cast<ptrdiff_t>(end));
}

bool strictly_ascending(const std::vector<int64_t>& times, size_t first) {
  // Without a way out in between, which would keep the compiler from looking at two at once.
  typedef int64_t TwoTimes __attribute__((vector_size(16)));
  TwoTimes ascend = {-1, -1};
  size_t i = first + 1;
  for (; i + 2 <= times.size(); i += 2) {
    TwoTimes before, after;
    std::memcpy(&before, times.data() + i - 1, sizeof before);
    std::memcpy(&after, times.data() + i, sizeof after);
    ascend &= after > before;
  }
  bool all = (ascend[0] & ascend[1]) != 0;
  for (; i < times.size(); ++i) all &= times[i - 1] < times[i];
  return all;
}

}  // namespace

void Samples::clear() {
  times.clear();
  values.clear();
  start_times.clear();
  histograms.clear();
}

// Called after times and values have grown by the row.
void Samples::fill_optional(int64_t start_time) {
  if (start_time != 0 || !start_times.empty()) {
    start_times.resize(times.size());
    start_times.back() = start_time;
  }
  if (!histograms.empty()) histograms.resize(times.size());
}

void Samples::add(int64_t time, double value, int64_t start_time) {
  times.push_back(time);
  values.push_back(value);
  fill_optional(start_time);
}

void Samples::add_histogram(int64_t time, std::string_view bytes, int64_t start_time) {
  times.push_back(time);
  values.push_back(0);
  fill_optional(start_time);
  histograms.resize(times.size());
  histograms.back() = bytes;
}

void Samples::keep_rows(const std::vector<uint32_t>& rows, size_t first) {
  take_rows(times, rows, first);
  take_rows(values, rows, first);
  take_rows(start_times, rows, first);
  take_rows(histograms, rows, first);
}

Samples Samples::from(size_t first) const {
  Samples rows;
  auto copy = [&](const auto& column, auto& to) {
    if (!column.empty()) to.assign(column.begin() + static_cast<ptrdiff_t>(first), column.end());
  };
  copy(times, rows.times);
  copy(values, rows.values);
  copy(start_times, rows.start_times);
  copy(histograms, rows.histograms);
  return rows;
}

void Samples::truncate(size_t rows) {
  times.resize(rows);
  values.resize(rows);
  if (!start_times.empty()) start_times.resize(rows);
  if (!histograms.empty()) histograms.resize(rows);
}

bool Samples::has_same(uint32_t row, uint32_t other) const {
  if (is_histogram(row) || is_histogram(other))
    return is_histogram(row) && is_histogram(other) && histograms[row] == histograms[other];
  return std::bit_cast<uint64_t>(values[row]) == std::bit_cast<uint64_t>(values[other]);
}

void count_replaced(const ReplacedSamples& replaced) {
  static auto of = [](const char* value) -> Counter& {
    return counter("obelisk_metrics_samples_replaced_total",
                   "Samples in whose place a later one of the same series and time stands.",
                   {{"value", value}});
  };
  static Counter& same = of("same");
  static Counter& other = of("other");
  if (replaced.same > 0) same.add(replaced.same);
  if (replaced.other > 0) other.add(replaced.other);
}

ReplacedSamples Samples::normalise(size_t first) {
  ReplacedSamples replaced;
  if (strictly_ascending(times, first)) return replaced;
  std::vector<uint32_t> rows(times.size() - first);
  std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(first));
  std::stable_sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
  size_t kept = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && times[rows[i]] == times[rows[i + 1]]) {
      ++(has_same(rows[i], rows[i + 1]) ? replaced.same : replaced.other);
      continue;
    }
    rows[kept++] = rows[i];
  }
  rows.resize(kept);
  keep_rows(rows, first);
  return replaced;
}

void Samples::trim(int64_t begin, int64_t end, size_t first) {
  auto from = std::lower_bound(times.begin() + static_cast<ptrdiff_t>(first), times.end(), begin);
  auto to = std::lower_bound(from, times.end(), end);
  size_t from_row = static_cast<size_t>(from - times.begin());
  size_t to_row = static_cast<size_t>(to - times.begin());
  if (to_row < times.size()) truncate(to_row);
  if (from_row == first) return;
  cut(values, first, from_row);
  cut(start_times, first, from_row);
  cut(histograms, first, from_row);
  cut(times, first, from_row);
}

void BlockEncoder::encode_block_times(std::span<const int64_t> times) {
  if (std::equal(times.begin(), times.end(), last_times_.begin(), last_times_.end())) return;
  last_times_.assign(times.begin(), times.end());
  times_.clear();
  encode_times(times, times_);
}

SampleBlock BlockEncoder::encode(const Samples& samples, size_t first, size_t count) {
  OBELISK_ASSERT(count > 0 && first + count <= samples.size());
  SampleBlock block;
  block.is_histogram = samples.is_histogram(first);
  block.row_count = static_cast<uint32_t>(count);
  block.min_time = samples.times[first];
  block.max_time = samples.times[first + count - 1];
  start_times_.clear();
  payload_.clear();
  encode_block_times(std::span(samples.times).subspan(first, count));
  if (!samples.start_times.empty()) {
    std::span<const int64_t> starts = std::span(samples.start_times).subspan(first, count);
    bool known = std::any_of(starts.begin(), starts.end(), [](int64_t start) { return start != 0; });
    if (known) encode_times(starts, start_times_);
  }
  if (block.is_histogram) {
    encode_histogram_block(std::span(samples.histograms).subspan(first, count), payload_);
  } else {
    encode_values(std::span(samples.values).subspan(first, count), payload_, scale_hint, effort);
  }
  block.times = times_;
  block.start_times = start_times_;
  block.payload = payload_;
  return block;
}

size_t next_block_rows(const Samples& samples, size_t first) {
  size_t end = std::min<size_t>(first + kBlockRows, samples.size());
  if (samples.histograms.empty()) return end - first;
  bool kind = samples.is_histogram(first);
  size_t row = first + 1;
  while (row < end && samples.is_histogram(row) == kind) ++row;
  return row - first;
}

Result<std::span<const int64_t>> decode_block_times(std::string_view column, size_t count) {
  struct Known {
    std::string column;
    std::vector<int64_t> times;
  };
  // The records of a head's series have a few columns by turns.
  thread_local std::array<Known, 4> all;
  thread_local size_t next = 0;
  for (const Known& known : all) {
    if (known.times.size() == count && known.column == column) return std::span<const int64_t>(known.times);
  }
  Known& fresh = all[next++ % all.size()];
  fresh.column.clear();
  fresh.times.resize(count);
  Result<void> decoded = decode_times(column, fresh.times);
  if (decoded.ok() && !strictly_ascending(fresh.times, 0))
    decoded = make_error(ErrorCode::corrupt, "sample block: times do not ascend");
  if (!decoded.ok()) {
    fresh.times.clear();
    return decoded.error();
  }
  fresh.column = column;
  return std::span<const int64_t>(fresh.times);
}

Result<void> decode_block(const SampleBlock& block, bool with_payload, Samples& out, Arena& arena) {
  size_t before = out.size();
  size_t count = block.row_count;
  if (count == 0 || count > kBlockRowsMax) return make_error(ErrorCode::corrupt, "sample block: row count");
  OBELISK_TRY(std::span<const int64_t> times, decode_block_times(block.times, count));
  out.times.insert(out.times.end(), times.begin(), times.end());
  out.values.resize(before + count);
  if (!block.start_times.empty() || !out.start_times.empty()) out.start_times.resize(before + count);
  if (!block.start_times.empty()) {
    OBELISK_CHECK_OK(decode_times(block.start_times, std::span(out.start_times).subspan(before)));
  }
  if (block.is_histogram || !out.histograms.empty()) out.histograms.resize(before + count);
  if (!with_payload) return {};
  if (!block.is_histogram) return decode_values(block.payload, std::span(out.values).subspan(before));
  return decode_histogram_block(block.payload, std::span(out.histograms).subspan(before), arena);
}

}  // namespace obelisk
