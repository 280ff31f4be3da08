#include "wire/loki_labels.h"

#include <algorithm>
#include <array>

namespace obelisk {
namespace {

struct StreamLabel {
  std::string_view attribute;
  std::string_view label;
};

// Loki's default resource attributes that are indexed (18), sorted by attribute.
constexpr std::array<StreamLabel, 18> kStreamLabels{{
    {"cloud.availability_zone", "cloud_availability_zone"},
    {"cloud.region", "cloud_region"},
    {"container.name", "container_name"},
    {"deployment.environment", "deployment_environment"},
    {"deployment.environment.name", "deployment_environment_name"},
    {"k8s.cluster.name", "k8s_cluster_name"},
    {"k8s.container.name", "k8s_container_name"},
    {"k8s.cronjob.name", "k8s_cronjob_name"},
    {"k8s.daemonset.name", "k8s_daemonset_name"},
    {"k8s.deployment.name", "k8s_deployment_name"},
    {"k8s.job.name", "k8s_job_name"},
    {"k8s.namespace.name", "k8s_namespace_name"},
    {"k8s.pod.name", "k8s_pod_name"},
    {"k8s.replicaset.name", "k8s_replicaset_name"},
    {"k8s.statefulset.name", "k8s_statefulset_name"},
    {"service.instance.id", "service_instance_id"},
    {"service.name", "service_name"},
    {"service.namespace", "service_namespace"},
}};
static_assert(std::is_sorted(kStreamLabels.begin(), kStreamLabels.end(),
                             [](const StreamLabel& a, const StreamLabel& b) {
                               return a.attribute < b.attribute;
                             }));

constexpr std::array<std::string_view, 13> kServiceNameSources{"service",
                                                               "app",
                                                               "application",
                                                               "app_name",
                                                               "name",
                                                               "app_kubernetes_io_name",
                                                               "container",
                                                               "container_name",
                                                               "k8s_container_name",
                                                               "component",
                                                               "workload",
                                                               "job",
                                                               "k8s_job_name"};

}  // namespace

std::string_view stream_label_of(std::string_view resource_attribute) {
  auto it = std::lower_bound(
      kStreamLabels.begin(), kStreamLabels.end(), resource_attribute,
      [](const StreamLabel& entry, std::string_view name) { return entry.attribute < name; });
  return it != kStreamLabels.end() && it->attribute == resource_attribute ? it->label : std::string_view();
}

void discover_service_name(std::vector<LabelRef>& labels) {
  if (!label_value(labels, kServiceNameLabel).empty()) return;
  std::string_view value = kUnknownService;
  for (std::string_view source : kServiceNameSources) {
    if (std::string_view found = label_value(labels, source); !found.empty()) {
      value = found;
      break;
    }
  }
  auto at = std::lower_bound(labels.begin(), labels.end(), kServiceNameLabel,
                             [](const LabelRef& label, std::string_view name) { return label.name < name; });
  labels.insert(at, LabelRef{kServiceNameLabel, value});
}

void normalize_labels(std::vector<LabelRef>& labels) {
  auto by_name = [](const LabelRef& a, const LabelRef& b) { return a.name < b.name; };
  if (!std::is_sorted(labels.begin(), labels.end(), by_name)) {
    std::stable_sort(labels.begin(), labels.end(), by_name);
  }
  size_t kept = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    bool superseded = i + 1 < labels.size() && labels[i + 1].name == labels[i].name;
    if (superseded || labels[i].value.empty()) continue;
    labels[kept++] = labels[i];
  }
  labels.resize(kept);
}

}  // namespace obelisk
