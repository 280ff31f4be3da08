#pragma once
// The messages of Tempo's protobuf API (package tempopb) that this server reads and writes. Field numbers are
// Tempo's; they are listed at each function in tempo_protobuf.cc. Decoders refuse malformed bytes
// (invalid_argument) and skip unknown fields. Pure functions.
#include <string>
#include <string_view>
#include <vector>

#include "api/tempo/search_request.h"
#include "plan/batch.h"
#include "query/traceql/engine.h"

namespace obelisk::tempo {

struct SearchRequestMessage {
  TagSearch tags;
  std::string query;
  int64_t limit = 0;
  int64_t spans_per_spanset = 0;
  int64_t start = 0;  // seconds
  int64_t end = 0;
};
Result<SearchRequestMessage> decode_search_request(std::string_view message);

// SearchTagsRequest and SearchTagValuesRequest.
struct TagRequestMessage {
  std::string name;  // scope or tag
  std::string query;
  int64_t start = 0;  // seconds
  int64_t end = 0;
  int64_t limit = 0;
};
Result<TagRequestMessage> decode_tags_request(std::string_view message);
Result<TagRequestMessage> decode_tag_values_request(std::string_view message);

// QueryRangeRequest, and QueryInstantRequest, which is its first three fields.
struct MetricsRequestMessage {
  std::string query;
  int64_t start = 0;  // ns
  int64_t end = 0;
  int64_t step = 0;
  int64_t exemplars = 0;
  int64_t series_max = 0;
};
Result<MetricsRequestMessage> decode_metrics_request(std::string_view message);

std::string encode_trace_by_id_response(const std::vector<BatchPtr>& spans, uint64_t inspected_bytes);
// One SearchResponse or several, each below about bytes_max, the last with the metrics.
std::vector<std::string> encode_search_responses(const traceql::SearchResult& result, size_t bytes_max);
std::string encode_tags_response(const std::vector<std::string>& names,
                                 const traceql::ScanStatistics& statistics);
std::string encode_tag_scopes_response(const std::vector<traceql::TagScope>& scopes,
                                       const traceql::ScanStatistics& statistics);
// Likewise in messages of about bytes_max, at least one.
std::vector<std::string> encode_tag_values_responses(const std::vector<traceql::TagValue>& values,
                                                     const traceql::ScanStatistics& statistics,
                                                     size_t bytes_max);
std::vector<std::string> encode_typed_tag_values_responses(const std::vector<traceql::TagValue>& values,
                                                           const traceql::ScanStatistics& statistics,
                                                           size_t bytes_max);
std::vector<std::string> encode_metrics_range_responses(const traceql::MetricsResult& result,
                                                        size_t bytes_max);
std::string encode_metrics_instant_response(const traceql::MetricsResult& result);

}  // namespace obelisk::tempo
