#pragma once
// What discovery needs of Kubernetes objects, as the __meta_kubernetes_* labels that Prometheus gives them.
// Pure functions from the JSON of an API server.
#include <string>
#include <vector>

#include "base/yaml.h"
#include "model/labels.h"

namespace obelisk::collect {

struct KubernetesPort {
  std::string name;
  std::string number;
  std::string protocol;
};

struct KubernetesContainer {
  std::string name;
  std::string image;
  std::string id;
  bool init = false;
  std::vector<KubernetesPort> ports;
};

struct KubernetesPod {
  std::string key;  // namespace/name
  std::string ip;
  std::string node;
  Labels labels;  // those of the pod itself, its namespace among them
  std::vector<KubernetesContainer> containers;
};

std::string kubernetes_key(const YamlNode& object);
std::string kubernetes_namespace(const YamlNode& object);
// The object's labels and annotations: __meta_kubernetes_<kind>_label_x, _labelpresent_x, _annotation_x and
// _annotationpresent_x.
void add_object_labels(const YamlNode& object, std::string_view kind, Labels& labels);

KubernetesPod kubernetes_pod(const YamlNode& object);
Labels kubernetes_container_labels(const KubernetesContainer& container);
void add_container_port(const KubernetesPort& port, Labels& labels);

// Group labels of a service, without its namespace.
Labels kubernetes_service_labels(const YamlNode& object);

// The address by which a node's kubelet is reached; empty when the node has none.
std::string kubernetes_node_address(const YamlNode& object);
Labels kubernetes_node_labels(const YamlNode& object);

}  // namespace obelisk::collect
