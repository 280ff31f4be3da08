#pragma once
// Decoded samples of one series, in columns, and the block form they are stored in (head records and part
// blocks).
//
// Invariants of Samples: values has as many entries as times; start_times and histograms are empty or have as
// many. A row is a histogram when `histograms` is not empty and its entry has data; its value is then 0. A
// block holds rows of one kind, in strictly ascending time, at most kBlockRowsMax.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "codec/value_integers.h"

namespace obelisk {

// 120 samples are half an hour at 15 s: long enough that headers stop to matter (engine measurements: 1.02
// B/sample against 1.0 for longer ones), short enough that a query for one point decodes little.
inline constexpr uint32_t kBlockRows = 120;
// What a reader accepts; leaves room for other writers.
inline constexpr uint32_t kBlockRowsMax = 4096;

// Samples in whose place a later one of the same series and time stands: of the same value or of another.
struct ReplacedSamples {
  uint64_t same = 0;
  uint64_t other = 0;
};
// Counts them in obelisk_metrics_samples_replaced_total, each once: in memory as it is closed into records,
// else when a flush or a merge brings the two together.
void count_replaced(const ReplacedSamples& replaced);

struct Samples {
  std::vector<int64_t> times;
  std::vector<double> values;
  std::vector<int64_t> start_times;          // ns, 0 = unknown; empty = all unknown
  std::vector<std::string_view> histograms;  // encoded (model/histogram.h); empty = no histograms at all

  size_t size() const { return times.size(); }
  bool is_histogram(size_t row) const { return !histograms.empty() && histograms[row].data() != nullptr; }
  int64_t start_time(size_t row) const { return start_times.empty() ? 0 : start_times[row]; }
  void clear();
  void add(int64_t time, double value, int64_t start_time);
  // The bytes must be kept alive by the caller; an empty histogram is none.
  void add_histogram(int64_t time, std::string_view bytes, int64_t start_time);
  // Of the rows from `first` on. Ascending times without duplicates: of equal times the row added last stays.
  ReplacedSamples normalise(size_t first = 0);
  // Drops rows from `first` on that lie outside [begin, end). Needs ascending times there.
  void trim(int64_t begin, int64_t end, size_t first = 0);
  // A copy of the rows from `first` on.
  Samples from(size_t first) const;
  // Keeps the first rows.
  void truncate(size_t rows);
  // Of the rows from `first` on keeps these, in this order.
  void keep_rows(const std::vector<uint32_t>& rows, size_t first = 0);

  // Whether two rows have the same value or histogram.
  bool has_same(uint32_t row, uint32_t other) const;

 private:
  void fill_optional(int64_t start_time);
};

// A block in its stored form: views of bytes that lie elsewhere.
struct SampleBlock {
  bool is_histogram = false;
  uint32_t row_count = 0;
  int64_t min_time = 0;  // set by the encoder, not needed to decode
  int64_t max_time = 0;
  std::string_view times;        // codec/value_times.h
  std::string_view start_times;  // the same; empty = all unknown
  std::string_view payload;      // codec/value_block.h or histogram_block.h
};

// Encodes blocks and owns the bytes of the last one.
class BlockEncoder {
 public:
  // Rows [first, first + count) of normalised samples, all of one kind. Views are valid until the next call.
  SampleBlock encode(const Samples& samples, size_t first, size_t count);
  uint8_t scale_hint = 0;  // codec/value_block.h
  IntegerEffort effort = IntegerEffort::full;

 private:
  void encode_block_times(std::span<const int64_t> times);

  // Kept from call to call: series of one sender share their times.
  std::vector<int64_t> last_times_;
  std::string times_;
  std::string start_times_;
  std::string payload_;
};

// How many rows from `first` on go into the next block: rows of one kind, at most kBlockRows.
size_t next_block_rows(const Samples& samples, size_t first);

// A column of times that ascend; corrupt when it is none. The view is of this thread and lives until the next
// call: the last columns are remembered, since series of one sender share theirs.
Result<std::span<const int64_t>> decode_block_times(std::string_view column, size_t count);

// Appends the block's rows; histogram bytes go into `arena`. Without `with_payload` values stay 0 and
// histograms empty: only times and start times are wanted. Corrupt when the bytes do not decode, or times do
// not ascend.
Result<void> decode_block(const SampleBlock& block, bool with_payload, Samples& out, Arena& arena);

}  // namespace obelisk
