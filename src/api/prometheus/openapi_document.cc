#include "api/prometheus/openapi_document.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

constexpr ApiRoute kRoutes[] = {
    {"GET POST", "/query", "Evaluate an expression at one time",
     "!query time timeout limit lookback_delta stats tiers explain"},
    {"GET POST", "/query_range", "Evaluate an expression over a range of time",
     "!query !start !end !step timeout limit lookback_delta stats tiers explain"},
    {"GET POST", "/query_exemplars", "Exemplars of the series an expression selects", "!query start end"},
    {"GET POST", "/format_query", "An expression laid out", "!query"},
    {"GET POST", "/parse_query", "An expression as a syntax tree", "!query"},
    {"GET POST", "/series", "Label sets", "!match[] start end limit"},
    {"GET POST", "/labels", "Label names", "match[] start end limit"},
    {"GET", "/label/{name}/values", "Values of a label", "match[] start end limit"},
    {"GET POST", "/search/metric_names", "Metric names like what was typed",
     "search[] match[] fuzz_threshold fuzz_alg case_sensitive sort_by sort_dir include_score "
     "include_metadata "
     "start end limit batch_size",
     "application/x-ndjson"},
    {"GET POST", "/search/label_names", "Label names like what was typed",
     "search[] match[] fuzz_threshold fuzz_alg case_sensitive sort_by sort_dir include_score start end limit "
     "batch_size",
     "application/x-ndjson"},
    {"GET POST", "/search/label_values", "Values of a label like what was typed",
     "!label search[] match[] fuzz_threshold fuzz_alg case_sensitive sort_by sort_dir include_score start "
     "end "
     "limit batch_size",
     "application/x-ndjson"},
    {"GET", "/metadata", "Type, help and unit of metrics", "metric limit limit_per_metric"},
    {"GET", "/rules", "Rule groups and their state",
     "type rule_name[] rule_group[] file[] match[] exclude_alerts group_limit group_next_token"},
    {"GET", "/alerts", "Alerts that are pending or firing", ""},
    {"GET", "/alertmanagers", "Where alerts are sent", ""},
    {"GET", "/targets", "What is scraped", "state scrapePool"},
    {"GET", "/scrape_pools", "Names of the scrape pools", ""},
    {"GET", "/status/config", "The configuration", ""},
    {"GET", "/status/flags", "The flags", ""},
    {"GET", "/status/runtimeinfo", "The process", ""},
    {"GET", "/status/buildinfo", "The build", ""},
    {"GET", "/status/tsdb", "Cardinality", "limit"},
    {"GET", "/status/tsdb/blocks", "Blocks on disk", ""},
    {"GET", "/status/walreplay", "What the start replayed", ""},
    {"GET", "/status/self_metrics", "The server's own metrics", "metric_name_pattern"},
    {"GET", "/notifications", "What the server has to tell", ""},
    {"GET", "/notifications/live", "The same as it happens", "", "text/event-stream"},
    {"GET", "/features", "What this server can do", ""},
    {"GET", "/openapi.yaml", "This document", "", "application/yaml"},
    {"PUT POST", "/admin/tsdb/delete_series", "Erase samples", "!match[] start end"},
    {"PUT POST", "/admin/tsdb/clean_tombstones", "Free what was erased", ""},
    {"PUT POST", "/admin/tsdb/snapshot", "Copy the data", "skip_head"},
};

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!(text = trim(text)).empty()) {
    size_t end = std::min(text.find(' '), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

void append_parameter(std::string& out, std::string_view name, std::string_view place, bool required) {
  out += fmt::format(
      "        - name: \"{}\"\n          in: {}\n          required: {}\n          schema: {{type: "
      "string}}\n",
      name, place, required);
}

void append_operation(std::string& out, const ApiRoute& route, std::string_view method) {
  out += fmt::format("    {}:\n      summary: {}\n", to_lower(method), route.summary);
  bool in_path = route.path.find('{') != std::string_view::npos;
  if (in_path || !route.parameters.empty()) out += "      parameters:\n";
  if (in_path) append_parameter(out, "name", "path", true);
  for (std::string_view name : words(route.parameters)) {
    bool required = name.starts_with('!');
    append_parameter(out, required ? name.substr(1) : name, "query", required);
  }
  out += fmt::format(
      "      responses:\n        \"200\":\n          description: Success\n          content:\n            "
      "{}: "
      "{{}}\n        default:\n          description: Error\n          content:\n            "
      "application/json: "
      "{{}}\n",
      route.media_type);
}

}  // namespace

std::span<const ApiRoute> api_routes() {
  return kRoutes;
}

std::string openapi_document(std::span<const ApiRoute> routes) {
  std::string out =
      "openapi: 3.2.0\ninfo:\n  title: Obelisk, Prometheus HTTP API\n  version: v1\nservers:\n  - url: "
      "/api/v1\npaths:\n";
  for (const ApiRoute& route : routes) {
    out += fmt::format("  {}:\n", route.path);
    for (std::string_view method : words(route.methods)) append_operation(out, route, method);
  }
  return out;
}

}  // namespace obelisk::prometheus_api
