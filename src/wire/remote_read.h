#pragma once
// Prometheus remote read: a ReadRequest (protobuf, already decompressed) and both forms of its answer:
// sampled (one ReadResponse message) and streamed chunks (frames of a varint length, the CRC-32C of the
// message, and a ChunkedReadResponse). Histograms are sent as integers where all their counts are whole, in
// chunks always as floats. Pure functions and plain writers; not thread safe.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"
#include "model/labels.h"

namespace obelisk {

enum class RemoteReadMatch : uint8_t { equal = 0, not_equal = 1, matches = 2, not_matches = 3 };

struct RemoteReadMatcher {
  RemoteReadMatch type = RemoteReadMatch::equal;
  std::string name;
  std::string value;
};

struct RemoteReadQuery {
  int64_t start_ms = 0;  // both inside
  int64_t end_ms = 0;
  std::vector<RemoteReadMatcher> matchers;
};

enum class RemoteReadForm : uint8_t { sampled, streamed_chunks };

struct RemoteReadRequest {
  std::vector<RemoteReadQuery> queries;
  RemoteReadForm form = RemoteReadForm::sampled;  // the first of the accepted forms that there is
};

// At most kRemoteReadQueriesMax queries.
inline constexpr size_t kRemoteReadQueriesMax = 1000;
Result<RemoteReadRequest> decode_remote_read(std::string_view body);

// One row of a series: a histogram when it is not null.
struct RemoteReadPoint {
  int64_t time_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;
};

// A TimeSeries message.
std::string remote_read_series(LabelsView labels, const std::vector<RemoteReadPoint>& points);
// A QueryResult of such series, and a ReadResponse of such results, each appended to what is there.
void append_remote_read_series(std::string& query_result, const std::string& series);
void append_remote_read_result(std::string& response, const std::string& query_result);

// The frames of one series: chunks of at most kChunkSamplesMax samples, frames of about
// kRemoteReadFrameBytes.
inline constexpr size_t kRemoteReadFrameBytes = 1 << 20;  // Prometheus' remote.read-max-bytes-in-frame
std::vector<std::string> remote_read_frames(int64_t query_index, LabelsView labels,
                                            const std::vector<RemoteReadPoint>& points);

// prometheus.Histogram of remote write and read, as a message.
std::string histogram_message(const Histogram& histogram, int64_t time_ms);
// Whether all counts are whole numbers that an integer histogram holds.
bool has_integer_counts(const Histogram& histogram);

}  // namespace obelisk
