#include "model/histogram.h"

#include <bit>
#include <cstring>

namespace obelisk {
namespace {

template <typename T>
void put(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

// Reads fixed-size values and remembers whether it ran out of bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T get() {
    T value{};
    if (rest_.size() < sizeof(T)) {
      failed_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::vector<double> doubles() {
    uint32_t count = get<uint32_t>();
    if (failed_ || count > Histogram::kBucketsMax || rest_.size() < count * sizeof(double)) {
      failed_ = true;
      return {};
    }
    std::vector<double> values(count);
    for (double& value : values) value = get<double>();
    return values;
  }

  std::vector<BucketSpan> spans() {
    uint32_t count = get<uint32_t>();
    if (failed_ || count > Histogram::kBucketsMax || rest_.size() < count * 8u) {
      failed_ = true;
      return {};
    }
    std::vector<BucketSpan> values(count);
    for (BucketSpan& span : values) {
      span.offset = get<int32_t>();
      span.length = get<uint32_t>();
    }
    return values;
  }

  bool finished_well() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

void put_doubles(std::string& out, const std::vector<double>& values) {
  put(out, static_cast<uint32_t>(values.size()));
  for (double value : values) put(out, value);
}

void put_spans(std::string& out, const std::vector<BucketSpan>& spans) {
  put(out, static_cast<uint32_t>(spans.size()));
  for (const BucketSpan& span : spans) {
    put(out, span.offset);
    put(out, span.length);
  }
}

uint64_t buckets_in(const std::vector<BucketSpan>& spans) {
  uint64_t total = 0;
  for (const BucketSpan& span : spans) total += span.length;
  return total;
}

}  // namespace

std::string encode_histogram(const Histogram& histogram) {
  std::string out;
  put(out, histogram.schema);
  put(out, static_cast<uint8_t>(histogram.reset_hint));
  put(out, histogram.zero_threshold);
  put(out, histogram.zero_count);
  put(out, histogram.count);
  put(out, histogram.sum);
  put_spans(out, histogram.positive_spans);
  put_spans(out, histogram.negative_spans);
  put_doubles(out, histogram.positive_counts);
  put_doubles(out, histogram.negative_counts);
  put_doubles(out, histogram.custom_bounds);
  return out;
}

Result<Histogram> decode_histogram(std::string_view bytes) {
  Reader reader(bytes);
  Histogram histogram;
  histogram.schema = reader.get<int32_t>();
  uint8_t hint = reader.get<uint8_t>();
  histogram.zero_threshold = reader.get<double>();
  histogram.zero_count = reader.get<double>();
  histogram.count = reader.get<double>();
  histogram.sum = reader.get<double>();
  histogram.positive_spans = reader.spans();
  histogram.negative_spans = reader.spans();
  histogram.positive_counts = reader.doubles();
  histogram.negative_counts = reader.doubles();
  histogram.custom_bounds = reader.doubles();
  if (!reader.finished_well() || hint > 3)
    return make_error(ErrorCode::corrupt, "histogram: bytes cut or trailing");
  if (buckets_in(histogram.positive_spans) != histogram.positive_counts.size() ||
      buckets_in(histogram.negative_spans) != histogram.negative_counts.size()) {
    return make_error(ErrorCode::corrupt, "histogram: bucket counts do not match the spans");
  }
  histogram.reset_hint = static_cast<CounterResetHint>(hint);
  return histogram;
}

double stale_marker() {
  return std::bit_cast<double>(kStaleMarkerBits);
}
bool is_stale_marker(double value) {
  return std::bit_cast<uint64_t>(value) == kStaleMarkerBits;
}

}  // namespace obelisk
