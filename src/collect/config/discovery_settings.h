#pragma once
// The *_sd_configs of a job. Kinds that are served are read into values; the syntax of every other kind that
// Prometheus knows is checked (keys, required ones, choices) and noted as unsupported: such a file is a valid
// prometheus.yml, but a server that is to serve it refuses by name, with the hint to http_sd_configs.
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "collect/config/http_settings.h"
#include "collect/relabel/relabel.h"

namespace obelisk::collect {

// Targets that share labels; each has __address__. What discovery finds, and static_configs name.
struct TargetGroup {
  std::string source;  // unique among the groups of one discovery
  std::vector<Labels> targets;
  Labels labels;
  bool operator==(const TargetGroup&) const = default;
};

struct FileDiscovery {
  std::vector<std::string> files;  // patterns
  int64_t refresh_nanos = 300 * kNanosPerSecond;
  bool operator==(const FileDiscovery&) const = default;
};

struct HttpDiscovery {
  std::string url;
  int64_t refresh_nanos = 60 * kNanosPerSecond;
  HttpSettings http;
  bool operator==(const HttpDiscovery&) const = default;
};

struct DnsDiscovery {
  enum class Type : uint8_t { srv, a, aaaa, mx, ns };
  std::vector<std::string> names;
  Type type = Type::srv;
  uint16_t port = 0;
  int64_t refresh_nanos = 30 * kNanosPerSecond;
  bool operator==(const DnsDiscovery&) const = default;
};

struct Filter {
  std::string name;
  std::vector<std::string> values;
  bool operator==(const Filter&) const = default;
};

struct DockerDiscovery {
  std::string host;  // unix:///var/run/docker.sock or http(s)://..., tcp://...
  uint16_t port = 80;
  std::string host_networking_host = "localhost";
  bool match_first_network = true;
  std::vector<Filter> filters;
  int64_t refresh_nanos = 60 * kNanosPerSecond;
  HttpSettings http;
  bool operator==(const DockerDiscovery&) const = default;
};

struct ConsulDiscovery {
  std::string server = "localhost:8500";
  std::string path_prefix;
  Secret token;
  std::string datacenter;
  std::string namespace_name;
  std::string partition;
  std::string tag_separator = ",";
  std::string scheme = "http";
  std::string user;
  std::string password;
  bool allow_stale = true;
  std::vector<std::string> services;
  std::vector<std::string> tags;
  std::string filter;
  std::string health_filter;
  std::map<std::string, std::string> node_meta;
  int64_t refresh_nanos = 30 * kNanosPerSecond;
  HttpSettings http;
  bool operator==(const ConsulDiscovery&) const = default;
};

struct KubernetesSelector {
  std::string role;
  std::string label;
  std::string field;
  bool operator==(const KubernetesSelector&) const = default;
};

struct KubernetesDiscovery {
  enum class Role : uint8_t { node, pod, service, endpoints, endpointslice, ingress };
  Role role = Role::node;
  std::string api_server;  // empty: the cluster this server runs in
  std::string kubeconfig_file;
  bool own_namespace = false;
  std::vector<std::string> namespaces;
  std::vector<KubernetesSelector> selectors;
  bool attach_node = false;
  bool attach_namespace = false;
  HttpSettings http;
  bool operator==(const KubernetesDiscovery&) const = default;
};

using Discovery = std::variant<FileDiscovery, HttpDiscovery, DnsDiscovery, DockerDiscovery, ConsulDiscovery,
                               KubernetesDiscovery>;

// One thing that the file asks for and this server does not do: "prometheus.yml:12: ...".
struct Notice {
  std::string text;
  bool refuses_start = false;  // not served, and nothing but a change of the file can help
};

struct DiscoveryList {
  std::vector<TargetGroup> static_groups;
  std::vector<Discovery> discoveries;
};

// Reads every *_sd_configs and static_configs key of `map`. `check_addresses`: a static target with a path is
// an error (not so where relabelling may still change it).
void read_discoveries(YamlMap& map, const ConfigSource& source, NameScheme scheme, bool check_addresses,
                      DiscoveryList& out, std::vector<Notice>& notices);

// unsupported_discovery.cc: the kinds that are only checked.
void read_unsupported_discoveries(YamlMap& map, const ConfigSource& source, std::vector<Notice>& notices);

// The items of a list of target groups ([{targets, labels}]), as static_configs and discovery files have it.
Result<TargetGroup> read_target_group(const YamlNode& node, const std::string& file, NameScheme scheme);

// The text of a static or discovered address: a host with or without port, no path.
std::string address_problem(std::string_view address);

}  // namespace obelisk::collect
