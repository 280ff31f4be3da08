#include "wire/remote_read.h"

#include <fmt/format.h>

#include <cmath>
#include <protozero/pbf_writer.hpp>

#include "base/text.h"
#include "codec/crc32c.h"
#include "wire/prometheus_chunk.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Reader;
using MessageWriter = protozero::pbf_writer;

constexpr int kXorEncoding = 1;
constexpr int kFloatHistogramEncoding = 3;

RemoteReadMatcher read_matcher(std::string_view message) {
  RemoteReadMatcher matcher;
  int32_t type = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        type = reader.get_enum();
        break;
      case protobuf::length_field(2):
        matcher.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(3):
        matcher.value = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  if (type < 0 || type > 3) throw protobuf::Malformed{fmt::format("unknown matcher type {}", type)};
  if (matcher.name.empty()) throw protobuf::Malformed{"a matcher has no label name"};
  if (!is_valid_utf8(matcher.name) || !is_valid_utf8(matcher.value))
    throw protobuf::Malformed{"a matcher is not valid UTF-8"};
  matcher.type = static_cast<RemoteReadMatch>(type);
  return matcher;
}

RemoteReadQuery read_query(std::string_view message) {
  RemoteReadQuery query;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        query.start_ms = reader.get_int64();
        break;
      case protobuf::varint_field(2):
        query.end_ms = reader.get_int64();
        break;
      case protobuf::length_field(3):
        query.matchers.push_back(read_matcher(protobuf::string_of(reader)));
        break;
      default:  // hints say how the rows will be used; every row is sent
        reader.skip();
    }
  }
  return query;
}

void read_request(std::string_view body, RemoteReadRequest& request) {
  std::vector<int32_t> accepted;
  Reader reader = protobuf::reader_of(body);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        if (request.queries.size() >= kRemoteReadQueriesMax)
          throw protobuf::Malformed{fmt::format("more than {} queries", kRemoteReadQueriesMax)};
        request.queries.push_back(read_query(protobuf::string_of(reader)));
        break;
      case protobuf::varint_field(2):
        accepted.push_back(reader.get_enum());
        break;
      case protobuf::length_field(2): {
        auto packed = reader.get_packed_enum();
        for (auto it = packed.begin(); it != packed.end(); ++it) accepted.push_back(*it);
        break;
      }
      default:
        reader.skip();
    }
  }
  for (int32_t form : accepted) {
    if (form != 0 && form != 1) continue;
    request.form = form == 1 ? RemoteReadForm::streamed_chunks : RemoteReadForm::sampled;
    return;
  }
  if (!accepted.empty())
    throw protobuf::Malformed{"none of the accepted response types is known (SAMPLES, STREAMED_XOR_CHUNKS)"};
}

void add_labels(std::string& message, LabelsView labels) {
  MessageWriter writer(message);
  for (const LabelRef& label : labels) {
    MessageWriter inner(writer, 1);
    inner.add_string(1, label.name.data(), label.name.size());
    inner.add_string(2, label.value.data(), label.value.size());
  }
}

bool is_whole(double value) {
  return value >= 0 && value <= 9007199254740992.0 && std::floor(value) == value;
}

void add_spans(MessageWriter& writer, uint32_t field, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    MessageWriter inner(writer, field);
    inner.add_sint32(1, span.offset);
    inner.add_uint32(2, span.length);
  }
}

void add_counts(MessageWriter& writer, uint32_t delta_field, uint32_t count_field, bool integers,
                const std::vector<double>& counts) {
  if (counts.empty()) return;
  if (!integers) return writer.add_packed_double(count_field, counts.begin(), counts.end());
  std::vector<int64_t> deltas;
  int64_t before = 0;
  for (double count : counts) {
    deltas.push_back(static_cast<int64_t>(count) - before);
    before = static_cast<int64_t>(count);
  }
  writer.add_packed_sint64(delta_field, deltas.begin(), deltas.end());
}

struct EncodedChunk {
  int64_t min_time = 0;
  int64_t max_time = 0;
  int encoding = 0;
  std::string bytes;
};

template <typename ChunkWriter>
void take_chunk(ChunkWriter& writer, int encoding, std::vector<EncodedChunk>& chunks) {
  if (writer.sample_count() == 0) return;
  EncodedChunk chunk{writer.min_time(), writer.max_time(), encoding, {}};
  chunk.bytes = writer.take();
  chunks.push_back(std::move(chunk));
}

std::vector<EncodedChunk> chunks_of(const std::vector<RemoteReadPoint>& points) {
  std::vector<EncodedChunk> chunks;
  XorChunkWriter floats;
  FloatHistogramChunkWriter histograms;
  for (const RemoteReadPoint& point : points) {
    if (point.histogram == nullptr) {
      take_chunk(histograms, kFloatHistogramEncoding, chunks);
      if (floats.sample_count() == kChunkSamplesMax) take_chunk(floats, kXorEncoding, chunks);
      floats.add(point.time_ms, point.value);
      continue;
    }
    take_chunk(floats, kXorEncoding, chunks);
    if (histograms.add(point.time_ms, *point.histogram)) continue;
    take_chunk(histograms, kFloatHistogramEncoding, chunks);
    histograms.add(point.time_ms, *point.histogram);
  }
  take_chunk(floats, kXorEncoding, chunks);
  take_chunk(histograms, kFloatHistogramEncoding, chunks);
  return chunks;
}

std::string frame_of(int64_t query_index, const std::string& series) {
  std::string message;
  MessageWriter(message).add_message(1, series);
  if (query_index != 0) MessageWriter(message).add_int64(2, query_index);
  std::string frame;
  protozero::write_varint(std::back_inserter(frame), message.size());
  uint32_t checksum = crc32c(message);
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(checksum >> shift));
  return frame + message;
}

}  // namespace

Result<RemoteReadRequest> decode_remote_read(std::string_view body) {
  protobuf::Place place;
  RemoteReadRequest request;
  OBELISK_CHECK_OK(
      protobuf::decode_guarded("remote read", body, place, [&] { read_request(body, request); }));
  return request;
}

bool has_integer_counts(const Histogram& histogram) {
  auto all_whole = [](const std::vector<double>& counts) {
    for (double count : counts) {
      if (!is_whole(count)) return false;
    }
    return true;
  };
  return is_whole(histogram.count) && is_whole(histogram.zero_count) &&
         all_whole(histogram.positive_counts) && all_whole(histogram.negative_counts);
}

std::string histogram_message(const Histogram& histogram, int64_t time_ms) {
  std::string out;
  MessageWriter writer(out);
  bool integers = has_integer_counts(histogram);
  if (integers) {
    writer.add_uint64(1, static_cast<uint64_t>(histogram.count));
  } else {
    writer.add_double(2, histogram.count);
  }
  writer.add_double(3, histogram.sum);
  writer.add_sint32(4, histogram.schema);
  writer.add_double(5, histogram.zero_threshold);
  if (integers) {
    writer.add_uint64(6, static_cast<uint64_t>(histogram.zero_count));
  } else {
    writer.add_double(7, histogram.zero_count);
  }
  add_spans(writer, 8, histogram.negative_spans);
  add_counts(writer, 9, 10, integers, histogram.negative_counts);
  add_spans(writer, 11, histogram.positive_spans);
  add_counts(writer, 12, 13, integers, histogram.positive_counts);
  writer.add_enum(14, static_cast<int32_t>(histogram.reset_hint));
  writer.add_int64(15, time_ms);
  if (!histogram.custom_bounds.empty())
    writer.add_packed_double(16, histogram.custom_bounds.begin(), histogram.custom_bounds.end());
  return out;
}

std::string remote_read_series(LabelsView labels, const std::vector<RemoteReadPoint>& points) {
  std::string out;
  add_labels(out, labels);
  MessageWriter writer(out);
  for (const RemoteReadPoint& point : points) {
    if (point.histogram != nullptr) continue;
    MessageWriter sample(writer, 2);
    sample.add_double(1, point.value);
    sample.add_int64(2, point.time_ms);
  }
  for (const RemoteReadPoint& point : points) {
    if (point.histogram != nullptr) writer.add_message(4, histogram_message(*point.histogram, point.time_ms));
  }
  return out;
}

void append_remote_read_series(std::string& query_result, const std::string& series) {
  MessageWriter(query_result).add_message(1, series);
}

void append_remote_read_result(std::string& response, const std::string& query_result) {
  MessageWriter(response).add_message(1, query_result);
}

std::vector<std::string> remote_read_frames(int64_t query_index, LabelsView labels,
                                            const std::vector<RemoteReadPoint>& points) {
  std::vector<std::string> frames;
  std::string empty_series;
  add_labels(empty_series, labels);
  std::string series = empty_series;
  bool has_chunks = false;
  for (const EncodedChunk& chunk : chunks_of(points)) {
    if (has_chunks && series.size() + chunk.bytes.size() > kRemoteReadFrameBytes) {
      frames.push_back(frame_of(query_index, series));
      series = empty_series;
    }
    MessageWriter writer(series);
    MessageWriter inner(writer, 2);
    inner.add_int64(1, chunk.min_time);
    inner.add_int64(2, chunk.max_time);
    inner.add_enum(3, chunk.encoding);
    inner.add_bytes(4, chunk.bytes);
    inner.commit();
    has_chunks = true;
  }
  if (has_chunks) frames.push_back(frame_of(query_index, series));
  return frames;
}

}  // namespace obelisk
