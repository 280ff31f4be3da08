// docker_sd_configs: the containers of a Docker daemon, one target for each network and TCP port of a
// container (or with the default port where it exposes none). Over its unix socket or HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json_writer.h"
#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

class DockerDiscoverer : public Discoverer {
 public:
  DockerDiscoverer(DockerDiscovery settings, HttpFetcher& fetcher)
      : settings_(std::move(settings)), fetcher_(fetcher) {}

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) override {
    OBELISK_TRY(YamlNode networks, get("/networks", stop));
    OBELISK_TRY(YamlNode containers, get("/containers/json" + filters(), stop));
    std::map<std::string, Entries> network_labels;
    for (const YamlNode& network : networks.items)
      network_labels[text_at(network, {"Id"})] = labels_of(network);
    std::map<std::string, const YamlNode*> by_id;
    for (const YamlNode& container : containers.items) by_id[text_at(container, {"Id"})] = &container;
    TargetGroup group;
    group.source = "Docker";
    for (const YamlNode& container : containers.items) {
      if (group.targets.size() >= kDiscoveredTargetsMax) break;
      add_container(container, network_labels, by_id, group);
    }
    return std::vector<TargetGroup>{std::move(group)};
  }
  int64_t pause_nanos() const override { return settings_.refresh_nanos; }

 private:
  Result<YamlNode> get(const std::string& path, const std::atomic<bool>& stop) {
    ClientRequest request;
    std::string_view host = settings_.host;
    if (host.starts_with("unix://")) {
      request.unix_socket_path = host.substr(7);
      request.url = "http://docker" + path;
    } else if (host.starts_with("tcp://")) {
      request.url = fmt::format("http://{}{}", host.substr(6), path);
    } else {
      request.url = fmt::format("{}{}", host.ends_with('/') ? host.substr(0, host.size() - 1) : host, path);
    }
    request.headers = {{"User-Agent", "Obelisk"}};
    request.timeout_ms = std::max<int64_t>(settings_.refresh_nanos / kNanosPerMilli, 1'000);
    request.response_bytes_max = kAnswerBytesMax;
    request.cancel = &stop;
    OBELISK_TRY(ClientResponse response, fetcher_.fetch(std::move(request), settings_.http));
    if (response.status != 200)
      return make_error(ErrorCode::unavailable,
                        fmt::format("Docker {}: {} answered {}", without_credentials(settings_.host), path,
                                    response.status));
    return parse_json_tree(response.body, "Docker " + path);
  }

  std::string filters() const {
    if (settings_.filters.empty()) return "";
    JsonWriter json;
    json.begin_object();
    for (const Filter& filter : settings_.filters) {
      json.key(filter.name).begin_array();
      for (const std::string& value : filter.values) json.value(value);
      json.end_array();
    }
    json.end_object();
    return "?filters=" + percent_encode(json.take());
  }

  static Entries labels_of(const YamlNode& network) {
    Entries labels{{"__meta_docker_network_id", text_at(network, {"Id"})},
                   {"__meta_docker_network_name", text_at(network, {"Name"})},
                   {"__meta_docker_network_scope", text_at(network, {"Scope"})},
                   {"__meta_docker_network_internal", text_at(network, {"Internal"})},
                   {"__meta_docker_network_ingress", text_at(network, {"Ingress"})}};
    for (const YamlEntry& label : entries_at(network, "Labels"))
      labels.emplace_back("__meta_docker_network_label_" + sanitized_label_name(label.key),
                          label.value.scalar);
    return labels;
  }

  // Of a container that shares another one's network, that one's.
  static std::map<std::string, const YamlNode*> networks_of(
      const YamlNode& container, const std::map<std::string, const YamlNode*>& by_id) {
    const YamlNode* from = &container;
    std::string mode = text_at(container, {"HostConfig", "NetworkMode"});
    const YamlNode* own = node_at(container, {"NetworkSettings", "Networks"});
    if ((own == nullptr || own->entries.empty()) && mode.starts_with("container:")) {
      auto shared = by_id.find(mode.substr(10));
      if (shared != by_id.end()) from = shared->second;
    }
    std::map<std::string, const YamlNode*> networks;
    if (const YamlNode* all = node_at(*from, {"NetworkSettings", "Networks"})) {
      for (const YamlEntry& entry : all->entries) networks[entry.key] = &entry.value;
    }
    return networks;
  }

  void add_container(const YamlNode& container, const std::map<std::string, Entries>& network_labels,
                     const std::map<std::string, const YamlNode*>& by_id, TargetGroup& group) const {
    const std::vector<YamlNode>& names = items_at(container, "Names");
    if (names.empty()) return;
    std::string mode = text_at(container, {"HostConfig", "NetworkMode"});
    Labels common{{"__meta_docker_container_id", text_at(container, {"Id"})},
                  {"__meta_docker_container_name", names[0].scalar},
                  {"__meta_docker_container_network_mode", mode}};
    for (const YamlEntry& label : entries_at(container, "Labels"))
      common.set("__meta_docker_container_label_" + sanitized_label_name(label.key), label.value.scalar);
    auto networks = networks_of(container, by_id);
    if (settings_.match_first_network && networks.size() > 1)
      networks.erase(std::next(networks.begin()), networks.end());
    for (const auto& [name, network] : networks) {
      Labels labels = common;
      std::string ip = text_at(*network, {"IPAddress"});
      labels.set("__meta_docker_network_ip", ip);
      auto known = network_labels.find(text_at(*network, {"NetworkID"}));
      if (known != network_labels.end()) {
        for (const auto& [label, value] : known->second) labels.set(label, value);
      }
      if (add_ports(container, ip, labels, group)) continue;
      labels.set("__address__", mode == "host" ? settings_.host_networking_host
                                               : join_host_port(ip, fmt::format("{}", settings_.port)));
      group.targets.push_back(std::move(labels));
    }
  }

  static bool add_ports(const YamlNode& container, const std::string& ip, const Labels& common,
                        TargetGroup& group) {
    bool added = false;
    for (const YamlNode& port : items_at(container, "Ports")) {
      if (text_at(port, {"Type"}) != "tcp") continue;
      Labels labels = common;
      std::string inner = text_at(port, {"PrivatePort"});
      labels.set("__meta_docker_port_private", inner);
      std::string outer = text_at(port, {"PublicPort"});
      if (!outer.empty() && outer != "0") {
        labels.set("__meta_docker_port_public", outer);
        labels.set("__meta_docker_port_public_ip", text_at(port, {"IP"}));
      }
      labels.set("__address__", join_host_port(ip, inner));
      group.targets.push_back(std::move(labels));
      added = true;
    }
    return added;
  }

  const DockerDiscovery settings_;
  HttpFetcher& fetcher_;
};

}  // namespace

std::unique_ptr<Discoverer> make_docker_discoverer(DockerDiscovery settings, HttpFetcher& fetcher) {
  return std::make_unique<DockerDiscoverer>(std::move(settings), fetcher);
}

}  // namespace obelisk::collect
