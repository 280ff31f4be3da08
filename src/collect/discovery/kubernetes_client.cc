#include "collect/discovery/kubernetes_client.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "collect/discovery/json_tree.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

constexpr std::string_view kAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr int64_t kTimeoutMs = 30'000;
constexpr size_t kConfigBytesMax = 4 << 20;

// The entry of a kubeconfig list that has this name.
const YamlNode* named(const YamlNode& root, std::string_view list, const std::string& name,
                      std::string_view key) {
  for (const YamlNode& item : items_at(root, list)) {
    if (text_at(item, {"name"}) == name) return item.find(key);
  }
  return nullptr;
}

// "-----BEGIN ..." of a *-data key.
std::string decoded(std::string_view base64) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : base64) {
    int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '+'             ? 62
                : c == '/'             ? 63
                                       : -1;
    if (value < 0) continue;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

}  // namespace

Result<void> KubernetesClient::connect_in_cluster() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr)
    return make_error(ErrorCode::unavailable,
                      "no api_server is configured, and KUBERNETES_SERVICE_HOST says that this is no pod");
  std::string folder(kAccountFolder);
  http_.authorization = Authorization{"Bearer", {"", folder + "token"}};
  http_.tls.ca_file = folder + "ca.crt";
  server_ = "https://" + join_host_port(host, port);
  if (settings_.own_namespace) {
    OBELISK_TRY(own_namespace_, read_small_file(folder + "namespace", 1024));
    own_namespace_ = trim(own_namespace_);
  }
  return {};
}

Result<void> KubernetesClient::connect_with_kubeconfig() {
  const std::string& file = settings_.kubeconfig_file;
  OBELISK_TRY(std::string text, read_small_file(file, kConfigBytesMax));
  OBELISK_TRY(YamlNode root, parse_yaml(text, file));
  auto wrong = [&](std::string_view what) { return yaml_error(file, root, what); };
  const YamlNode* context = named(root, "contexts", text_at(root, {"current-context"}), "context");
  if (context == nullptr) return wrong("names no current context");
  const YamlNode* cluster = named(root, "clusters", text_at(*context, {"cluster"}), "cluster");
  const YamlNode* user = named(root, "users", text_at(*context, {"user"}), "user");
  if (cluster == nullptr) return wrong("the current context names no cluster that is there");
  ConfigSource source{file, std::filesystem::path(file).parent_path().string()};
  http_.tls.ca_file = source.path(text_at(*cluster, {"certificate-authority"}));
  http_.tls.ca_pem = decoded(text_at(*cluster, {"certificate-authority-data"}));
  http_.tls.server_name = text_at(*cluster, {"tls-server-name"});
  http_.tls.verify = text_at(*cluster, {"insecure-skip-tls-verify"}) != "true";
  if (user != nullptr) {
    if (user->find("exec") != nullptr || user->find("auth-provider") != nullptr)
      return wrong("exec and auth-provider users are not supported");
    http_.tls.cert_file = source.path(text_at(*user, {"client-certificate"}));
    http_.tls.cert_pem = decoded(text_at(*user, {"client-certificate-data"}));
    http_.tls.key_file = source.path(text_at(*user, {"client-key"}));
    http_.tls.key_pem = decoded(text_at(*user, {"client-key-data"}));
    Secret token{text_at(*user, {"token"}), source.path(text_at(*user, {"tokenFile"}))};
    if (!token.file.empty()) token.text.clear();
    if (!token.empty()) http_.authorization = Authorization{"Bearer", token};
    if (!text_at(*user, {"username"}).empty())
      http_.basic_auth = BasicAuth{{text_at(*user, {"username"}), ""}, {text_at(*user, {"password"}), ""}};
  }
  own_namespace_ = text_at(*context, {"namespace"});
  server_ = text_at(*cluster, {"server"});
  return server_.empty() ? Result<void>(wrong("the cluster has no server")) : Result<void>();
}

Result<void> KubernetesClient::connect() {
  if (!server_.empty()) return {};
  if (!settings_.kubeconfig_file.empty()) {
    OBELISK_CHECK_OK(connect_with_kubeconfig());
  } else if (settings_.api_server.empty()) {
    OBELISK_CHECK_OK(connect_in_cluster());
  } else {
    http_ = settings_.http;
    server_ = settings_.api_server.find("://") == std::string::npos ? "https://" + settings_.api_server
                                                                    : settings_.api_server;
  }
  if (server_.ends_with('/')) server_.pop_back();
  return {};
}

std::vector<KubernetesCollection> KubernetesClient::collections(std::string_view group_path,
                                                                std::string_view resource,
                                                                std::string_view role,
                                                                bool namespaced) const {
  std::vector<std::string> namespaces = settings_.namespaces;
  if (settings_.own_namespace) namespaces = {own_namespace_.empty() ? "default" : own_namespace_};
  if (!namespaced || namespaces.empty())
    return {{fmt::format("{}/{}", group_path, resource), std::string(role)}};
  std::vector<KubernetesCollection> all;
  for (const std::string& name : namespaces)
    all.push_back(
        {fmt::format("{}/namespaces/{}/{}", group_path, percent_encode(name), resource), std::string(role)});
  return all;
}

Parameters KubernetesClient::selectors_of(const KubernetesCollection& collection) const {
  Parameters parameters;
  for (const KubernetesSelector& selector : settings_.selectors) {
    if (selector.role != collection.role) continue;
    if (!selector.label.empty()) parameters.add("labelSelector", selector.label);
    if (!selector.field.empty()) parameters.add("fieldSelector", selector.field);
  }
  return parameters;
}

ClientRequest KubernetesClient::request_for(const KubernetesCollection& collection,
                                            const Parameters& parameters,
                                            const std::atomic<bool>& stop) const {
  ClientRequest request;
  request.url = fmt::format("{}{}?{}", server_, collection.path, parameters.encode());
  request.headers = {{"Accept", "application/json"}, {"User-Agent", "Obelisk"}};
  request.timeout_ms = kTimeoutMs;
  request.response_bytes_max = kAnswerBytesMax;
  request.cancel = &stop;
  return request;
}

Result<std::string> KubernetesClient::list(const KubernetesCollection& collection,
                                           const std::atomic<bool>& stop, const Each& each) const {
  std::string next, version;
  do {
    Parameters parameters;
    parameters.add("limit", fmt::format("{}", kPageItems));
    parameters.append(selectors_of(collection));
    if (!next.empty()) parameters.add("continue", next);
    OBELISK_TRY(ClientResponse response, fetcher_.fetch(request_for(collection, parameters, stop), http_));
    if (response.status != 200)
      return make_error(ErrorCode::unavailable,
                        fmt::format("Kubernetes: {} answered {}", collection.path, response.status));
    OBELISK_TRY(YamlNode page, parse_json_tree(response.body, "Kubernetes " + collection.path));
    for (const YamlNode& object : items_at(page, "items")) each(object);
    next = text_at(page, {"metadata", "continue"});
    version = text_at(page, {"metadata", "resourceVersion"});
  } while (!next.empty() && !stop);
  return version;
}

Result<WatchEnd> KubernetesClient::watch(const KubernetesCollection& collection, const std::string& version,
                                         int seconds, const std::atomic<bool>& stop,
                                         const OnPiece& on_piece) const {
  Parameters parameters;
  parameters.add("watch", "1");
  parameters.add("allowWatchBookmarks", "true");
  parameters.add("resourceVersion", version);
  parameters.add("timeoutSeconds", fmt::format("{}", seconds));
  parameters.append(selectors_of(collection));
  ClientRequest request = request_for(collection, parameters, stop);
  request.timeout_ms = int64_t{seconds} * 1000 + kTimeoutMs;
  request.accept_compressed = false;  // events are wanted as they come
  bool ended_here = false;
  request.on_piece = [&](std::string_view piece) {
    ended_here = !on_piece(piece);
    return !ended_here;
  };
  Result<ClientResponse> response = fetcher_.fetch(std::move(request), http_);
  if (!response.ok()) return ended_here ? Result<WatchEnd>(WatchEnd::finished) : response.error();
  switch (response->status) {
    case 200:
      return WatchEnd::finished;
    case 410:
      return WatchEnd::expired;
    case 400:
    case 403:
    case 404:
    case 405:
    case 501:
      return WatchEnd::refused;
    default:
      return make_error(ErrorCode::unavailable, fmt::format("Kubernetes: a watch of {} was answered {}",
                                                            collection.path, response->status));
  }
}

}  // namespace obelisk::collect
