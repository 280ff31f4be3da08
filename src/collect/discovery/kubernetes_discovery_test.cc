// kubernetes_sd_configs against a server that answers as an API server does; the objects are written by hand.
#include <functional>

#include "collect/discovery/sources_test.h"

namespace obelisk::collect {
namespace {

class KubernetesDiscoveryTest : public testing::Test {
 protected:
  Lines list(KubernetesDiscovery::Role role, const std::function<void(KubernetesDiscovery&)>& change = {}) {
    KubernetesDiscovery settings;
    settings.role = role;
    settings.api_server = server_.url("");
    if (change) change(settings);
    return discovered(*make_kubernetes_discoverer(settings, fetcher_));
  }

  static constexpr std::string_view kPods = R"({"metadata": {}, "items": [
    {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "labels": {"app.kubernetes.io/name": "web"},
                  "annotations": {"prometheus.io/scrape": "true"},
                  "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": true}]},
     "spec": {"nodeName": "n1", "containers": [
        {"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                                                    {"name": "admin", "containerPort": 9000}]},
        {"name": "side", "image": "side:1"}]},
     "status": {"phase": "Running", "podIP": "10.0.0.5", "hostIP": "192.168.0.1",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "containerID": "docker://a1"}]}},
    {"metadata": {"name": "new", "namespace": "shop"}, "spec": {"containers": [{"name": "x", "image": "x"}]},
     "status": {"phase": "Pending"}}]})";
  static constexpr std::string_view kServices = R"({"items": [
    {"metadata": {"name": "web", "namespace": "shop", "labels": {"team": "a"}},
     "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}}]})";

  JsonServer server_;
  HttpFetcher fetcher_;
};

TEST_F(KubernetesDiscoveryTest, Pods) {
  server_.set("/api/v1/pods?limit=500", std::string(kPods));
  Lines lines = list(KubernetesDiscovery::Role::pod);
  ASSERT_EQ(lines.size(), 3u);
  const std::string pod =
      R"(__meta_kubernetes_namespace="shop", __meta_kubernetes_pod_annotation_prometheus_io_scrape="true", )"
      R"(__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape="true", )";
  EXPECT_EQ(
      lines[1],
      R"({__address__="10.0.0.5:8080", )" + pod +
          R"(__meta_kubernetes_pod_container_id="docker://a1", __meta_kubernetes_pod_container_image="web:1", )"
          R"(__meta_kubernetes_pod_container_init="false", __meta_kubernetes_pod_container_name="app", )"
          R"(__meta_kubernetes_pod_container_port_name="http", __meta_kubernetes_pod_container_port_number="8080", )"
          R"(__meta_kubernetes_pod_container_port_protocol="TCP", __meta_kubernetes_pod_controller_kind="ReplicaSet", )"
          R"(__meta_kubernetes_pod_controller_name="web", __meta_kubernetes_pod_host_ip="192.168.0.1", )"
          R"(__meta_kubernetes_pod_ip="10.0.0.5", __meta_kubernetes_pod_label_app_kubernetes_io_name="web", )"
          R"(__meta_kubernetes_pod_labelpresent_app_kubernetes_io_name="true", __meta_kubernetes_pod_name="web-1", )"
          R"(__meta_kubernetes_pod_node_name="n1", __meta_kubernetes_pod_phase="Running", )"
          R"(__meta_kubernetes_pod_ready="true", __meta_kubernetes_pod_uid="u1"})");
  EXPECT_NE(lines[0].find(R"(__address__="10.0.0.5", )"), std::string::npos) << lines[0];
  EXPECT_NE(lines[2].find(R"(__address__="10.0.0.5:9000", )"), std::string::npos);
  server_.set("/api/v1/namespaces/shop/pods?limit=500&labelSelector=a%3Db", R"({"items": []})");
  EXPECT_TRUE(list(KubernetesDiscovery::Role::pod, [](KubernetesDiscovery& settings) {
                settings.namespaces = {"shop"};
                settings.selectors = {{"pod", "a=b", ""}};
              }).empty());
}

TEST_F(KubernetesDiscoveryTest, NodesInPages) {
  server_.set("/api/v1/nodes?limit=500", R"({"metadata": {"continue": "more"}, "items": [
    {"metadata": {"name": "n1", "labels": {"zone": "z"}}, "spec": {"providerID": "p"},
     "status": {"addresses": [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}]})");
  server_.set("/api/v1/nodes?limit=500&continue=more", R"({"items": [
    {"metadata": {"name": "n2"}, "status": {"addresses": [{"type": "Hostname", "address": "h2"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}]})");
  EXPECT_EQ(
      list(KubernetesDiscovery::Role::node),
      (Lines{
          R"({__address__="10.0.0.1:10250", __meta_kubernetes_node_address_Hostname="h", )"
          R"(__meta_kubernetes_node_address_InternalIP="10.0.0.1", __meta_kubernetes_node_label_zone="z", )"
          R"(__meta_kubernetes_node_labelpresent_zone="true", __meta_kubernetes_node_name="n1", )"
          R"(__meta_kubernetes_node_provider_id="p", instance="n1"})",
          R"({__address__="h2:10250", __meta_kubernetes_node_address_Hostname="h2", )"
          R"(__meta_kubernetes_node_name="n2", instance="n2"})"}));
}

TEST_F(KubernetesDiscoveryTest, ServicesAndIngresses) {
  server_.set("/api/v1/services?limit=500", std::string(kServices));
  EXPECT_EQ(
      list(KubernetesDiscovery::Role::service),
      Lines{R"({__address__="web.shop.svc:80", __meta_kubernetes_namespace="shop", )"
            R"(__meta_kubernetes_service_cluster_ip="10.1.0.1", __meta_kubernetes_service_label_team="a", )"
            R"(__meta_kubernetes_service_labelpresent_team="true", __meta_kubernetes_service_name="web", )"
            R"(__meta_kubernetes_service_port_name="http", __meta_kubernetes_service_port_number="80", )"
            R"(__meta_kubernetes_service_port_protocol="TCP", __meta_kubernetes_service_type="ClusterIP"})"});
  server_.set("/apis/networking.k8s.io/v1/ingresses?limit=500", R"({"items": [
    {"metadata": {"name": "in", "namespace": "shop"},
     "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.example.com"]}],
              "rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/x"}]}}, {"host": "b.org"}]}}]})");
  const std::string common =
      R"(__meta_kubernetes_ingress_class_name="nginx", __meta_kubernetes_ingress_host=)";
  EXPECT_EQ(
      list(KubernetesDiscovery::Role::ingress),
      (Lines{
          R"({__address__="a.example.com", )" + common +
              R"("a.example.com", __meta_kubernetes_ingress_name="in", __meta_kubernetes_ingress_path="/x", )"
              R"(__meta_kubernetes_ingress_scheme="https", __meta_kubernetes_namespace="shop"})",
          R"({__address__="b.org", )" + common +
              R"("b.org", __meta_kubernetes_ingress_name="in", __meta_kubernetes_ingress_path="/", )"
              R"(__meta_kubernetes_ingress_scheme="http", __meta_kubernetes_namespace="shop"})"}));
}

TEST_F(KubernetesDiscoveryTest, EndpointsAndSlicesJoinPodsAndServices) {
  server_.set("/api/v1/pods?limit=500", std::string(kPods));
  server_.set("/api/v1/services?limit=500", std::string(kServices));
  server_.set("/api/v1/endpoints?limit=500", R"({"items": [
    {"metadata": {"name": "web", "namespace": "shop"},
     "subsets": [{"ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                  "addresses": [{"ip": "10.0.0.5", "nodeName": "n1",
                                 "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "shop"}}],
                  "notReadyAddresses": [{"ip": "10.0.0.6", "hostname": "hn"}]}]}]})");
  Lines lines = list(KubernetesDiscovery::Role::endpoints);
  ASSERT_EQ(lines.size(), 3u) << testing::PrintToString(lines);
  for (std::string_view part :
       {R"(__address__="10.0.0.5:8080")", R"(__meta_kubernetes_endpoint_ready="true")",
        R"(__meta_kubernetes_endpoint_address_target_name="web-1")", R"(__meta_kubernetes_pod_name="web-1")",
        R"(__meta_kubernetes_pod_container_port_name="http")", R"(__meta_kubernetes_service_label_team="a")",
        R"(__meta_kubernetes_endpoints_name="web")", R"(__meta_kubernetes_endpoint_node_name="n1")"})
    EXPECT_NE(lines[0].find(part), std::string::npos) << part << " in " << lines[0];
  // The pod's other port, which the service does not have.
  EXPECT_NE(lines[1].find(R"(__address__="10.0.0.5:9000")"), std::string::npos) << lines[1];
  EXPECT_EQ(lines[1].find("endpoint_ready"), std::string::npos);
  EXPECT_NE(lines[2].find(R"(__meta_kubernetes_endpoint_hostname="hn")"), std::string::npos);
  EXPECT_NE(lines[2].find(R"(__meta_kubernetes_endpoint_ready="false")"), std::string::npos);

  server_.set("/apis/discovery.k8s.io/v1/endpointslices?limit=500", R"({"items": [
    {"metadata": {"name": "web-abc", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
     "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
     "endpoints": [{"addresses": ["10.0.0.5"], "conditions": {"ready": true, "serving": true, "terminating": false},
                    "nodeName": "n1", "zone": "z1", "targetRef": {"kind": "Pod", "name": "web-1"}}]}]})");
  lines = list(KubernetesDiscovery::Role::endpointslice);
  ASSERT_EQ(lines.size(), 2u);
  for (std::string_view part :
       {R"(__meta_kubernetes_endpointslice_endpoint_conditions_ready="true")",
        R"(__meta_kubernetes_endpointslice_address_type="IPv4")",
        R"(__meta_kubernetes_endpointslice_port="8080")",
        R"(__meta_kubernetes_endpointslice_endpoint_zone="z1")", R"(__meta_kubernetes_service_name="web")",
        R"(__meta_kubernetes_pod_container_name="app")"})
    EXPECT_NE(lines[0].find(part), std::string::npos) << part << " in " << lines[0];
}

TEST_F(KubernetesDiscoveryTest, ReadsAKubeconfig) {
  Folder folder;
  folder.write("config", fmt::format(R"(
current-context: main
contexts: [{{name: main, context: {{cluster: c, user: u, namespace: shop}}}}]
clusters: [{{name: c, cluster: {{server: '{}'}}}}]
users: [{{name: u, user: {{token: abc}}}}]
)",
                                     server_.url("")));
  server_.set("/api/v1/namespaces/shop/pods?limit=500", std::string(kPods));
  EXPECT_EQ(list(KubernetesDiscovery::Role::pod,
                 [&](KubernetesDiscovery& settings) {
                   settings.api_server.clear();
                   settings.kubeconfig_file = folder.file("config");
                   settings.own_namespace = true;
                 })
                .size(),
            3u);
  EXPECT_EQ(server_.last().header("authorization"), "Bearer abc");
}

}  // namespace
}  // namespace obelisk::collect
