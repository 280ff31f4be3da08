#include "collect/config/discovery_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace obelisk::collect {
namespace {

using Nodes = std::vector<const YamlNode*>;

void read_port(YamlMap& map, uint16_t& port) {
  int64_t number = port;
  map.integer("port", number, 0, 65535);
  port = static_cast<uint16_t>(number);
}

// A refresh interval of 0 would ask without pause.
void read_refresh(YamlMap& map, const YamlNode& node, int64_t& nanos) {
  map.duration("refresh_interval", nanos);
  if (nanos <= 0) map.fail(*node.find("refresh_interval"), "refresh_interval must be more than 0");
}

Result<Discovery> read_file(const YamlNode& node, const ConfigSource& source) {
  FileDiscovery file;
  YamlMap map(node, source.file, "file_sd_configs");
  map.string_list("files", file.files);
  read_refresh(map, node, file.refresh_nanos);
  OBELISK_CHECK_OK(map.finish());
  if (file.files.empty()) return yaml_error(source.file, node, "file_sd_configs: files is missing");
  for (std::string& name : file.files) {
    size_t star = name.find('*');
    std::string lower = to_lower(name);
    bool typed = lower.ends_with(".json") || lower.ends_with(".yml") || lower.ends_with(".yaml");
    if (!typed || (star != std::string::npos && name.find('/', star) != std::string::npos))
      return yaml_error(
          source.file, *node.find("files"),
          fmt::format("file_sd_configs: \"{}\" must end in .json, .yml or .yaml, with wildcards in its "
                      "last component only",
                      name));
    name = source.path(name);
  }
  return Discovery(std::move(file));
}

Result<Discovery> read_http(const YamlNode& node, const ConfigSource& source) {
  HttpDiscovery http;
  YamlMap map(node, source.file, "http_sd_configs");
  map.string("url", http.url);
  read_refresh(map, node, http.refresh_nanos);
  read_http_settings(map, source, http.http);
  OBELISK_CHECK_OK(map.finish());
  if (http.url.empty()) return yaml_error(source.file, node, "http_sd_configs: url is missing");
  if (std::string problem = url_problem(http.url); !problem.empty())
    return yaml_error(source.file, *node.find("url"), "http_sd_configs: url: " + problem);
  OBELISK_CHECK_OK(check_http_settings(node, source, http.http));
  return Discovery(std::move(http));
}

Result<Discovery> read_dns(const YamlNode& node, const ConfigSource& source) {
  static constexpr std::array<std::string_view, 5> kTypes{"SRV", "A", "AAAA", "MX", "NS"};
  DnsDiscovery dns;
  std::string type = "SRV";
  YamlMap map(node, source.file, "dns_sd_configs");
  map.string_list("names", dns.names);
  map.string("type", type);
  read_port(map, dns.port);
  read_refresh(map, node, dns.refresh_nanos);
  OBELISK_CHECK_OK(map.finish());
  if (dns.names.empty()) return yaml_error(source.file, node, "dns_sd_configs: names is missing");
  std::string upper = type;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  const auto* known = std::find(kTypes.begin(), kTypes.end(), upper);
  if (known == kTypes.end())
    return yaml_error(source.file, *node.find("type"),
                      fmt::format("dns_sd_configs: type must be SRV, A, AAAA, MX or NS, not \"{}\"", type));
  dns.type = static_cast<DnsDiscovery::Type>(known - kTypes.begin());
  if (dns.type != DnsDiscovery::Type::srv && dns.port == 0)
    return yaml_error(source.file, node, "dns_sd_configs: a port is needed for every type but SRV");
  return Discovery(std::move(dns));
}

Result<std::vector<Filter>> read_filters(const YamlNode& node, const ConfigSource& source) {
  std::vector<Filter> filters;
  YamlMap map(node, source.file, "docker_sd_configs");
  const YamlNode* list = node.find("filters");
  if (list == nullptr) return filters;
  for (const YamlNode& item : list->items) {
    Filter filter;
    YamlMap one(item, source.file, "filters");
    one.required_string("name", filter.name);
    one.string_list("values", filter.values);
    OBELISK_CHECK_OK(one.finish());
    filters.push_back(std::move(filter));
  }
  return filters;
}

Result<Discovery> read_docker(const YamlNode& node, const ConfigSource& source) {
  DockerDiscovery docker;
  YamlMap map(node, source.file, "docker_sd_configs");
  map.string("host", docker.host);
  read_port(map, docker.port);
  map.string("host_networking_host", docker.host_networking_host);
  map.boolean("match_first_network", docker.match_first_network);
  map.list("filters", [](const YamlNode&) { return Result<void>(); });
  read_refresh(map, node, docker.refresh_nanos);
  read_http_settings(map, source, docker.http);
  OBELISK_CHECK_OK(map.finish());
  OBELISK_TRY(docker.filters, read_filters(node, source));
  if (docker.host.empty()) return yaml_error(source.file, node, "docker_sd_configs: host is missing");
  if (docker.host.find("://") == std::string::npos)
    return yaml_error(source.file, *node.find("host"), "docker_sd_configs: host must be a URL");
  OBELISK_CHECK_OK(check_http_settings(node, source, docker.http));
  return Discovery(std::move(docker));
}

Result<Discovery> read_consul(const YamlNode& node, const ConfigSource& source) {
  ConsulDiscovery consul;
  YamlMap map(node, source.file, "consul_sd_configs");
  map.string("server", consul.server);
  map.string("path_prefix", consul.path_prefix);
  map.string("token", consul.token.text);
  map.string("token_file", consul.token.file);
  map.string("datacenter", consul.datacenter);
  map.string("namespace", consul.namespace_name);
  map.string("partition", consul.partition);
  map.string("tag_separator", consul.tag_separator);
  map.string("scheme", consul.scheme);
  map.string("username", consul.user);
  map.string("password", consul.password);
  map.boolean("allow_stale", consul.allow_stale);
  map.string_list("services", consul.services);
  map.string_list("tags", consul.tags);
  map.string("filter", consul.filter);
  map.string("health_filter", consul.health_filter);
  map.string_map("node_meta", consul.node_meta);
  read_refresh(map, node, consul.refresh_nanos);
  read_http_settings(map, source, consul.http);
  OBELISK_CHECK_OK(map.finish());
  if (consul.server.empty()) return yaml_error(source.file, node, "consul_sd_configs: server is missing");
  if (consul.scheme != "http" && consul.scheme != "https")
    return yaml_error(source.file, *node.find("scheme"), "consul_sd_configs: scheme must be http or https");
  bool other = consul.http.basic_auth || consul.http.oauth2 || consul.http.authorization;
  if ((!consul.user.empty() || !consul.password.empty() || !consul.token.empty()) && other)
    return yaml_error(
        source.file, node,
        "consul_sd_configs: token, username and password do not go together with basic_auth, oauth2 "
        "and authorization");
  consul.token.file = source.path(consul.token.file);
  OBELISK_CHECK_OK(check_http_settings(node, source, consul.http));
  return Discovery(std::move(consul));
}

constexpr std::array<std::string_view, 6> kRoles{"node",      "pod",           "service",
                                                 "endpoints", "endpointslice", "ingress"};

// Field selectors: comma separated name=value, name==value, name!=value.
bool is_field_selector(std::string_view text) {
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view part = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    size_t equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos) return false;
  }
  return true;
}

Result<void> read_selector(const YamlNode& item, const ConfigSource& source,
                           KubernetesDiscovery& kubernetes) {
  using Role = KubernetesDiscovery::Role;
  KubernetesSelector selector;
  YamlMap map(item, source.file, "selectors");
  map.string("role", selector.role);
  map.string("label", selector.label);
  map.string("field", selector.field);
  OBELISK_CHECK_OK(map.finish());
  // What each role watches, and so may select.
  auto allowed = [&]() -> std::vector<std::string_view> {
    switch (kubernetes.role) {
      case Role::pod:
        return {"pod", "node"};
      case Role::service:
        return {"service"};
      case Role::endpoints:
        return {"pod", "service", "endpoints"};
      case Role::endpointslice:
        return {"pod", "service", "endpointslice"};
      case Role::node:
        return {"node"};
      case Role::ingress:
        return {"ingress"};
    }
    return {};
  }();
  if (kubernetes.attach_node) allowed.push_back("node");
  if (kubernetes.attach_namespace) allowed.push_back("namespace");
  std::string role = to_lower(selector.role);
  std::string_view own = kRoles[static_cast<size_t>(kubernetes.role)];
  if (std::find(allowed.begin(), allowed.end(), role) == allowed.end())
    return yaml_error(
        source.file, item,
        fmt::format("kubernetes_sd_configs: role {} has no selectors for \"{}\"", own, selector.role));
  for (const KubernetesSelector& before : kubernetes.selectors) {
    if (before.role == role)
      return yaml_error(source.file, item,
                        fmt::format("kubernetes_sd_configs: two selectors for role {}", role));
  }
  if (!is_field_selector(selector.field))
    return yaml_error(source.file, item,
                      fmt::format("kubernetes_sd_configs: \"{}\" is no field selector", selector.field));
  selector.role = role;
  kubernetes.selectors.push_back(std::move(selector));
  return {};
}

Result<Discovery> read_kubernetes(const YamlNode& node, const ConfigSource& source) {
  KubernetesDiscovery kubernetes;
  std::string role;
  YamlMap map(node, source.file, "kubernetes_sd_configs");
  map.string("api_server", kubernetes.api_server);
  map.string("role", role);
  map.string("kubeconfig_file", kubernetes.kubeconfig_file);
  map.node("namespaces", [&](const YamlNode& namespaces) {
    YamlMap inner(namespaces, source.file, "namespaces");
    inner.boolean("own_namespace", kubernetes.own_namespace);
    inner.string_list("names", kubernetes.namespaces);
    return inner.finish();
  });
  map.node("attach_metadata", [&](const YamlNode& attach) {
    YamlMap inner(attach, source.file, "attach_metadata");
    inner.boolean("node", kubernetes.attach_node);
    inner.boolean("namespace", kubernetes.attach_namespace);
    return inner.finish();
  });
  map.list("selectors", [](const YamlNode&) { return Result<void>(); });
  read_http_settings(map, source, kubernetes.http);
  OBELISK_CHECK_OK(map.finish());
  auto wrong = [&](const char* at, std::string_view what) {
    return yaml_error(source.file, node.find(at) != nullptr ? *node.find(at) : node,
                      fmt::format("kubernetes_sd_configs: {}", what));
  };
  if (role.empty())
    return wrong("role", "role is missing (pod, service, endpoints, endpointslice, node or ingress)");
  const auto* known = std::find(kRoles.begin(), kRoles.end(), to_lower(role));
  if (known == kRoles.end()) return wrong("role", fmt::format("unknown role \"{}\"", role));
  kubernetes.role = static_cast<KubernetesDiscovery::Role>(known - kRoles.begin());
  OBELISK_CHECK_OK(check_http_settings(node, source, kubernetes.http));
  if (!kubernetes.api_server.empty() && !kubernetes.kubeconfig_file.empty())
    return wrong("kubeconfig_file", "kubeconfig_file and api_server exclude each other");
  if (!kubernetes.kubeconfig_file.empty() && has_http_settings(node))
    return wrong("kubeconfig_file", "kubeconfig_file and HTTP settings exclude each other");
  if (kubernetes.api_server.empty() && has_http_settings(node))
    return wrong("role", "HTTP settings need an api_server");
  if (!kubernetes.api_server.empty() && kubernetes.own_namespace)
    return wrong("namespaces", "own_namespace and api_server exclude each other");
  if (kubernetes.own_namespace && !kubernetes.namespaces.empty())
    return wrong("namespaces", "own_namespace and names exclude each other");
  if (const YamlNode* selectors = node.find("selectors")) {
    for (const YamlNode& item : selectors->items) OBELISK_CHECK_OK(read_selector(item, source, kubernetes));
  }
  kubernetes.kubeconfig_file = source.path(kubernetes.kubeconfig_file);
  return Discovery(std::move(kubernetes));
}

using Reader = Result<Discovery> (*)(const YamlNode&, const ConfigSource&);
constexpr std::array<std::pair<std::string_view, Reader>, 6> kReaders{
    {{"file_sd_configs", read_file},
     {"http_sd_configs", read_http},
     {"dns_sd_configs", read_dns},
     {"docker_sd_configs", read_docker},
     {"consul_sd_configs", read_consul},
     {"kubernetes_sd_configs", read_kubernetes}}};

Result<void> read_static(const YamlNode& item, const ConfigSource& source, NameScheme scheme,
                         bool check_addresses, DiscoveryList& out) {
  if (item.kind == YamlNode::Kind::null)
    return yaml_error(source.file, item, "static_configs: an empty entry");
  OBELISK_TRY(TargetGroup group, read_target_group(item, source.file, scheme));
  for (const Labels& target : group.targets) {
    std::string problem = address_problem(target.get("__address__"));
    if (check_addresses && !problem.empty())
      return yaml_error(source.file, item.find("targets") != nullptr ? *item.find("targets") : item,
                        "static_configs: " + problem);
  }
  group.source = fmt::format("static/{}", out.static_groups.size());
  out.static_groups.push_back(std::move(group));
  return {};
}

}  // namespace

std::string address_problem(std::string_view address) {
  bool printable = std::all_of(address.begin(), address.end(), [](char c) { return c > 0x20 && c != 0x7f; });
  if (!address.empty() && printable && address.find_first_of("/?#@") == std::string_view::npos) return "";
  return fmt::format("target \"{}\" must be host:port, without scheme or path", address);
}

Result<TargetGroup> read_target_group(const YamlNode& node, const std::string& file, NameScheme scheme) {
  if (node.kind == YamlNode::Kind::null) return yaml_error(file, node, "an empty target group");
  TargetGroup group;
  std::vector<std::string> addresses;
  std::map<std::string, std::string> labels;
  YamlMap map(node, file, "target group");
  map.string_list("targets", addresses);
  map.string_map("labels", labels);
  OBELISK_CHECK_OK(map.finish());
  for (const auto& [name, value] : labels) {
    const YamlNode& at = *node.find("labels");
    if (!is_label_name(name, scheme) || name == kMetricNameLabel)
      return yaml_error(file, at, fmt::format("\"{}\" is not a valid label name here", name));
    if (!is_valid_utf8(value)) return yaml_error(file, at, fmt::format("label \"{}\" is not UTF-8", name));
    group.labels.set(name, value);
  }
  for (const std::string& address : addresses) {
    if (address.empty() || !is_valid_utf8(address))
      return yaml_error(file, *node.find("targets"), "a target is empty or not UTF-8");
    group.targets.push_back(Labels{{"__address__", address}});
  }
  return group;
}

void read_discoveries(YamlMap& map, const ConfigSource& source, NameScheme scheme, bool check_addresses,
                      DiscoveryList& out, std::vector<Notice>& notices) {
  map.list("static_configs",
           [&](const YamlNode& item) { return read_static(item, source, scheme, check_addresses, out); });
  for (const auto& [key, reader] : kReaders) {
    map.list(key, [&, read = reader, name = key](const YamlNode& item) -> Result<void> {
      if (item.kind == YamlNode::Kind::null)
        return yaml_error(source.file, item, fmt::format("{}: an empty entry", name));
      OBELISK_TRY(Discovery discovery, read(item, source));
      out.discoveries.push_back(std::move(discovery));
      return {};
    });
  }
  read_unsupported_discoveries(map, source, notices);
}

}  // namespace obelisk::collect
