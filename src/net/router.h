#pragma once
// Routes requests by method and path pattern. Routes are added before the server starts; after that route()
// is safe from any thread. A pattern is segments split by '/': a literal, `{name}` for one non-empty segment,
// or a last `{name...}` for the rest (at least one segment; it may hold slashes). A literal wins over
// `{name}`, which wins over `{name...}`. Matching is done on the path as sent, segment by segment, so "%2F"
// inside a segment does not split it; parameters are percent-decoded afterwards. Unknown path: 404. Known
// path, other method: 405 with Allow. HEAD is served by the GET handler.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_exchange.h"

namespace obelisk {

class PathParameters {
 public:
  // The value of `{name}`. Asking for a name that the pattern lacks is a programming error.
  const std::string& get(std::string_view name) const;
  void set(std::string_view name, std::string value) { entries_.emplace_back(name, std::move(value)); }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

using RouteHandler = std::function<void(HttpExchangePtr, const PathParameters&)>;

class Router {
 public:
  Router();
  ~Router();

  // `pattern` "/api/v1/label/{name}/values". Adding the same method and pattern twice is a programming error.
  void add(std::string_view method, std::string_view pattern, RouteHandler handler);
  // Called instead of the 404 for what no pattern matches (the embedded UI's routes, for instance).
  void set_fallback(HttpHandler handler) { fallback_ = std::move(handler); }

  void route(HttpExchangePtr exchange) const;

 private:
  struct Node;
  static constexpr size_t kSegmentsMax = 64;  // deeper paths are no path of ours; bounds the search

  static const Node* find(const Node& node, const std::vector<std::string_view>& segments, size_t index,
                          std::vector<std::string>& values);
  void call(const Node& node, const std::vector<std::string>& values, HttpExchangePtr exchange) const;

  std::unique_ptr<Node> root_;
  HttpHandler fallback_;
};

}  // namespace obelisk
