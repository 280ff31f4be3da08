#pragma once
// The samples of one series in the head: an open tail of raw samples, and behind it a byte buffer of encoded
// records.
//
// 1. A sample goes to the tail (12 raw slots).
// 2. A full tail becomes a small record of up to 12 samples.
// 3. Small records that hold kBlockRows samples become one record of that many: a block as parts store it.
// Histograms have a tail of their own bytes, closed at kBlockRows rows or kHistogramTailBytes.
// Samples may come in any order of time: records keep the order of arrival, each is sorted and free of
// duplicates within itself. copy_to() gives everything in arrival order; decode_head_records() and
// Samples::normalise() make a sorted series of it in which of equal times the last to arrive stands.
//
// Memory: 64 bytes, the tail (208 bytes, from the head's arena), and the records (engine measurements: 230
// bytes after 120 samples of mixed series). A sample that extends the tail touches two cache lines, this and
// one of the tail: with a hundred thousand series nothing is in the caches. Not thread safe.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "base/arena.h"
#include "storage/embedded/metrics/samples.h"

namespace obelisk {

class alignas(64) HeadSamples {
 public:
  static constexpr uint32_t kTailRows = 12;
  static constexpr size_t kHistogramTailBytes = 16 * 1024;

  HeadSamples() = default;
  HeadSamples(const HeadSamples&) = delete;
  HeadSamples& operator=(const HeadSamples&) = delete;
  ~HeadSamples();

  void add(int64_t time, double value, int64_t start_time, Arena& arena);
  void add_histogram(int64_t time, std::string_view bytes, int64_t start_time, Arena& arena);
  // add() of a float without a start time where that is one more slot of the tail; false where it is not.
  bool extend(int64_t time, double value) {
    if (tail_rows_ == 0 || tail_rows_ == kTailRows || rare_ != nullptr || tail_start_time_ != 0) return false;
    if (time <= tail_->rows[tail_rows_ - 1].time || time == INT64_MAX) return false;
    tail_->rows[tail_rows_++] = {time, value};
    if (time > max_time_) max_time_ = time;
    return true;
  }

  bool empty() const { return min_time_ > max_time_; }
  int64_t min_time() const { return min_time_; }
  int64_t max_time() const { return max_time_; }
  // Appends records that may hold rows in [begin, end) to `out`; nothing when there can be none.
  void copy_to(int64_t begin, int64_t end, std::string& out) const;
  // The same when only the newest row in the range is wanted: mostly that one alone.
  void copy_newest_to(int64_t begin, int64_t end, std::string& out) const;
  // Heap memory, beside the object and its tail in the arena.
  size_t heap_bytes() const;
  void prefetch_tail() const {
    if (tail_ != nullptr) __builtin_prefetch(&tail_->rows[tail_rows_ % kTailRows], 1);
  }
  // What copy_to() reads.
  void prefetch_rows() const {
    constexpr size_t kLine = 64, kLinesMax = 4;
    const char* tail = reinterpret_cast<const char*>(tail_);
    for (size_t at = 0; at < tail_rows_ * sizeof(Tail::Row); at += kLine) __builtin_prefetch(tail + at);
    for (size_t at = 0; at < std::min<size_t>(records_size_, kLine * kLinesMax); at += kLine)
      __builtin_prefetch(records_ + at);
  }

 private:
  struct Tail {
    struct Row {
      int64_t time;
      double value;
    };
    Row rows[kTailRows];
    int64_t full_max_time;  // of the records before small_begin_
  };
  // For the few series that need it.
  struct Rare {
    std::vector<int64_t> tail_start_times;  // when they differ within the tail
    std::vector<int64_t> histogram_times;
    std::vector<int64_t> histogram_start_times;
    std::vector<uint32_t> histogram_ends;
    std::string histogram_bytes;
  };

  Rare& rare();
  void need_tail(Arena& arena);
  void note_time(int64_t time);
  void set_tail_start(int64_t start_time);
  int64_t tail_start(uint32_t row) const;
  void close_tail();
  void close_histograms();
  void compact_small_records();
  // Sorts, and appends one record, or several when the samples are more than a block or of several kinds.
  void append_records(Samples& samples, bool small);
  void append_bytes(std::string_view bytes);

  Tail* tail_ = nullptr;
  char* records_ = nullptr;
  uint32_t records_size_ = 0;
  uint32_t records_capacity_ = 0;
  uint32_t small_begin_ = 0;  // where small records begin in records_
  uint16_t small_rows_ = 0;
  uint8_t tail_rows_ = 0;
  uint8_t scale_hint_ = 0;
  int64_t min_time_ = INT64_MAX;
  int64_t max_time_ = INT64_MIN;
  int64_t tail_start_time_ = 0;
  std::unique_ptr<Rare> rare_;
};

// Decodes what copy_to() appended, once or several times over. Histogram bytes go into `arena`.
Result<void> decode_head_records(std::string_view bytes, bool with_payload, Samples& out, Arena& arena);

}  // namespace obelisk
