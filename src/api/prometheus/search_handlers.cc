// /api/v1/search/*: names and values that match what was typed, best first or in order, as lines of JSON: a
// line a batch, and a last one with the status.
#include <algorithm>
#include <map>
#include <set>

#include "api/prometheus/family_metadata.h"
#include "api/prometheus/handlers.h"
#include "api/prometheus/name_search.h"
#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

struct SearchRequest {
  NameQuery query;
  bool by_score = false;
  bool descending = false;
  bool include_score = false;
  bool include_metadata = false;
  uint64_t limit = 100;
  uint64_t batch_size = 100;
};

Result<bool> flag_of(const Parameters& parameters, std::string_view name, bool fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  if (text == "true" || text == "1" || text == "t" || text == "T" || text == "TRUE") return true;
  if (text == "false" || text == "0" || text == "f" || text == "F" || text == "FALSE") return false;
  return invalid_parameter(name, "expected true or false");
}

Result<uint64_t> count_of(const Parameters& parameters, std::string_view name, uint64_t fallback) {
  if (parameters.get_or(name, "").empty()) return fallback;
  OBELISK_TRY(uint64_t count, limit_of(parameters, name));
  if (count == 0) return invalid_parameter(name, "must be at least 1");
  return count;
}

Result<SearchRequest> search_of(const Parameters& parameters) {
  SearchRequest request;
  for (std::string_view term : parameters.get_all("search[]")) request.query.terms.emplace_back(term);
  OBELISK_TRY(uint64_t threshold, limit_of(parameters, "fuzz_threshold"));
  if (threshold > 100) return invalid_parameter("fuzz_threshold", "must be between 0 and 100");
  request.query.threshold = static_cast<double>(threshold) / 100;
  std::string_view algorithm = parameters.get_or("fuzz_alg", "subsequence");
  if (algorithm != "subsequence" && algorithm != "jarowinkler")
    return invalid_parameter("fuzz_alg", "expected subsequence or jarowinkler");
  if (algorithm == "jarowinkler") request.query.algorithm = FuzzyAlgorithm::jaro_winkler;
  OBELISK_TRY(request.query.case_sensitive, flag_of(parameters, "case_sensitive", true));
  std::string_view sort_by = parameters.get_or("sort_by", "alpha");
  if (sort_by != "alpha" && sort_by != "score")
    return invalid_parameter("sort_by", "expected alpha or score");
  request.by_score = sort_by == "score";
  std::string_view direction = parameters.get_or("sort_dir", "");
  if (!direction.empty() && direction != "asc" && direction != "dsc")
    return invalid_parameter("sort_dir", "expected asc or dsc");
  if (!direction.empty() && request.by_score)
    return invalid_parameter("sort_dir", "only valid with sort_by=alpha");
  request.descending = direction == "dsc";
  OBELISK_TRY(request.include_score, flag_of(parameters, "include_score", false));
  OBELISK_TRY(request.include_metadata, flag_of(parameters, "include_metadata", false));
  OBELISK_TRY(request.limit, count_of(parameters, "limit", request.limit));
  OBELISK_TRY(request.batch_size, count_of(parameters, "batch_size", request.batch_size));
  return request;
}

struct Found {
  std::string text;
  double score = 0;
};

std::vector<Found> ranked(const std::set<std::string>& candidates, const SearchRequest& request) {
  std::vector<Found> found;
  for (const std::string& text : candidates) {
    double score = score_of(text, request.query);
    if (score > 0) found.push_back({text, score});
  }
  if (request.by_score) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.score > b.score; });
  } else if (request.descending) {
    std::reverse(found.begin(), found.end());
  }
  return found;
}

// `key` is what a result calls its text; `metadata` may be null.
HttpResponse lines_of(std::vector<Found> found, const SearchRequest& request, std::string_view key,
                      const MetadataByFamily* metadata) {
  bool more = found.size() > request.limit;
  if (more) found.resize(request.limit);
  HttpResponse response;
  response.headers.emplace_back("content-type", "application/x-ndjson");
  for (size_t begin = 0; begin < found.size(); begin += request.batch_size) {
    JsonWriter json;
    json.begin_object().key("results").begin_array();
    for (size_t i = begin; i < std::min<size_t>(found.size(), begin + request.batch_size); ++i) {
      json.begin_object().field(key, found[i].text);
      if (request.include_score) json.field("score", found[i].score);
      if (metadata != nullptr) write_family_of(json, *metadata, found[i].text);
      json.end_object();
    }
    json.end_array().end_object();
    response.body += json.take() + "\n";
  }
  JsonWriter json;
  json.begin_object().field("status", "success").field("has_more", more).end_object();
  response.body += json.take() + "\n";
  return response;
}

}  // namespace

Result<HttpResponse> handle_search_metric_names(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(SearchRequest request, search_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  std::set<std::string> names;
  for (const Labels& labels : series) {
    if (std::string_view name = labels.get(kMetricNameLabel); !name.empty()) names.emplace(name);
  }
  MetadataByFamily metadata;
  if (request.include_metadata) {
    OBELISK_TRY(metadata, read_metadata(call, ""));
  }
  return lines_of(ranked(names, request), request, "name", request.include_metadata ? &metadata : nullptr);
}

Result<HttpResponse> handle_search_label_names(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(SearchRequest request, search_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  std::set<std::string> names;
  for (const Labels& labels : series) {
    for (const Label& label : labels) names.insert(label.name);
  }
  return lines_of(ranked(names, request), request, "name", nullptr);
}

Result<HttpResponse> handle_search_label_values(ApiCall& call, const PathParameters&) {
  std::string_view label = call.parameters.get_or("label", "");
  if (label.empty() || !is_valid_utf8(label)) return invalid_parameter("label", "a label name is needed");
  OBELISK_TRY(SearchRequest request, search_of(call.parameters));
  OBELISK_TRY(std::vector<Labels> series, select_series(call));
  std::set<std::string> values;
  for (const Labels& labels : series) {
    if (std::string_view value = labels.get(label); !value.empty()) values.emplace(value);
  }
  return lines_of(ranked(values, request), request, "value", nullptr);
}

}  // namespace obelisk::prometheus_api
