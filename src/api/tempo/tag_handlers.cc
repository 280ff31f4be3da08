// Names and values of tags over HTTP. maxStaleValues is not looked at: it lets Tempo stop early, and answers
// here are complete.
#include "api/tempo/llm_json.h"
#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"

namespace obelisk::tempo {
namespace {

struct FoundNames {
  std::vector<traceql::TagScope> scopes;
  traceql::ScanStatistics statistics;
};

// `limit` holds for each scope.
Result<FoundNames> find_names(TempoCall& call) {
  FoundNames found;
  OBELISK_TRY(TimeRange range, seconds_range_of(call.parameters));
  OBELISK_TRY(int64_t limit, integer_of(call.parameters, "limit", 0, 0));
  OBELISK_TRY(found.scopes, traceql::tag_names(call.query_context(), call.parameters.get_or("scope", ""),
                                               call.parameters.get_or("q", ""), range, found.statistics));
  for (traceql::TagScope& scope : found.scopes) {
    if (limit != 0 && scope.tags.size() > static_cast<size_t>(limit))
      scope.tags.resize(static_cast<size_t>(limit));
  }
  return found;
}

Result<HttpResponse> tag_names(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(FoundNames found, find_names(call));
  // Without a scope the first version of this call lists attributes only.
  if (call.parameters.get_or("scope", "").empty()) {
    std::erase_if(found.scopes, [](const traceql::TagScope& scope) { return scope.name == "intrinsic"; });
  }
  if (wants_protobuf(call))
    return protobuf_response(encode_tags_response(all_tag_names(found.scopes), found.statistics));
  return json_response(tag_names_json(found.scopes, found.statistics));
}

struct FoundValues {
  std::vector<traceql::TagValue> values;
  traceql::ScanStatistics statistics;
};

Result<FoundValues> find_values(TempoCall& call, const std::string& tag, std::string_view filter) {
  FoundValues found;
  OBELISK_TRY(TimeRange range, seconds_range_of(call.parameters));
  OBELISK_TRY(int64_t limit, integer_of(call.parameters, "limit", 0, 0));
  OBELISK_TRY(found.values, traceql::tag_values(call.query_context(), tag, filter, range,
                                                static_cast<uint64_t>(limit), found.statistics));
  return found;
}

Result<HttpResponse> tag_values(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(FoundValues found, find_values(call, path.get("tag"), ""));
  if (wants_protobuf(call))
    return protobuf_response(encode_tag_values_responses(found.values, found.statistics, SIZE_MAX)[0]);
  return json_response(tag_values_json(found.values, found.statistics));
}

}  // namespace

Result<HttpResponse> tag_scopes(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(FoundNames found, find_names(call));
  if (wants_protobuf(call))
    return protobuf_response(encode_tag_scopes_response(found.scopes, found.statistics));
  return json_response(tag_scopes_json(found.scopes, found.statistics));
}

Result<HttpResponse> typed_tag_values(TempoCall& call, const PathParameters& path) {
  std::string_view counts = call.parameters.get_or("counts", "false");
  if (counts != "true" && counts != "false")
    return make_error(ErrorCode::invalid_argument, "invalid counts: true or false");
  OBELISK_TRY(FoundValues found, find_values(call, path.get("tag"), call.parameters.get_or("q", "")));
  if (accepts(call.exchange->request(), kLlmMediaType))
    return llm_response(llm_tag_values_json(found.values));
  if (wants_protobuf(call))
    return protobuf_response(encode_typed_tag_values_responses(found.values, found.statistics, SIZE_MAX)[0]);
  return json_response(typed_tag_values_json(found.values, counts == "true", found.statistics));
}

void register_tag_routes(Router& router, ApiContext& context) {
  router.add("GET", "/api/search/tags", handler_of(context, tag_names));
  router.add("GET", "/api/v2/search/tags", handler_of(context, tag_scopes));
  router.add("GET", "/api/search/tag/{tag}/values", handler_of(context, tag_values));
  router.add("GET", "/api/v2/search/tag/{tag}/values", handler_of(context, typed_tag_values));
}

}  // namespace obelisk::tempo
