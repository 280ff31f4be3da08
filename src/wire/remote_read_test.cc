#include "wire/remote_read.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <random>

#include "base/test_seed.h"
#include "codec/crc32c.h"
#include "wire/prometheus_chunk.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;
using Reader = protozero::pbf_reader;

// A reader of chunks written from the description of the format, to check the writer with.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}
  uint64_t get(unsigned count) {
    uint64_t out = 0;
    for (unsigned i = 0; i < count; ++i, ++at_) {
      EXPECT_LT(at_ / 8, bytes_.size());
      if (at_ / 8 >= bytes_.size()) return 0;
      out = out << 1 | ((static_cast<unsigned char>(bytes_[at_ / 8]) >> (7 - at_ % 8)) & 1);
    }
    return out;
  }
  double real() { return std::bit_cast<double>(get(64)); }
  uint64_t varint() {
    uint64_t out = 0;
    for (unsigned shift = 0;; shift += 7) {
      uint64_t byte = get(8);
      out |= (byte & 0x7f) << shift;
      if (byte < 0x80) return out;
    }
  }
  int64_t signed_varint() {
    uint64_t value = varint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  unsigned ones(unsigned most) {
    unsigned count = 0;
    while (count < most && get(1) == 1) ++count;
    return count;
  }
  int64_t signed_bits(unsigned width) {
    uint64_t bits = get(width);
    return bits > (uint64_t{1} << (width - 1)) ? static_cast<int64_t>(bits) - (int64_t{1} << width)
                                               : static_cast<int64_t>(bits);
  }
  static constexpr unsigned kWidths[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};
  int64_t varbit() {
    unsigned width = kWidths[ones(8)];
    if (width == 0) return 0;
    return width == 64 ? static_cast<int64_t>(get(64)) : signed_bits(width);
  }
  uint64_t unsigned_varbit() {
    unsigned width = kWidths[ones(8)];
    return width == 0 ? 0 : get(width);
  }
  void xor_value(XorState& state) {
    if (get(1) == 0) return;
    if (get(1) == 1) {
      state.leading = static_cast<uint8_t>(get(5));
      auto significant = static_cast<unsigned>(get(6));
      if (significant == 0) significant = 64;
      state.trailing = static_cast<uint8_t>(64 - state.leading - significant);
    }
    uint64_t bits = get(64u - state.leading - state.trailing) << state.trailing;
    state.value = std::bit_cast<double>(std::bit_cast<uint64_t>(state.value) ^ bits);
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

size_t count_of(std::string_view chunk) {
  return static_cast<size_t>(static_cast<unsigned char>(chunk[0])) << 8 |
         static_cast<unsigned char>(chunk[1]);
}

using Points = std::vector<std::pair<int64_t, uint64_t>>;  // the value's bits: NaN equals itself

Points read_xor(std::string_view chunk) {
  Points points;
  BitReader bits(chunk.substr(2));
  int64_t time = 0, delta = 0;
  XorState value;
  for (size_t i = 0; i < count_of(chunk); ++i) {
    if (i == 0) {
      time = bits.signed_varint();
      value.value = bits.real();
    } else {
      if (i == 1) {
        delta = static_cast<int64_t>(bits.varint());
      } else {
        constexpr unsigned kTimeWidths[] = {0, 14, 17, 20, 64};
        unsigned width = kTimeWidths[bits.ones(4)];
        if (width == 64) {
          delta += static_cast<int64_t>(bits.get(64));
        } else if (width > 0) {
          delta += bits.signed_bits(width);
        }
      }
      time += delta;
      bits.xor_value(value);
    }
    points.emplace_back(time, std::bit_cast<uint64_t>(value.value));
  }
  return points;
}

std::vector<BucketSpan> read_spans(BitReader& bits) {
  std::vector<BucketSpan> spans(bits.unsigned_varbit());
  for (BucketSpan& span : spans) {
    span.length = static_cast<uint32_t>(bits.unsigned_varbit());
    span.offset = static_cast<int32_t>(bits.varbit());
  }
  return spans;
}

std::vector<std::pair<int64_t, Histogram>> read_histograms(std::string_view chunk) {
  std::vector<std::pair<int64_t, Histogram>> out;
  BitReader bits(chunk.substr(3));
  Histogram layout;
  uint64_t threshold = bits.get(8);
  layout.zero_threshold = threshold == 0     ? 0
                          : threshold == 255 ? bits.real()
                                             : std::ldexp(0.5, static_cast<int>(threshold) - 243);
  layout.schema = static_cast<int32_t>(bits.varbit());
  layout.positive_spans = read_spans(bits);
  layout.negative_spans = read_spans(bits);
  if (layout.schema == Histogram::kCustomBoundsSchema) {
    layout.custom_bounds.resize(bits.unsigned_varbit());
    for (double& bound : layout.custom_bounds) {
      uint64_t thousandths = bits.unsigned_varbit();
      bound = thousandths == 0 ? bits.real() : static_cast<double>(thousandths - 1) / 1000;
    }
  }
  size_t positive = 0, negative = 0;
  for (const BucketSpan& span : layout.positive_spans) positive += span.length;
  for (const BucketSpan& span : layout.negative_spans) negative += span.length;
  std::vector<XorState> states(3 + positive + negative);
  int64_t time = 0, delta = 0;
  for (size_t i = 0; i < count_of(chunk); ++i) {
    if (i == 0) {
      time = bits.varbit();
      for (XorState& state : states) state.value = bits.real();
    } else {
      delta += bits.varbit();
      time += delta;
      for (XorState& state : states) bits.xor_value(state);
    }
    Histogram histogram = layout;
    histogram.count = states[0].value;
    histogram.zero_count = states[1].value;
    histogram.sum = states[2].value;
    for (size_t j = 0; j < positive; ++j) histogram.positive_counts.push_back(states[3 + j].value);
    for (size_t j = 0; j < negative; ++j) histogram.negative_counts.push_back(states[3 + positive + j].value);
    out.emplace_back(time, std::move(histogram));
  }
  return out;
}

// Goal: chunks read back bit for bit. Method: times and values of very different strides, seeded.
TEST(PrometheusChunk, XorReadsBack) {
  auto seed = static_cast<uint32_t>(test_seed());
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    XorChunkWriter writer;
    Points expected;
    int64_t time = static_cast<int64_t>(random() % 4'000'000'000'000) - 1'000'000'000'000;
    double value = 0;
    size_t count = 1 + random() % kChunkSamplesMax;
    for (size_t i = 0; i < count; ++i) {
      time += 1 + static_cast<int64_t>(random() >> (40 + random() % 23));
      switch (random() % 5) {
        case 0:
          value += 1;
          break;
        case 1:
          value = std::bit_cast<double>(random());
          break;
        case 2:
          value = stale_marker();
          break;
        default:
          break;
      }
      writer.add(time, value);
      expected.emplace_back(time, std::bit_cast<uint64_t>(value));
    }
    EXPECT_EQ(writer.max_time(), time);
    ASSERT_EQ(read_xor(writer.take()), expected);
  }
}

// A known chunk: one sample at 0 with value 0 is its count, a zero varint and 64 zero bits.
TEST(PrometheusChunk, XorBytes) {
  XorChunkWriter writer;
  writer.add(0, 0);
  EXPECT_EQ(writer.take(), std::string("\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", 11));
  writer.add(1, 1);
  writer.add(2, 1);
  // 1 as zigzag 2; 1.0; delta 1; one zero bit.
  EXPECT_EQ(writer.take(), std::string("\x00\x02\x02\x3f\xf0\x00\x00\x00\x00\x00\x00\x01\x00", 13));
}

Histogram sample_histogram(double grow) {
  Histogram histogram;
  histogram.schema = 2;
  histogram.zero_threshold = std::ldexp(1, -128);
  histogram.zero_count = 1 + grow;
  histogram.positive_spans = {{-2, 2}, {3, 1}};
  histogram.positive_counts = {5 + grow, 6, 4};
  histogram.negative_spans = {{0, 1}};
  histogram.negative_counts = {2};
  histogram.count = 18 + 2 * grow;
  histogram.sum = 9.25 + grow;
  return histogram;
}

TEST(PrometheusChunk, HistogramsReadBack) {
  FloatHistogramChunkWriter writer;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer.add(1000 + i * i * 15'000, sample_histogram(i)));
  Histogram other = sample_histogram(9);
  other.positive_spans = {{-1, 3}};
  EXPECT_FALSE(writer.add(900'000, other)) << "another layout";
  EXPECT_FALSE(writer.add(900'000, sample_histogram(1))) << "a counter reset";
  Histogram reset = sample_histogram(9);
  reset.reset_hint = CounterResetHint::yes;
  EXPECT_FALSE(writer.add(900'000, reset));
  std::string chunk = writer.take();
  EXPECT_EQ(chunk[2], 0);
  auto read = read_histograms(chunk);
  ASSERT_EQ(read.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(read[static_cast<size_t>(i)].first, 1000 + i * i * 15'000);
    EXPECT_EQ(read[static_cast<size_t>(i)].second, sample_histogram(i));
  }
  Histogram custom;
  custom.schema = Histogram::kCustomBoundsSchema;
  custom.reset_hint = CounterResetHint::gauge;
  custom.custom_bounds = {-1, 0.005, 0.1, 1.0 / 3, 40'000};
  custom.positive_spans = {{1, 2}};
  custom.positive_counts = {1.5, 2};
  custom.count = 3.5;
  ASSERT_TRUE(writer.add(-5, custom));
  chunk = writer.take();
  EXPECT_EQ(static_cast<unsigned char>(chunk[2]), 0xc0);
  read = read_histograms(chunk);
  ASSERT_EQ(read.size(), 1u);
  read[0].second.reset_hint = CounterResetHint::gauge;
  EXPECT_EQ(read[0].second, custom);
}

std::string matcher(int type, const char* name, const char* value) {
  std::string out;
  Writer(out).add_enum(1, type);
  Writer(out).add_string(2, name);
  Writer(out).add_string(3, value);
  return out;
}

TEST(RemoteRead, Requests) {
  std::string query, body;
  Writer(query).add_int64(1, 1000);
  Writer(query).add_int64(2, 2000);
  Writer(query).add_message(3, matcher(0, "__name__", "up"));
  Writer(query).add_message(3, matcher(3, "job", "a|b"));
  Writer(body).add_message(1, query);
  Result<RemoteReadRequest> request = decode_remote_read(body);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->form, RemoteReadForm::sampled);
  ASSERT_EQ(request->queries.size(), 1u);
  EXPECT_EQ(request->queries[0].end_ms, 2000);
  ASSERT_EQ(request->queries[0].matchers.size(), 2u);
  EXPECT_EQ(request->queries[0].matchers[1].type, RemoteReadMatch::not_matches);
  int32_t streamed_first[] = {1, 0};
  std::string preferring = body;
  Writer(preferring).add_packed_enum(2, std::begin(streamed_first), std::end(streamed_first));
  EXPECT_EQ(decode_remote_read(preferring)->form, RemoteReadForm::streamed_chunks);
  std::string unknown = body;
  Writer(unknown).add_enum(2, 7);
  EXPECT_FALSE(decode_remote_read(unknown).ok());
  std::string wrong_type, wrong_body;
  Writer(wrong_type).add_message(3, matcher(4, "a", "b"));
  Writer(wrong_body).add_message(1, wrong_type);
  EXPECT_FALSE(decode_remote_read(wrong_body).ok());
  EXPECT_FALSE(decode_remote_read("\x0a\xff").ok());
}

// A long series with both kinds of samples: frames are checksummed, and their chunks hold all points in
// order.
TEST(RemoteRead, FramesHoldEveryPoint) {
  std::vector<LabelRef> labels = {{"__name__", "x"}, {"job", "a"}};
  std::vector<Histogram> histograms;
  for (int i = 0; i < 10; ++i) histograms.push_back(sample_histogram(i));
  std::vector<RemoteReadPoint> points;
  for (int i = 0; i < 300; ++i) points.push_back({i * 15'000, i * 0.5, nullptr});
  for (size_t i = 0; i < histograms.size(); ++i)
    points.push_back({static_cast<int64_t>(5'000'000 + i * 1000), 0, &histograms[i]});
  points.push_back({6'000'000, 7, nullptr});
  std::vector<std::string> frames = remote_read_frames(3, labels, points);
  ASSERT_EQ(frames.size(), 1u);
  const char* at = frames[0].data();
  const char* end = at + frames[0].size();
  uint64_t length = protozero::decode_varint(&at, end);
  ASSERT_EQ(static_cast<uint64_t>(end - at), length + 4);
  uint32_t checksum = 0;
  for (int i = 0; i < 4; ++i) checksum = checksum << 8 | static_cast<unsigned char>(*at++);
  EXPECT_EQ(checksum, crc32c({at, length}));
  Reader message(at, length);
  size_t floats = 0, read_histogram_count = 0, chunks = 0;
  int64_t last_time = -1;
  while (message.next()) {
    if (message.tag() == 2) {
      EXPECT_EQ(message.get_int64(), 3);
      continue;
    }
    Reader series = message.get_message();
    while (series.next()) {
      if (series.tag() != 2) {
        series.skip();
        continue;
      }
      ++chunks;
      Reader chunk = series.get_message();
      int32_t encoding = 0;
      std::string data;
      int64_t min_time = 0;
      while (chunk.next()) {
        if (chunk.tag() == 1)
          min_time = chunk.get_int64();
        else if (chunk.tag() == 3)
          encoding = chunk.get_enum();
        else if (chunk.tag() == 4)
          data = chunk.get_bytes();
        else
          chunk.skip();
      }
      EXPECT_GT(min_time, last_time);
      if (encoding == 1) {
        Points read = read_xor(data);
        floats += read.size();
        last_time = read.back().first;
      } else {
        auto read = read_histograms(data);
        read_histogram_count += read.size();
        last_time = read.back().first;
      }
    }
  }
  EXPECT_EQ(chunks, 5u);
  EXPECT_EQ(floats, 301u);
  EXPECT_EQ(read_histogram_count, 10u);
}

}  // namespace
}  // namespace obelisk
