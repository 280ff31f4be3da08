#include "api/ui/ui_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace obelisk {
namespace {

using ui::EmbeddedFile;

const EmbeddedFile* find_file(std::span<const EmbeddedFile> files, std::string_view path) {
  auto it =
      std::lower_bound(files.begin(), files.end(), path,
                       [](const EmbeddedFile& file, std::string_view wanted) { return file.path < wanted; });
  return it != files.end() && it->path == path ? &*it : nullptr;
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Calls `visit` for every element of a comma-separated header until it returns true; whether it did.
template <typename Visit>
bool any_element(std::string_view header, Visit visit) {
  while (!header.empty()) {
    size_t comma = header.find(',');
    if (visit(trim(header.substr(0, comma)))) return true;
    if (comma == std::string_view::npos) break;
    header.remove_prefix(comma + 1);
  }
  return false;
}

// q=0 forbids; any other weight allows. Which of the allowed ones is sent is the server's choice.
bool is_forbidden(std::string_view element) {
  size_t weight = element.find("q=");
  if (weight == std::string_view::npos) return false;
  std::string_view digits = trim(element.substr(weight + 2));
  return digits.find_first_not_of("0.") == std::string_view::npos;
}

bool accepts(std::string_view header, std::string_view name) {
  return any_element(header, [&](std::string_view element) {
    return trim(element.substr(0, element.find(';'))) == name && !is_forbidden(element);
  });
}

bool accepts_html(const HttpRequest& request) {
  std::string_view accept = request.header("accept");
  return accepts(accept, "text/html") || accepts(accept, "application/xhtml+xml");
}

bool knows_etag(std::string_view if_none_match, std::string_view etag) {
  return any_element(if_none_match, [&](std::string_view element) {
    if (element.starts_with("W/")) element.remove_prefix(2);
    return element == etag || element == "*";
  });
}

void add_common_headers(HttpResponse& response) {
  response.headers.emplace_back("content-security-policy", kUiContentSecurityPolicy);
  response.headers.emplace_back("x-content-type-options", "nosniff");
  response.headers.emplace_back("referrer-policy", "no-referrer");
  response.headers.emplace_back("cross-origin-opener-policy", "same-origin");
}

HttpResponse file_response(const HttpRequest& request, const EmbeddedFile& file) {
  HttpResponse response;
  add_common_headers(response);
  response.headers.emplace_back("etag", file.etag);
  response.headers.emplace_back("vary", "accept-encoding");
  response.headers.emplace_back("cache-control",
                                file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (knows_etag(request.header("if-none-match"), file.etag)) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("content-type", file.content_type);
  std::string_view encodings = request.header("accept-encoding");
  if (!file.brotli.empty() && accepts(encodings, "br")) {
    response.headers.emplace_back("content-encoding", "br");
    response.body = file.brotli;
  } else if (!file.gzip.empty() && accepts(encodings, "gzip")) {
    response.headers.emplace_back("content-encoding", "gzip");
    response.body = file.gzip;
  } else {
    // Says so, or the network layer would compress once more.
    if (!file.gzip.empty()) response.headers.emplace_back("content-encoding", "identity");
    response.body = file.identity;
  }
  return response;
}

// The page of one trace asks for its overview first, which takes a moment where the trace is large: the
// browser is told to ask at once, not only when the page's own code runs. Empty for other pages.
std::string first_request_of(std::string_view view) {
  constexpr std::string_view kTraces = "traces/";
  constexpr size_t kIdDigitsMax = 32;
  if (!view.starts_with(kTraces)) return {};
  std::string_view id = view.substr(kTraces.size());
  bool is_id = !id.empty() && id.size() <= kIdDigitsMax &&
               id.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  if (!is_id) return {};
  return fmt::format("</obelisk/api/v1/traces/{}/overview>; rel=preload; as=fetch; crossorigin", id);
}

void serve(std::span<const EmbeddedFile> files, HttpExchange& exchange, std::string_view path) {
  const HttpRequest& request = exchange.request();
  const EmbeddedFile* file = find_file(files, path);
  // A missing asset must stay an error: index.html in its place would be run as a script.
  bool is_view = !path.starts_with("assets/") && accepts_html(request);
  if (file == nullptr && is_view) file = find_file(files, "index.html");
  if (file == nullptr) {
    HttpResponse response = text_response(404, "the interface has no file of this name");
    add_common_headers(response);
    return exchange.respond(std::move(response));
  }
  HttpResponse response = file_response(request, *file);
  if (std::string first = first_request_of(path); !first.empty() && is_view)
    response.headers.emplace_back("link", std::move(first));
  exchange.respond(std::move(response));
}

}  // namespace

bool register_ui_api(Router& router, std::span<const EmbeddedFile> files) {
  if (find_file(files, "index.html") == nullptr) return false;
  auto index = [files](const HttpExchangePtr& exchange, const PathParameters&) {
    serve(files, *exchange, "index.html");
  };
  router.add("GET", "/ui", [](const HttpExchangePtr& exchange, const PathParameters&) {
    HttpResponse response;
    response.status = 308;
    response.headers.emplace_back("location", "/ui/");
    exchange->respond(std::move(response));
  });
  router.add("GET", "/ui/", index);
  router.add("GET", "/ui/{path...}",
             [files](const HttpExchangePtr& exchange, const PathParameters& parameters) {
               serve(files, *exchange, parameters.get("path"));
             });
  return true;
}

}  // namespace obelisk
