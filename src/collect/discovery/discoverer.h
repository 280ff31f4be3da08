#pragma once
// One way to find targets. A Discoverer belongs to one thread, which calls discover() again and again with
// pauses between; each call gives the whole of what is there now. An error leaves what was found before.
// Everything that comes from the network or a file is bounded: kAnswerBytesMax an answer, kTargetsMax
// targets.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "collect/config/discovery_settings.h"
#include "collect/fetch/http_fetcher.h"

namespace obelisk::collect {

inline constexpr size_t kAnswerBytesMax = size_t{64} << 20;
inline constexpr size_t kDiscoveredTargetsMax = 100'000;

class Discoverer {
 public:
  virtual ~Discoverer() = default;
  // May block (a long poll) until there is news; ends soon after `stop` is set.
  virtual Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) = 0;
  // How long to wait before the next call.
  virtual int64_t pause_nanos() const = 0;
};

// `fetcher` must outlive the discoverer.
std::unique_ptr<Discoverer> make_discoverer(const Discovery& settings, HttpFetcher& fetcher);
// "http", "consul" and so on.
std::string_view discovery_kind(const Discovery& settings);

std::unique_ptr<Discoverer> make_file_discoverer(FileDiscovery settings);
std::unique_ptr<Discoverer> make_http_discoverer(HttpDiscovery settings, HttpFetcher& fetcher);
// `server`: ask this one ("127.0.0.1:53") instead of those of the system; for tests.
std::unique_ptr<Discoverer> make_dns_discoverer(DnsDiscovery settings, std::string server = "");
std::unique_ptr<Discoverer> make_docker_discoverer(DockerDiscovery settings, HttpFetcher& fetcher);
std::unique_ptr<Discoverer> make_consul_discoverer(ConsulDiscovery settings, HttpFetcher& fetcher);
std::unique_ptr<Discoverer> make_kubernetes_discoverer(KubernetesDiscovery settings, HttpFetcher& fetcher);

// "host:port", with brackets around an IPv6 address.
std::string join_host_port(std::string_view host, std::string_view port);
// A name that is allowed in a label's: everything but letters, digits and '_' becomes '_'.
std::string sanitized_label_name(std::string_view name);

}  // namespace obelisk::collect
