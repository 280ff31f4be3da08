#include "collect/discovery/discoverer.h"

#include <fmt/format.h>

#include <algorithm>

namespace obelisk::collect {
namespace {

struct Maker {
  HttpFetcher& fetcher;
  std::unique_ptr<Discoverer> operator()(const FileDiscovery& settings) const {
    return make_file_discoverer(settings);
  }
  std::unique_ptr<Discoverer> operator()(const HttpDiscovery& settings) const {
    return make_http_discoverer(settings, fetcher);
  }
  std::unique_ptr<Discoverer> operator()(const DnsDiscovery& settings) const {
    return make_dns_discoverer(settings);
  }
  std::unique_ptr<Discoverer> operator()(const DockerDiscovery& settings) const {
    return make_docker_discoverer(settings, fetcher);
  }
  std::unique_ptr<Discoverer> operator()(const ConsulDiscovery& settings) const {
    return make_consul_discoverer(settings, fetcher);
  }
  std::unique_ptr<Discoverer> operator()(const KubernetesDiscovery& settings) const {
    return make_kubernetes_discoverer(settings, fetcher);
  }
};

}  // namespace

std::unique_ptr<Discoverer> make_discoverer(const Discovery& settings, HttpFetcher& fetcher) {
  return std::visit(Maker{fetcher}, settings);
}

std::string_view discovery_kind(const Discovery& settings) {
  static constexpr std::string_view kKinds[] = {"file", "http", "dns", "docker", "consul", "kubernetes"};
  return kKinds[settings.index()];
}

std::string join_host_port(std::string_view host, std::string_view port) {
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port)
                                                  : fmt::format("[{}]:{}", host, port);
}

std::string sanitized_label_name(std::string_view name) {
  std::string out(name);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
      },
      '_');
  return out;
}

}  // namespace obelisk::collect
