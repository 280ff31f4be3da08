// kubernetes_sd_configs: nodes, pods, services, endpoints, endpoint slices and ingresses of a cluster. Their
// collections are watched (kubernetes_watch.h), and a change is seen within a second or two. Where the server
// does not allow that, or there is more than fits into memory, everything is listed every kRefreshNanos; a
// watch is tried again after kWatchAgainNanos.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"
#include "collect/discovery/kubernetes_client.h"
#include "collect/discovery/kubernetes_objects.h"
#include "collect/discovery/kubernetes_watch.h"

namespace obelisk::collect {
namespace {

constexpr int64_t kRefreshNanos = 15 * kNanosPerSecond;
constexpr int64_t kWatchAgainNanos = 600 * kNanosPerSecond;
// Changes come in crowds: they are gathered this long, and longer where making the targets of them takes
// long.
constexpr int64_t kGatherNanos = kNanosPerSecond;
constexpr int kGatherShare = 20;
// Without news the targets are made again after this long, for nothing but robustness.
constexpr int64_t kQuietNanosMax = 60 * kNanosPerSecond;
constexpr size_t kWatchesMax = 32;  // each is a thread and a connection
constexpr std::string_view kCore = "/api/v1";
constexpr std::string_view kDiscoveryGroup = "/apis/discovery.k8s.io/v1";
constexpr std::string_view kNetworkingGroup = "/apis/networking.k8s.io/v1";

void add_all(const Labels& from, Labels& to) {
  for (const Label& label : from) to.set(label.name, label.value);
}

// Whether a TLS host of an ingress ("*.example.com") covers a rule's host.
bool covers(std::string_view pattern, std::string_view host) {
  if (pattern == host) return true;
  if (!pattern.starts_with("*.")) return false;
  size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && host.substr(dot) == pattern.substr(1);
}

// A kind of objects that targets are made of.
struct Resource {
  std::string_view group_path;
  std::string_view name;
  std::string_view role;
  bool namespaced = true;
};
constexpr Resource kNodes{kCore, "nodes", "node", false};
constexpr Resource kNamespaces{kCore, "namespaces", "namespace", false};
constexpr Resource kPods{kCore, "pods", "pod"};
constexpr Resource kServices{kCore, "services", "service"};
constexpr Resource kEndpoints{kCore, "endpoints", "endpoints"};
constexpr Resource kSlices{kDiscoveryGroup, "endpointslices", "endpointslice"};
constexpr Resource kIngresses{kNetworkingGroup, "ingresses", "ingress"};

class KubernetesDiscoverer : public Discoverer {
 public:
  KubernetesDiscoverer(KubernetesDiscovery settings, HttpFetcher& fetcher, KubernetesWatchOptions options)
      : settings_(std::move(settings)), client_(settings_, fetcher), options_(options) {}

  ~KubernetesDiscoverer() override { stop_watching(); }

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) override {
    OBELISK_CHECK_OK(client_.connect());
    if (std::chrono::steady_clock::now() >= watch_again_) OBELISK_CHECK_OK(wait_for_news(stop));
    auto started = std::chrono::steady_clock::now();
    groups_.clear();
    target_count_ = 0;
    OBELISK_CHECK_OK(load_attached(stop));
    Result<void> done = list_role(stop);
    if (!done.ok()) return done.error();
    pause_nanos_ = std::max<int64_t>(
        kGatherNanos,
        kGatherShare * std::chrono::nanoseconds(std::chrono::steady_clock::now() - started).count());
    return std::move(groups_);
  }
  int64_t pause_nanos() const override { return watches_.empty() ? kRefreshNanos : pause_nanos_; }

 private:
  using Role = KubernetesDiscovery::Role;

  bool joins_pods() const {
    return settings_.role == Role::endpoints || settings_.role == Role::endpointslice;
  }
  const Resource& own_resource() const {
    switch (settings_.role) {
      case Role::node:
        return kNodes;
      case Role::pod:
        return kPods;
      case Role::service:
        return kServices;
      case Role::endpoints:
        return kEndpoints;
      case Role::endpointslice:
        return kSlices;
      case Role::ingress:
        break;
    }
    return kIngresses;
  }

  std::vector<KubernetesCollection> collections_of(const Resource& resource) const {
    return client_.collections(resource.group_path, resource.name, resource.role, resource.namespaced);
  }

  void begin_watches() {
    std::vector<const Resource*> wanted = {&own_resource()};
    if (settings_.attach_node && settings_.role != Role::node) wanted.push_back(&kNodes);
    if (settings_.attach_namespace) wanted.push_back(&kNamespaces);
    if (joins_pods()) wanted.insert(wanted.end(), {&kServices, &kPods});
    size_t count = 0;
    for (const Resource* resource : wanted) count += collections_of(*resource).size();
    if (count > kWatchesMax) return stop_watching();
    for (const Resource* resource : wanted) {
      for (KubernetesCollection& collection : collections_of(*resource)) {
        std::string path = collection.path;
        watches_.emplace(std::move(path),
                         std::make_unique<KubernetesWatch>(client_, std::move(collection), news_, options_));
      }
    }
  }

  void stop_watching() {
    for (const auto& [path, watch] : watches_) watch->stop();
    watches_.clear();
    watch_again_ = std::chrono::steady_clock::now() + std::chrono::nanoseconds(kWatchAgainNanos);
  }

  // Until everything is listed and something has changed since the last time.
  Result<void> wait_for_news(const std::atomic<bool>& stop) {
    if (watches_.empty()) begin_watches();
    uint64_t told = seen_;
    while (!watches_.empty() && !stop) {
      told = news_.wait(told, stop, kQuietNanosMax);
      bool all_listed = true;
      for (const auto& [path, watch] : watches_) {
        if (watch->useless()) {
          stop_watching();
          return {};
        }
        if (watch->is_listed()) continue;
        all_listed = false;
        OBELISK_CHECK_OK(watch->last_error());
      }
      if (!all_listed) continue;
      seen_ = told;
      return {};
    }
    return {};
  }

  Result<void> for_each(const Resource& resource, const std::atomic<bool>& stop,
                        const KubernetesClient::Each& each) {
    for (const KubernetesCollection& collection : collections_of(resource)) {
      auto watch = watches_.find(collection.path);
      if (watch != watches_.end()) {
        watch->second->visit(each);
      } else if (auto listed = client_.list(collection, stop, each); !listed.ok()) {
        return listed.error();
      }
    }
    return {};
  }

  Result<void> list_role(const std::atomic<bool>& stop) {
    return for_each(own_resource(), stop, [this](const YamlNode& object) {
      switch (settings_.role) {
        case Role::node:
          return add_node(object);
        case Role::pod:
          return add_pod(object);
        case Role::service:
          return add_service(object);
        case Role::endpoints:
          return add_endpoints(object);
        case Role::endpointslice:
          return add_slice(object);
        case Role::ingress:
          return add_ingress(object);
      }
    });
  }

  // The objects that others are joined with.
  Result<void> load_attached(const std::atomic<bool>& stop) {
    nodes_.clear();
    namespaces_.clear();
    pods_.clear();
    services_.clear();
    if (settings_.attach_node)
      OBELISK_CHECK_OK(for_each(kNodes, stop, [this](const YamlNode& node) {
        nodes_[text_at(node, {"metadata", "name"})] = kubernetes_node_labels(node);
      }));
    if (settings_.attach_namespace)
      OBELISK_CHECK_OK(for_each(kNamespaces, stop, [this](const YamlNode& space) {
        add_object_labels(space, "namespace", namespaces_[text_at(space, {"metadata", "name"})]);
      }));
    if (!joins_pods()) return {};
    OBELISK_CHECK_OK(for_each(kServices, stop, [this](const YamlNode& service) {
      services_[kubernetes_key(service)] = kubernetes_service_labels(service);
    }));
    return for_each(kPods, stop, [this](const YamlNode& object) {
      KubernetesPod pod = kubernetes_pod(object);
      std::string key = pod.key;
      pods_.emplace(std::move(key), std::move(pod));
    });
  }

  // A group for an object, with what all of its kind have.
  TargetGroup begin(const YamlNode& object, std::string_view kind) {
    TargetGroup group;
    std::string space = kubernetes_namespace(object);
    group.source = fmt::format(
        "{}/{}", kind, space.empty() ? text_at(object, {"metadata", "name"}) : kubernetes_key(object));
    group.labels.set("__meta_kubernetes_namespace", space);
    auto attached = namespaces_.find(space);
    if (attached != namespaces_.end()) add_all(attached->second, group.labels);
    return group;
  }

  void finish(TargetGroup group) {
    if (target_count_ + group.targets.size() > kDiscoveredTargetsMax) return;
    target_count_ += group.targets.size();
    groups_.push_back(std::move(group));
  }

  void attach_node(const std::string& name, Labels& labels) const {
    auto node = nodes_.find(name);
    if (node != nodes_.end()) add_all(node->second, labels);
  }

  void add_node(const YamlNode& node) {
    TargetGroup group = begin(node, "node");
    add_all(kubernetes_node_labels(node), group.labels);
    std::string address = kubernetes_node_address(node);
    if (address.empty()) return;
    std::string name = text_at(node, {"metadata", "name"});
    std::string port = text_at(node, {"status", "daemonEndpoints", "kubeletEndpoint", "Port"});
    Labels target{{"__address__", join_host_port(address, port)}, {"instance", name}};
    for (const YamlNode& one : items_at(*node.find("status"), "addresses")) {
      std::string label = "__meta_kubernetes_node_address_" + sanitized_label_name(text_at(one, {"type"}));
      if (!target.has(label)) target.set(label, text_at(one, {"address"}));
    }
    group.targets.push_back(std::move(target));
    finish(std::move(group));
  }

  void add_pod(const YamlNode& object) {
    KubernetesPod pod = kubernetes_pod(object);
    TargetGroup group = begin(object, "pod");
    add_all(pod.labels, group.labels);
    attach_node(pod.node, group.labels);
    for (const KubernetesContainer& container : pod.containers) {
      if (pod.ip.empty()) break;  // not started
      Labels labels = kubernetes_container_labels(container);
      if (container.ports.empty()) {
        labels.set("__address__", pod.ip.find(':') == std::string::npos ? pod.ip : "[" + pod.ip + "]");
        group.targets.push_back(std::move(labels));
        continue;
      }
      for (const KubernetesPort& port : container.ports) {
        Labels target = labels;
        add_container_port(port, target);
        target.set("__address__", join_host_port(pod.ip, port.number));
        group.targets.push_back(std::move(target));
      }
    }
    finish(std::move(group));
  }

  void add_service(const YamlNode& service) {
    TargetGroup group = begin(service, "svc");
    add_all(kubernetes_service_labels(service), group.labels);
    std::string type = text_at(service, {"spec", "type"});
    std::string host =
        fmt::format("{}.{}.svc", text_at(service, {"metadata", "name"}), kubernetes_namespace(service));
    const YamlNode* spec = service.find("spec");
    if (spec == nullptr) return;
    for (const YamlNode& port : items_at(*spec, "ports")) {
      std::string number = text_at(port, {"port"});
      Labels labels{{"__address__", join_host_port(host, number)},
                    {"__meta_kubernetes_service_port_name", text_at(port, {"name"})},
                    {"__meta_kubernetes_service_port_number", number},
                    {"__meta_kubernetes_service_port_protocol", text_at(port, {"protocol"})},
                    {"__meta_kubernetes_service_type", type}};
      if (type == "ExternalName") {
        labels.set("__meta_kubernetes_service_external_name", text_at(*spec, {"externalName"}));
      } else {
        labels.set("__meta_kubernetes_service_cluster_ip", text_at(*spec, {"clusterIP"}));
      }
      if (type == "LoadBalancer")
        labels.set("__meta_kubernetes_service_loadbalancer_ip", text_at(*spec, {"loadBalancerIP"}));
      group.targets.push_back(std::move(labels));
    }
    finish(std::move(group));
  }

  // What of a pod the endpoints of a service cover, so that its other ports get targets of their own.
  struct Seen {
    const KubernetesPod* pod = nullptr;
    std::set<std::string> ports;
  };
  using SeenPods = std::map<std::string, Seen>;

  void attach_pod(const YamlNode& endpoint, std::string_view space, const std::string& port, Labels& labels,
                  SeenPods& seen) const {
    const YamlNode* reference = endpoint.find("targetRef");
    if (reference == nullptr || text_at(*reference, {"kind"}) != "Pod") return;
    std::string reference_space = text_at(*reference, {"namespace"});
    auto found =
        pods_.find(fmt::format("{}/{}", reference_space.empty() ? space : std::string_view(reference_space),
                               text_at(*reference, {"name"})));
    if (found == pods_.end()) return;
    const KubernetesPod& pod = found->second;
    add_all(pod.labels, labels);
    Seen& entry = seen[pod.key];
    entry.pod = &pod;
    for (const KubernetesContainer& container : pod.containers) {
      for (const KubernetesPort& exposed : container.ports) {
        if (exposed.number != port) continue;
        entry.ports.insert(port);
        add_all(kubernetes_container_labels(container), labels);
        add_container_port(exposed, labels);
        return;
      }
    }
  }

  void add_other_ports(const SeenPods& seen, TargetGroup& group) const {
    for (const auto& [key, entry] : seen) {
      for (const KubernetesContainer& container : entry.pod->containers) {
        for (const KubernetesPort& port : container.ports) {
          if (entry.ports.contains(port.number) || entry.pod->ip.empty()) continue;
          Labels labels = kubernetes_container_labels(container);
          add_container_port(port, labels);
          add_all(entry.pod->labels, labels);
          attach_node(entry.pod->node, labels);
          labels.set("__address__", join_host_port(entry.pod->ip, port.number));
          group.targets.push_back(std::move(labels));
        }
      }
    }
  }

  static void add_reference(const YamlNode& endpoint, const std::string& prefix, Labels& labels) {
    const YamlNode* reference = endpoint.find("targetRef");
    if (reference == nullptr) return;
    labels.set(prefix + "address_target_kind", text_at(*reference, {"kind"}));
    labels.set(prefix + "address_target_name", text_at(*reference, {"name"}));
  }

  void add_endpoints(const YamlNode& endpoints) {
    TargetGroup group = begin(endpoints, "endpoints");
    std::string space = kubernetes_namespace(endpoints);
    group.labels.set("__meta_kubernetes_endpoints_name", text_at(endpoints, {"metadata", "name"}));
    add_object_labels(endpoints, "endpoints", group.labels);
    auto service = services_.find(kubernetes_key(endpoints));
    if (service != services_.end()) add_all(service->second, group.labels);
    SeenPods seen;
    auto add = [&](const YamlNode& address, const YamlNode& port, bool ready) {
      std::string number = text_at(port, {"port"});
      Labels labels{{"__address__", join_host_port(text_at(address, {"ip"}), number)},
                    {"__meta_kubernetes_endpoint_port_name", text_at(port, {"name"})},
                    {"__meta_kubernetes_endpoint_port_protocol", text_at(port, {"protocol"})},
                    {"__meta_kubernetes_endpoint_ready", ready ? "true" : "false"},
                    {"__meta_kubernetes_endpoint_hostname", text_at(address, {"hostname"})},
                    {"__meta_kubernetes_endpoint_node_name", text_at(address, {"nodeName"})}};
      add_reference(address, "__meta_kubernetes_endpoint_", labels);
      attach_node(text_at(address, {"nodeName"}), labels);
      attach_pod(address, space, number, labels, seen);
      group.targets.push_back(std::move(labels));
    };
    for (const YamlNode& subset : items_at(endpoints, "subsets")) {
      for (const YamlNode& port : items_at(subset, "ports")) {
        for (const YamlNode& address : items_at(subset, "addresses")) add(address, port, true);
        for (const YamlNode& address : items_at(subset, "notReadyAddresses")) add(address, port, false);
      }
    }
    add_other_ports(seen, group);
    finish(std::move(group));
  }

  static Labels endpoint_labels(const YamlNode& endpoint, std::string_view address_type) {
    const std::string prefix = "__meta_kubernetes_endpointslice_";
    Labels labels{{prefix + "address_type", address_type}};
    for (const char* condition : {"ready", "serving", "terminating"})
      labels.set(prefix + "endpoint_conditions_" + condition, text_at(endpoint, {"conditions", condition}));
    labels.set(prefix + "endpoint_hostname", text_at(endpoint, {"hostname"}));
    labels.set(prefix + "endpoint_node_name", text_at(endpoint, {"nodeName"}));
    labels.set(prefix + "endpoint_zone", text_at(endpoint, {"zone"}));
    add_reference(endpoint, prefix, labels);
    for (const YamlEntry& topology : entries_at(endpoint, "deprecatedTopology")) {
      std::string name = sanitized_label_name(topology.key);
      labels.set(prefix + "endpoint_topology_" + name, topology.value.scalar);
      labels.set(prefix + "endpoint_topology_present_" + name, "true");
    }
    return labels;
  }

  void add_slice(const YamlNode& slice) {
    const std::string prefix = "__meta_kubernetes_endpointslice_";
    TargetGroup group = begin(slice, "endpointslice");
    std::string space = kubernetes_namespace(slice);
    group.labels.set(prefix + "name", text_at(slice, {"metadata", "name"}));
    add_object_labels(slice, "endpointslice", group.labels);
    std::string service_name = text_at(slice, {"metadata", "labels", "kubernetes.io/service-name"});
    auto service = services_.find(space + "/" + service_name);
    if (service != services_.end()) add_all(service->second, group.labels);
    SeenPods seen;
    for (const YamlNode& port : items_at(slice, "ports")) {
      std::string number = text_at(port, {"port"});
      for (const YamlNode& endpoint : items_at(slice, "endpoints")) {
        for (const YamlNode& address : items_at(endpoint, "addresses")) {
          Labels labels = endpoint_labels(endpoint, text_at(slice, {"addressType"}));
          labels.set("__address__", join_host_port(address.scalar, number));
          labels.set(prefix + "port", number);
          labels.set(prefix + "port_name", text_at(port, {"name"}));
          labels.set(prefix + "port_protocol", text_at(port, {"protocol"}));
          labels.set(prefix + "port_app_protocol", text_at(port, {"appProtocol"}));
          attach_node(text_at(endpoint, {"nodeName"}), labels);
          attach_pod(endpoint, space, number, labels, seen);
          group.targets.push_back(std::move(labels));
        }
      }
    }
    add_other_ports(seen, group);
    finish(std::move(group));
  }

  void add_ingress(const YamlNode& ingress) {
    TargetGroup group = begin(ingress, "ingress");
    group.labels.set("__meta_kubernetes_ingress_name", text_at(ingress, {"metadata", "name"}));
    group.labels.set("__meta_kubernetes_ingress_class_name", text_at(ingress, {"spec", "ingressClassName"}));
    add_object_labels(ingress, "ingress", group.labels);
    const YamlNode* spec = ingress.find("spec");
    if (spec == nullptr) return;
    for (const YamlNode& rule : items_at(*spec, "rules")) {
      std::string host = text_at(rule, {"host"});
      bool tls = false;
      for (const YamlNode& block : items_at(*spec, "tls")) {
        for (const YamlNode& name : items_at(block, "hosts")) tls = tls || covers(name.scalar, host);
      }
      std::vector<std::string> paths;
      if (const YamlNode* http = rule.find("http")) {
        for (const YamlNode& path : items_at(*http, "paths")) {
          std::string text = text_at(path, {"path"});
          paths.push_back(text.empty() ? "/" : text);
        }
      }
      if (paths.empty()) paths = {"/"};
      for (const std::string& path : paths)
        group.targets.push_back(Labels{{"__address__", host},
                                       {"__meta_kubernetes_ingress_scheme", tls ? "https" : "http"},
                                       {"__meta_kubernetes_ingress_host", host},
                                       {"__meta_kubernetes_ingress_path", path}});
    }
    finish(std::move(group));
  }

  const KubernetesDiscovery settings_;
  KubernetesClient client_;
  const KubernetesWatchOptions options_;
  KubernetesNews news_;
  std::map<std::string, std::unique_ptr<KubernetesWatch>> watches_;  // by path; empty: everything is listed
  std::chrono::steady_clock::time_point watch_again_;                // before it nothing is watched
  uint64_t seen_ = 0;                                                // of the news
  int64_t pause_nanos_ = kGatherNanos;
  std::map<std::string, Labels> nodes_;
  std::map<std::string, Labels> namespaces_;
  std::map<std::string, Labels> services_;
  std::map<std::string, KubernetesPod> pods_;
  std::vector<TargetGroup> groups_;
  size_t target_count_ = 0;
};

}  // namespace

std::unique_ptr<Discoverer> make_kubernetes_discoverer(KubernetesDiscovery settings, HttpFetcher& fetcher) {
  return make_kubernetes_discoverer(std::move(settings), fetcher, {});
}

std::unique_ptr<Discoverer> make_kubernetes_discoverer(KubernetesDiscovery settings, HttpFetcher& fetcher,
                                                       KubernetesWatchOptions options) {
  return std::make_unique<KubernetesDiscoverer>(std::move(settings), fetcher, options);
}

}  // namespace obelisk::collect
