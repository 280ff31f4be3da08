#include "wire/prometheus_chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/assert.h"

namespace obelisk {
namespace {

constexpr uint8_t kCounterReset = 0x80;
constexpr uint8_t kGauge = 0xc0;

uint64_t bits_of(double value) {
  return std::bit_cast<uint64_t>(value);
}

// Whether a signed number fits `bits` bits as Prometheus cuts them: -(2^(bits-1) - 1) to 2^(bits-1).
bool fits_signed(int64_t value, unsigned bits) {
  int64_t half = int64_t{1} << (bits - 1);
  return -(half - 1) <= value && value <= half;
}

bool fits_unsigned(uint64_t value, unsigned bits) {
  return value >> bits == 0;
}

// Widths of the variable-bit numbers; width i is announced by i + 1 ones and, but for the last, a zero.
constexpr unsigned kWidths[] = {3, 6, 9, 12, 18, 25, 56};

template <typename Fits>
void put_varbit(BitWriter& out, uint64_t bits, Fits&& fits) {
  if (bits == 0) return out.put(0, 1);
  unsigned ones = 1;
  for (unsigned width : kWidths) {
    if (fits(width)) {
      out.put(((uint64_t{1} << ones) - 1) << 1, ones + 1);
      return out.put(bits, width);
    }
    ++ones;
  }
  out.put(0xff, 8);
  out.put(bits, 64);
}

void put_varbit_signed(BitWriter& out, int64_t value) {
  put_varbit(out, static_cast<uint64_t>(value), [&](unsigned width) { return fits_signed(value, width); });
}

void put_varbit_unsigned(BitWriter& out, uint64_t value) {
  put_varbit(out, value, [&](unsigned width) { return fits_unsigned(value, width); });
}

void put_varint(BitWriter& out, uint64_t value) {
  while (value >= 0x80) {
    out.put_byte(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.put_byte(static_cast<uint8_t>(value));
}

uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

// One byte for 0 and for powers of two from 2^-243 to 2^10, which is what clients use; else nine.
void put_zero_threshold(BitWriter& out, double threshold) {
  int exponent = 0;
  double fraction = std::frexp(threshold, &exponent);
  if (threshold == 0) return out.put_byte(0);
  if (fraction == 0.5 && exponent >= -242 && exponent <= 11)
    return out.put_byte(static_cast<uint8_t>(exponent + 243));
  out.put_byte(255);
  out.put(bits_of(threshold), 64);
}

void put_spans(BitWriter& out, const std::vector<BucketSpan>& spans) {
  put_varbit_unsigned(out, spans.size());
  for (const BucketSpan& span : spans) {
    put_varbit_unsigned(out, span.length);
    put_varbit_signed(out, span.offset);
  }
}

// Thousandths as an integer where the bound is one of up to 25 bits, else the float after a zero bit.
void put_custom_bound(BitWriter& out, double bound) {
  double thousandths = bound * 1000;
  bool in_range = thousandths >= 0 && thousandths <= 33554430;
  if (in_range && std::round(thousandths) / 1000 == bound)
    return put_varbit_unsigned(out, static_cast<uint64_t>(std::round(thousandths)) + 1);
  out.put(0, 1);
  out.put(bits_of(bound), 64);
}

std::string with_header(uint16_t count, std::string payload) {
  std::string out;
  out.push_back(static_cast<char>(count >> 8));
  out.push_back(static_cast<char>(count & 0xff));
  return out + payload;
}

}  // namespace

void BitWriter::put(uint64_t bits, unsigned count) {
  OBELISK_ASSERT(count <= 64);
  while (count > 0) {
    if (free_ == 0) {
      bytes_.push_back(0);
      free_ = 8;
    }
    unsigned now = std::min(count, free_);
    uint64_t part = (bits >> (count - now)) & ((uint64_t{1} << now) - 1);
    bytes_.back() = static_cast<char>(static_cast<uint8_t>(bytes_.back()) | (part << (free_ - now)));
    free_ -= now;
    count -= now;
  }
}

std::string BitWriter::take() {
  free_ = 0;
  return std::move(bytes_);
}

void put_xor(BitWriter& out, double value, XorState& state) {
  uint64_t difference = bits_of(value) ^ bits_of(state.value);
  state.value = value;
  if (difference == 0) return out.put(0, 1);
  out.put(1, 1);
  auto leading = static_cast<uint8_t>(std::min(std::countl_zero(difference), 31));  // five bits hold it
  auto trailing = static_cast<uint8_t>(std::countr_zero(difference));
  if (state.leading != 0xff && leading >= state.leading && trailing >= state.trailing) {
    out.put(0, 1);
    return out.put(difference >> state.trailing, 64u - state.leading - state.trailing);
  }
  state.leading = leading;
  state.trailing = trailing;
  unsigned significant = 64u - leading - trailing;
  out.put(1, 1);
  out.put(leading, 5);
  out.put(significant, 6);  // 64 is written as 0
  out.put(difference >> trailing, significant);
}

void XorChunkWriter::add(int64_t millis, double value) {
  OBELISK_ASSERT(count_ < kChunkSamplesMax);
  auto delta = static_cast<int64_t>(static_cast<uint64_t>(millis) - static_cast<uint64_t>(time_));
  if (count_ == 0) {
    first_time_ = millis;
    put_varint(bits_, zigzag(millis));
    bits_.put(bits_of(value), 64);
    value_.value = value;
  } else if (count_ == 1) {
    put_varint(bits_, static_cast<uint64_t>(delta));
    put_xor(bits_, value, value_);
    delta_ = delta;
  } else {
    auto change = static_cast<int64_t>(static_cast<uint64_t>(delta) - static_cast<uint64_t>(delta_));
    if (change == 0) {
      bits_.put(0, 1);
    } else if (fits_signed(change, 14)) {
      bits_.put(0b10, 2);
      bits_.put(static_cast<uint64_t>(change), 14);
    } else if (fits_signed(change, 17)) {
      bits_.put(0b110, 3);
      bits_.put(static_cast<uint64_t>(change), 17);
    } else if (fits_signed(change, 20)) {
      bits_.put(0b1110, 4);
      bits_.put(static_cast<uint64_t>(change), 20);
    } else {
      bits_.put(0b1111, 4);
      bits_.put(static_cast<uint64_t>(change), 64);
    }
    put_xor(bits_, value, value_);
    delta_ = delta;
  }
  time_ = millis;
  ++count_;
}

std::string XorChunkWriter::take() {
  std::string out = with_header(count_, bits_.take());
  *this = XorChunkWriter();
  return out;
}

bool FloatHistogramChunkWriter::fits(const Histogram& histogram) const {
  if (count_ >= kChunkSamplesMax) return false;
  bool same_layout =
      histogram.schema == layout_.schema && histogram.zero_threshold == layout_.zero_threshold &&
      histogram.positive_spans == layout_.positive_spans &&
      histogram.negative_spans == layout_.negative_spans && histogram.custom_bounds == layout_.custom_bounds;
  if (!same_layout) return false;
  bool gauge = histogram.reset_hint == CounterResetHint::gauge;
  if (gauge != (reset_header_ == kGauge)) return false;
  if (gauge) return true;
  if (histogram.reset_hint == CounterResetHint::yes) return false;
  // Within a chunk a reader takes every histogram for "no reset".
  auto grew = [](const std::vector<double>& before, const std::vector<double>& after) {
    return std::equal(before.begin(), before.end(), after.begin(), after.end(), std::less_equal<>());
  };
  return histogram.count >= layout_.count && histogram.zero_count >= layout_.zero_count &&
         grew(layout_.positive_counts, histogram.positive_counts) &&
         grew(layout_.negative_counts, histogram.negative_counts);
}

void FloatHistogramChunkWriter::put_first(const Histogram& histogram) {
  put_zero_threshold(bits_, histogram.zero_threshold);
  put_varbit_signed(bits_, histogram.schema);
  put_spans(bits_, histogram.positive_spans);
  put_spans(bits_, histogram.negative_spans);
  if (histogram.schema == Histogram::kCustomBoundsSchema) {
    put_varbit_unsigned(bits_, histogram.custom_bounds.size());
    for (double bound : histogram.custom_bounds) put_custom_bound(bits_, bound);
  }
  put_varbit_signed(bits_, time_);
  auto begin = [&](XorState& state, double value) { state = XorState{value, 0xff, 0}; };
  begin(total_, histogram.count);
  begin(zero_, histogram.zero_count);
  begin(sum_, histogram.sum);
  for (double value : {histogram.count, histogram.zero_count, histogram.sum}) bits_.put(bits_of(value), 64);
  positive_.assign(histogram.positive_counts.size(), {});
  negative_.assign(histogram.negative_counts.size(), {});
  for (size_t i = 0; i < positive_.size(); ++i) {
    begin(positive_[i], histogram.positive_counts[i]);
    bits_.put(bits_of(histogram.positive_counts[i]), 64);
  }
  for (size_t i = 0; i < negative_.size(); ++i) {
    begin(negative_[i], histogram.negative_counts[i]);
    bits_.put(bits_of(histogram.negative_counts[i]), 64);
  }
}

void FloatHistogramChunkWriter::put_next(const Histogram& histogram) {
  put_xor(bits_, histogram.count, total_);
  put_xor(bits_, histogram.zero_count, zero_);
  put_xor(bits_, histogram.sum, sum_);
  for (size_t i = 0; i < positive_.size(); ++i) put_xor(bits_, histogram.positive_counts[i], positive_[i]);
  for (size_t i = 0; i < negative_.size(); ++i) put_xor(bits_, histogram.negative_counts[i], negative_[i]);
}

bool FloatHistogramChunkWriter::add(int64_t millis, const Histogram& histogram) {
  if (count_ == 0) {
    first_time_ = time_ = millis;
    delta_ = 0;
    if (histogram.reset_hint == CounterResetHint::gauge) reset_header_ = kGauge;
    if (histogram.reset_hint == CounterResetHint::yes) reset_header_ = kCounterReset;
    put_first(histogram);
  } else {
    if (!fits(histogram)) return false;
    int64_t delta = millis - time_;
    put_varbit_signed(bits_, delta - delta_);
    put_next(histogram);
    delta_ = delta;
    time_ = millis;
  }
  layout_ = histogram;
  ++count_;
  return true;
}

std::string FloatHistogramChunkWriter::take() {
  std::string payload(1, static_cast<char>(reset_header_));
  std::string out = with_header(count_, payload + bits_.take());
  *this = FloatHistogramChunkWriter();
  return out;
}

}  // namespace obelisk
