#include "collect/discovery/kubernetes_objects.h"

#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"

namespace obelisk::collect {
namespace {

void add_map(const YamlNode* map, const std::string& prefix, const std::string& present, Labels& labels) {
  if (map == nullptr) return;
  for (const YamlEntry& entry : map->entries) {
    std::string name = sanitized_label_name(entry.key);
    labels.set(prefix + name, entry.value.scalar);
    labels.set(present + name, "true");
  }
}

std::string pod_ready(const YamlNode& pod) {
  if (const YamlNode* status = pod.find("status")) {
    for (const YamlNode& condition : items_at(*status, "conditions")) {
      if (text_at(condition, {"type"}) == "Ready") return to_lower(text_at(condition, {"status"}));
    }
  }
  return "unknown";
}

void add_containers(const YamlNode& pod, const char* list, const char* statuses, bool init,
                    KubernetesPod& out) {
  const YamlNode* spec = pod.find("spec");
  const YamlNode* status = pod.find("status");
  if (spec == nullptr) return;
  for (const YamlNode& item : items_at(*spec, list)) {
    KubernetesContainer container{text_at(item, {"name"}), text_at(item, {"image"}), "", init, {}};
    if (status != nullptr) {
      for (const YamlNode& one : items_at(*status, statuses)) {
        if (text_at(one, {"name"}) == container.name) container.id = text_at(one, {"containerID"});
      }
    }
    for (const YamlNode& port : items_at(item, "ports")) {
      std::string protocol = text_at(port, {"protocol"});
      container.ports.push_back(
          {text_at(port, {"name"}), text_at(port, {"containerPort"}), protocol.empty() ? "TCP" : protocol});
    }
    out.containers.push_back(std::move(container));
  }
}

}  // namespace

std::string kubernetes_namespace(const YamlNode& object) {
  return text_at(object, {"metadata", "namespace"});
}

std::string kubernetes_key(const YamlNode& object) {
  return kubernetes_namespace(object) + "/" + text_at(object, {"metadata", "name"});
}

void add_object_labels(const YamlNode& object, std::string_view kind, Labels& labels) {
  std::string prefix = "__meta_kubernetes_" + std::string(kind);
  add_map(node_at(object, {"metadata", "labels"}), prefix + "_label_", prefix + "_labelpresent_", labels);
  add_map(node_at(object, {"metadata", "annotations"}), prefix + "_annotation_",
          prefix + "_annotationpresent_", labels);
}

KubernetesPod kubernetes_pod(const YamlNode& object) {
  KubernetesPod pod;
  pod.key = kubernetes_key(object);
  pod.ip = text_at(object, {"status", "podIP"});
  pod.node = text_at(object, {"spec", "nodeName"});
  Labels& labels = pod.labels;
  labels.set("__meta_kubernetes_namespace", kubernetes_namespace(object));
  labels.set("__meta_kubernetes_pod_name", text_at(object, {"metadata", "name"}));
  labels.set("__meta_kubernetes_pod_ip", pod.ip);
  labels.set("__meta_kubernetes_pod_ready", pod_ready(object));
  labels.set("__meta_kubernetes_pod_phase", text_at(object, {"status", "phase"}));
  labels.set("__meta_kubernetes_pod_node_name", pod.node);
  labels.set("__meta_kubernetes_pod_host_ip", text_at(object, {"status", "hostIP"}));
  labels.set("__meta_kubernetes_pod_uid", text_at(object, {"metadata", "uid"}));
  if (const YamlNode* metadata = object.find("metadata")) {
    for (const YamlNode& owner : items_at(*metadata, "ownerReferences")) {
      if (text_at(owner, {"controller"}) != "true") continue;
      labels.set("__meta_kubernetes_pod_controller_kind", text_at(owner, {"kind"}));
      labels.set("__meta_kubernetes_pod_controller_name", text_at(owner, {"name"}));
    }
  }
  add_object_labels(object, "pod", labels);
  add_containers(object, "containers", "containerStatuses", false, pod);
  add_containers(object, "initContainers", "initContainerStatuses", true, pod);
  return pod;
}

Labels kubernetes_container_labels(const KubernetesContainer& container) {
  return Labels{{"__meta_kubernetes_pod_container_name", container.name},
                {"__meta_kubernetes_pod_container_id", container.id},
                {"__meta_kubernetes_pod_container_image", container.image},
                {"__meta_kubernetes_pod_container_init", container.init ? "true" : "false"}};
}

void add_container_port(const KubernetesPort& port, Labels& labels) {
  labels.set("__meta_kubernetes_pod_container_port_name", port.name);
  labels.set("__meta_kubernetes_pod_container_port_number", port.number);
  labels.set("__meta_kubernetes_pod_container_port_protocol", port.protocol);
}

Labels kubernetes_service_labels(const YamlNode& object) {
  Labels labels{{"__meta_kubernetes_service_name", text_at(object, {"metadata", "name"})}};
  add_object_labels(object, "service", labels);
  return labels;
}

std::string kubernetes_node_address(const YamlNode& object) {
  const YamlNode* status = object.find("status");
  if (status == nullptr) return "";
  for (std::string_view wanted :
       {"InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"}) {
    for (const YamlNode& address : items_at(*status, "addresses")) {
      if (text_at(address, {"type"}) == wanted) return text_at(address, {"address"});
    }
  }
  return "";
}

Labels kubernetes_node_labels(const YamlNode& object) {
  Labels labels{{"__meta_kubernetes_node_name", text_at(object, {"metadata", "name"})},
                {"__meta_kubernetes_node_provider_id", text_at(object, {"spec", "providerID"})}};
  add_object_labels(object, "node", labels);
  return labels;
}

}  // namespace obelisk::collect
