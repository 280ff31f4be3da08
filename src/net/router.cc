#include "net/router.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/url.h"

namespace obelisk {
namespace {

std::vector<std::string_view> split_segments(std::string_view path, size_t count_max) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (segments.size() < count_max) {
    size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

// For an error message: long or binary paths are cut and made printable.
std::string printable(std::string_view path) {
  constexpr size_t kShownMax = 200;
  std::string shown;
  for (char c : path.substr(0, kShownMax)) shown.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  if (path.size() > kShownMax) shown += "...";
  return shown;
}

}  // namespace

struct Router::Node {
  struct Method {
    std::string method;
    RouteHandler handler;
    std::vector<std::string> names;
  };
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;
  std::vector<Method> methods;

  const Method* method(std::string_view name) const {
    auto it = std::find_if(methods.begin(), methods.end(),
                           [&](const Method& entry) { return entry.method == name; });
    return it == methods.end() ? nullptr : &*it;
  }
};

const std::string& PathParameters::get(std::string_view name) const {
  auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
  OBELISK_ASSERT(it != entries_.end());
  return it->second;
}

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::add(std::string_view method, std::string_view pattern, RouteHandler handler) {
  OBELISK_ASSERT(!pattern.empty() && pattern[0] == '/');
  Node* node = root_.get();
  std::vector<std::string> names;
  bool rest_seen = false;
  for (std::string_view segment : split_segments(pattern, kSegmentsMax)) {
    OBELISK_ASSERT(!rest_seen);
    std::unique_ptr<Node>* next = nullptr;
    if (segment.starts_with('{') && segment.ends_with("...}")) {
      names.emplace_back(segment.substr(1, segment.size() - 5));
      next = &node->rest;
      rest_seen = true;
    } else if (segment.starts_with('{') && segment.ends_with('}')) {
      names.emplace_back(segment.substr(1, segment.size() - 2));
      next = &node->parameter;
    } else {
      next = &node->literals[std::string(segment)];
    }
    if (!*next) *next = std::make_unique<Node>();
    node = next->get();
  }
  OBELISK_ASSERT(node->method(method) == nullptr);
  node->methods.push_back({std::string(method), std::move(handler), std::move(names)});
}

// Depth first in the order of precedence. `values` holds the raw parameters of the path to the node found.
const Router::Node* Router::find(const Node& node, const std::vector<std::string_view>& segments,
                                 size_t index, std::vector<std::string>& values) {
  if (index == segments.size()) return node.methods.empty() ? nullptr : &node;
  std::string_view segment = segments[index];
  if (auto it = node.literals.find(segment); it != node.literals.end()) {
    if (const Node* found = find(*it->second, segments, index + 1, values)) return found;
  }
  if (node.parameter && !segment.empty()) {
    values.emplace_back(segment);
    if (const Node* found = find(*node.parameter, segments, index + 1, values)) return found;
    values.pop_back();
  }
  if (node.rest && !(segment.empty() && index + 1 == segments.size())) {
    std::string& rest = values.emplace_back(segment);
    for (size_t i = index + 1; i < segments.size(); ++i) rest.append("/").append(segments[i]);
    return node.rest.get();
  }
  return nullptr;
}

void Router::call(const Node& node, const std::vector<std::string>& values, HttpExchangePtr exchange) const {
  const std::string& method = exchange->request().method;
  const Node::Method* entry = node.method(method);
  if (entry == nullptr && method == "HEAD") entry = node.method("GET");
  if (entry == nullptr) {
    std::string allow;
    for (const Node::Method& known : node.methods) {
      allow += (allow.empty() ? "" : ", ") + known.method;
      if (known.method == "GET" && node.method("HEAD") == nullptr) allow += ", HEAD";
    }
    HttpResponse response =
        text_response(405, fmt::format("method {} is not allowed for {} (allowed: {})", printable(method),
                                       printable(exchange->request().path), allow));
    response.headers.emplace_back("allow", allow);
    return exchange->respond(std::move(response));
  }
  PathParameters parameters;
  for (size_t i = 0; i < values.size(); ++i) {
    auto decoded = percent_decode(values[i], false);
    if (!decoded.ok()) return exchange->respond_text(400, decoded.error().to_string());
    parameters.set(entry->names[i], std::move(*decoded));
  }
  entry->handler(std::move(exchange), parameters);
}

void Router::route(HttpExchangePtr exchange) const {
  std::string_view path = exchange->request().raw_path();
  if (path.starts_with('/')) {
    std::vector<std::string> values;
    std::vector<std::string_view> segments = split_segments(path, kSegmentsMax + 1);
    const Node* node = segments.size() > kSegmentsMax ? nullptr : find(*root_, segments, 0, values);
    if (node != nullptr) return call(*node, values, std::move(exchange));
  }
  if (fallback_) return fallback_(std::move(exchange));
  exchange->respond_text(404, fmt::format("no such path: {}", printable(exchange->request().path)));
}

}  // namespace obelisk
