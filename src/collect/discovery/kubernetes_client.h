#pragma once
// Reads lists and watches of objects from a Kubernetes API server. Where the server is and how to
// authenticate comes from the configuration: api_server with its HTTP settings, or the service account of the
// pod this server runs in (KUBERNETES_SERVICE_HOST, the mounted token and certificate), or a kubeconfig file
// (current context; tokens, certificates and basic authentication, no exec plugins). Lists come in pages of
// kPageItems objects, so that a large cluster is never one answer.
#include <atomic>
#include <functional>
#include <string>

#include "collect/discovery/discoverer.h"
#include "net/url.h"

namespace obelisk::collect {

// A collection of objects: "/api/v1/pods", whose lists and watches the selectors of `role` narrow.
struct KubernetesCollection {
  std::string path;
  std::string role;
};

// How a watch came to its end.
enum class WatchEnd : uint8_t {
  finished,  // the server closed it, as it does after a while: watch again from there
  expired,   // 410: it no longer knows what came since then; list again
  refused,   // it does not let us watch
};

// connect() first; then the other calls are safe from any thread.
class KubernetesClient {
 public:
  static constexpr size_t kPageItems = 500;
  using Each = std::function<void(const YamlNode& object)>;
  // A piece of the stream of events as it comes; false ends the watch, which then is finished.
  using OnPiece = std::function<bool(std::string_view piece)>;

  KubernetesClient(const KubernetesDiscovery& settings, HttpFetcher& fetcher)
      : settings_(settings), fetcher_(fetcher) {}

  // Finds out where the server is; nothing when that is known.
  Result<void> connect();
  // The collections that make a resource up: one, or one for each namespace of the settings.
  std::vector<KubernetesCollection> collections(std::string_view group_path, std::string_view resource,
                                                std::string_view role, bool namespaced) const;

  // Calls `each` for every object; gives the version of the collection, from which a watch goes on.
  Result<std::string> list(const KubernetesCollection& collection, const std::atomic<bool>& stop,
                           const Each& each) const;
  // Events since `version`, one JSON text a line, for at most `seconds`.
  Result<WatchEnd> watch(const KubernetesCollection& collection, const std::string& version, int seconds,
                         const std::atomic<bool>& stop, const OnPiece& on_piece) const;

 private:
  Result<void> connect_with_kubeconfig();
  Result<void> connect_in_cluster();
  Parameters selectors_of(const KubernetesCollection& collection) const;
  ClientRequest request_for(const KubernetesCollection& collection, const Parameters& parameters,
                            const std::atomic<bool>& stop) const;

  const KubernetesDiscovery& settings_;
  HttpFetcher& fetcher_;
  std::string server_;  // empty: not connected yet
  HttpSettings http_;
  std::string own_namespace_;
};

}  // namespace obelisk::collect
