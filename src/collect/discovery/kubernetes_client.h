#pragma once
// Reads lists of objects from a Kubernetes API server. Where the server is and how to authenticate comes from
// the configuration: api_server with its HTTP settings, or the service account of the pod this server runs in
// (KUBERNETES_SERVICE_HOST, the mounted token and certificate), or a kubeconfig file (current context;
// tokens, certificates and basic authentication, no exec plugins). Lists come in pages of kPageItems objects,
// so that a large cluster is never one answer.
#include <atomic>
#include <functional>
#include <string>

#include "collect/discovery/discoverer.h"

namespace obelisk::collect {

class KubernetesClient {
 public:
  static constexpr size_t kPageItems = 500;
  using Each = std::function<void(const YamlNode& object)>;

  KubernetesClient(const KubernetesDiscovery& settings, HttpFetcher& fetcher)
      : settings_(settings), fetcher_(fetcher) {}

  // Calls `each` for every object of `path` ("/api/v1/pods"), in all namespaces or those of the settings,
  // that the selectors of `role` choose.
  Result<void> list(std::string_view group_path, std::string_view resource, std::string_view role,
                    bool namespaced, const std::atomic<bool>& stop, const Each& each);

 private:
  Result<void> connect();
  Result<void> connect_with_kubeconfig();
  Result<void> connect_in_cluster();
  Result<void> list_path(const std::string& path, std::string_view role, const std::atomic<bool>& stop,
                         const Each& each);

  const KubernetesDiscovery& settings_;
  HttpFetcher& fetcher_;
  std::string server_;  // empty: not connected yet
  HttpSettings http_;
  std::string own_namespace_;
};

}  // namespace obelisk::collect
