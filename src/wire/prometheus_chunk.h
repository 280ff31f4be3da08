#pragma once
// Prometheus' chunk encodings, for remote read's streamed answers: XOR (float samples) and FloatHistogram
// (native histograms). Bits are written from the highest down; both chunks begin with the number of samples
// (16 bits, big endian), a histogram chunk then with its counter reset header and the layout that all its
// histograms share. Format: prometheus/prometheus, tsdb/docs/format/chunks.md. Not thread safe. Bound:
// kChunkSamplesMax a chunk.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/histogram.h"

namespace obelisk {

// What Prometheus cuts its own chunks at.
inline constexpr size_t kChunkSamplesMax = 120;

class BitWriter {
 public:
  // The lower `count` bits of `bits`.
  void put(uint64_t bits, unsigned count);
  void put_byte(uint8_t byte) { put(byte, 8); }
  size_t byte_count() const { return bytes_.size(); }
  std::string take();

 private:
  std::string bytes_;
  unsigned free_ = 0;  // bits of the last byte that are not written yet
};

// A float as its XOR with the one before it.
struct XorState {
  double value = 0;
  uint8_t leading = 0xff;  // 0xff: no window yet
  uint8_t trailing = 0;
};
void put_xor(BitWriter& out, double value, XorState& state);

class XorChunkWriter {
 public:
  // Times ascend; at most kChunkSamplesMax samples.
  void add(int64_t millis, double value);
  size_t sample_count() const { return count_; }
  int64_t min_time() const { return first_time_; }
  int64_t max_time() const { return time_; }
  std::string take();

 private:
  BitWriter bits_;
  uint16_t count_ = 0;
  int64_t first_time_ = 0, time_ = 0, delta_ = 0;
  XorState value_;
};

class FloatHistogramChunkWriter {
 public:
  // False when the histogram needs a chunk of its own: another layout, a counter reset told by its hint or
  // its count, or a full chunk. Nothing is added then.
  bool add(int64_t millis, const Histogram& histogram);
  size_t sample_count() const { return count_; }
  int64_t min_time() const { return first_time_; }
  int64_t max_time() const { return time_; }
  std::string take();

 private:
  bool fits(const Histogram& histogram) const;
  void put_first(const Histogram& histogram);
  void put_next(const Histogram& histogram);

  BitWriter bits_;
  uint16_t count_ = 0;
  uint8_t reset_header_ = 0;
  int64_t first_time_ = 0, time_ = 0, delta_ = 0;
  Histogram layout_;  // the histogram before
  XorState total_, zero_, sum_;
  std::vector<XorState> positive_, negative_;
};

}  // namespace obelisk
