// gRPC service tempopb.StreamingQuerier. Every method streams its answer: here as one message, or as several
// when it is large, so that a client with a small message limit can read it.
#include "api/tempo/grpc_query.h"
#include "api/tempo/search_request.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"

namespace obelisk::tempo {
namespace {

using Messages = std::vector<std::string>;
using Method = std::function<Result<Messages>(const QueryContext&, std::string_view request)>;

Result<Messages> search(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(SearchRequestMessage request, decode_search_request(message));
  OBELISK_TRY(std::string query, search_query_of(request.query, request.tags));
  int64_t spans = request.spans_per_spanset == 0 ? kSpansPerSpansetDefault : request.spans_per_spanset;
  OBELISK_TRY(TimeRange range, checked_seconds_range(request.start, request.end));
  OBELISK_TRY(traceql::SearchOptions options, search_options_of(request.limit, spans, range));
  OBELISK_TRY(traceql::SearchResult result, traceql::search(context, query, options));
  return encode_search_responses(result, kGrpcMessageBytes);
}

Result<std::vector<traceql::TagScope>> find_scopes(const QueryContext& context,
                                                   const TagRequestMessage& request,
                                                   traceql::ScanStatistics& statistics) {
  OBELISK_TRY(TimeRange range, checked_seconds_range(request.start, request.end));
  OBELISK_TRY(std::vector<traceql::TagScope> scopes,
              traceql::tag_names(context, request.name, request.query, range, statistics));
  for (traceql::TagScope& scope : scopes) {
    if (request.limit != 0 && scope.tags.size() > static_cast<size_t>(request.limit))
      scope.tags.resize(static_cast<size_t>(request.limit));
  }
  return scopes;
}

Result<Messages> search_tags(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(TagRequestMessage request, decode_tags_request(message));
  traceql::ScanStatistics statistics;
  OBELISK_TRY(std::vector<traceql::TagScope> scopes, find_scopes(context, request, statistics));
  if (request.name.empty())
    std::erase_if(scopes, [](const traceql::TagScope& scope) { return scope.name == "intrinsic"; });
  return Messages{encode_tags_response(all_tag_names(scopes), statistics)};
}

Result<Messages> search_tags_v2(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(TagRequestMessage request, decode_tags_request(message));
  traceql::ScanStatistics statistics;
  OBELISK_TRY(std::vector<traceql::TagScope> scopes, find_scopes(context, request, statistics));
  return Messages{encode_tag_scopes_response(scopes, statistics)};
}

Result<std::vector<traceql::TagValue>> find_values(const QueryContext& context,
                                                   const TagRequestMessage& request,
                                                   traceql::ScanStatistics& statistics) {
  OBELISK_TRY(TimeRange range, checked_seconds_range(request.start, request.end));
  return traceql::tag_values(context, request.name, request.query, range,
                             static_cast<uint64_t>(request.limit), statistics);
}

Result<Messages> search_tag_values(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(TagRequestMessage request, decode_tag_values_request(message));
  traceql::ScanStatistics statistics;
  OBELISK_TRY(std::vector<traceql::TagValue> values, find_values(context, request, statistics));
  return encode_tag_values_responses(values, statistics, kGrpcMessageBytes);
}

Result<Messages> search_tag_values_v2(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(TagRequestMessage request, decode_tag_values_request(message));
  traceql::ScanStatistics statistics;
  OBELISK_TRY(std::vector<traceql::TagValue> values, find_values(context, request, statistics));
  return encode_typed_tag_values_responses(values, statistics, kGrpcMessageBytes);
}

Result<traceql::MetricsResult> evaluate(const QueryContext& context, std::string_view message, bool instant) {
  OBELISK_TRY(MetricsRequestMessage request, decode_metrics_request(message));
  traceql::MetricsOptions options;
  options.range = {{request.start}, {request.end}};
  options.step = request.step;
  options.instant = instant;
  if (request.exemplars != 0)
    options.exemplars_max = static_cast<uint32_t>(std::min<int64_t>(request.exemplars, 100));
  if (request.series_max != 0) options.series_max = static_cast<uint32_t>(request.series_max);
  return traceql::evaluate_metrics(context, request.query, options);
}

Result<Messages> metrics_range(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(traceql::MetricsResult result, evaluate(context, message, false));
  return encode_metrics_range_responses(result, kGrpcMessageBytes);
}

Result<Messages> metrics_instant(const QueryContext& context, std::string_view message) {
  OBELISK_TRY(traceql::MetricsResult result, evaluate(context, message, true));
  return Messages{encode_metrics_instant_response(result)};
}

}  // namespace

void register_streaming_querier(GrpcRouter& router, ApiContext& context) {
  auto add = [&](std::string_view name, Method method) {
    router.add("/tempopb.StreamingQuerier/" + std::string(name),
               grpc_handler_of(context,
                               [method = std::move(method)](const TempoCall& call, std::string_view message) {
                                 return method(call.query_context(), message);
                               }));
  };
  add("Search", search);
  add("SearchTags", search_tags);
  add("SearchTagsV2", search_tags_v2);
  add("SearchTagValues", search_tag_values);
  add("SearchTagValuesV2", search_tag_values_v2);
  add("MetricsQueryRange", metrics_range);
  add("MetricsQueryInstant", metrics_instant);
}

}  // namespace obelisk::tempo
