// consul_sd_configs: the instances of the services of a Consul catalog. Each round waits (a blocking query)
// until the catalog changes or refresh_interval is over, and then asks for the health of every watched
// service.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

class ConsulDiscoverer : public Discoverer {
 public:
  ConsulDiscoverer(ConsulDiscovery settings, HttpFetcher& fetcher)
      : settings_(std::move(settings)), fetcher_(fetcher) {}

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) override {
    if (datacenter_.empty()) OBELISK_CHECK_OK(find_datacenter(stop));
    OBELISK_TRY(std::set<std::string> services, watched_services(stop));
    std::vector<TargetGroup> groups;
    size_t targets = 0;
    for (const std::string& service : services) {
      if (stop || targets >= kDiscoveredTargetsMax) break;
      OBELISK_TRY(TargetGroup group, instances(service, stop));
      targets += group.targets.size();
      groups.push_back(std::move(group));
    }
    return groups;
  }
  // The wait is in the query; without an index (services that are named) there is none.
  int64_t pause_nanos() const override { return index_.empty() ? settings_.refresh_nanos : kNanosPerSecond; }

 private:
  bool watches_catalog() const { return settings_.services.empty() || !settings_.tags.empty(); }

  Parameters common_parameters() const {
    Parameters parameters;
    auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) parameters.add(name, value);
    };
    add("dc", datacenter_);
    add("ns", settings_.namespace_name);
    add("partition", settings_.partition);
    if (settings_.allow_stale) parameters.add("stale", "");
    for (const auto& [name, value] : settings_.node_meta) parameters.add("node-meta", name + ":" + value);
    return parameters;
  }

  Result<YamlNode> get(const std::string& path, const Parameters& parameters, const std::atomic<bool>& stop,
                       std::string* index = nullptr) {
    ClientRequest request;
    std::string query = parameters.encode();
    request.url = fmt::format("{}://{}{}{}{}{}", settings_.scheme, settings_.server, settings_.path_prefix,
                              path, query.empty() ? "" : "?", query);
    request.headers = {{"User-Agent", "Obelisk"}};
    OBELISK_TRY(std::string token, secret_text(settings_.token));
    if (!token.empty()) request.secret_headers.emplace_back("X-Consul-Token", token);
    HttpSettings http = settings_.http;
    if (!settings_.user.empty() && !http.basic_auth)
      http.basic_auth = BasicAuth{{settings_.user, ""}, {settings_.password, ""}};
    request.timeout_ms =
        settings_.refresh_nanos / kNanosPerMilli + 15'000;  // Consul adds a sixteenth of jitter
    request.response_bytes_max = kAnswerBytesMax;
    request.cancel = &stop;
    OBELISK_TRY(ClientResponse response, fetcher_.fetch(std::move(request), http));
    if (response.status != 200)
      return make_error(ErrorCode::unavailable,
                        fmt::format("Consul {}: {} answered {}", settings_.server, path, response.status));
    if (index != nullptr) *index = response.header("x-consul-index");
    return parse_json_tree(response.body, "Consul " + path);
  }

  Result<void> find_datacenter(const std::atomic<bool>& stop) {
    datacenter_ = settings_.datacenter;
    if (!datacenter_.empty()) return {};
    OBELISK_TRY(YamlNode self, get("/v1/agent/self", {}, stop));
    datacenter_ = text_at(self, {"Config", "Datacenter"});
    if (datacenter_.empty())
      return make_error(ErrorCode::parse_error, "Consul: /v1/agent/self names no Config.Datacenter");
    return {};
  }

  Result<std::set<std::string>> watched_services(const std::atomic<bool>& stop) {
    std::set<std::string> wanted(settings_.services.begin(), settings_.services.end());
    if (!watches_catalog()) return wanted;
    Parameters parameters = common_parameters();
    if (!settings_.filter.empty()) parameters.add("filter", settings_.filter);
    if (!index_.empty()) {
      parameters.add("index", index_);
      parameters.add("wait", fmt::format("{}ms", settings_.refresh_nanos / kNanosPerMilli));
    }
    std::string index;
    OBELISK_TRY(YamlNode catalog, get("/v1/catalog/services", parameters, stop, &index));
    // An index that goes back means that the server began anew.
    uint64_t before = parse_uint64(index_).value_or(0);
    uint64_t now = parse_uint64(index).value_or(0);
    index_ = now == 0 || now < before ? "" : index;
    std::set<std::string> services;
    for (const YamlEntry& service : catalog.entries) {
      if (!wanted.empty() && !wanted.contains(service.key)) continue;
      bool tagged = std::all_of(settings_.tags.begin(), settings_.tags.end(), [&](const std::string& tag) {
        return std::any_of(service.value.items.begin(), service.value.items.end(),
                           [&](const YamlNode& has) { return equals_ignoring_case(has.scalar, tag); });
      });
      if (tagged) services.insert(service.key);
    }
    return services;
  }

  static std::string health_of(const YamlNode& entry) {
    std::string worst = "passing";
    for (const YamlNode& check : items_at(entry, "Checks")) {
      std::string id = text_at(check, {"CheckID"});
      std::string status = text_at(check, {"Status"});
      if (id == "_node_maintenance" || id.starts_with("_service_maintenance:")) return "maintenance";
      if (status == "critical") {
        worst = status;
      } else if (status == "warning" && worst == "passing") {
        worst = status;
      } else if (status != "passing" && status != "warning") {
        return "";
      }
    }
    return worst;
  }

  Result<TargetGroup> instances(const std::string& service, const std::atomic<bool>& stop) {
    Parameters parameters = common_parameters();
    for (const std::string& tag : settings_.tags) parameters.add("tag", tag);
    if (!settings_.health_filter.empty()) parameters.add("filter", settings_.health_filter);
    OBELISK_TRY(YamlNode entries, get("/v1/health/service/" + percent_encode(service), parameters, stop));
    TargetGroup group;
    group.source = service;
    group.labels = Labels{{"__meta_consul_service", service}, {"__meta_consul_dc", datacenter_}};
    for (const YamlNode& entry : entries.items) group.targets.push_back(target_of(entry));
    return group;
  }

  Labels target_of(const YamlNode& entry) const {
    const std::string& separator = settings_.tag_separator;
    std::string tags = separator;
    if (const YamlNode* list = node_at(entry, {"Service", "Tags"})) {
      for (size_t i = 0; i < list->items.size(); ++i)
        tags += (i > 0 ? separator : "") + list->items[i].scalar;
    }
    tags += separator;
    std::string port = text_at(entry, {"Service", "Port"});
    std::string service_address = text_at(entry, {"Service", "Address"});
    std::string node_address = text_at(entry, {"Node", "Address"});
    Labels labels;
    labels.set("__address__", join_host_port(service_address.empty() ? node_address : service_address, port));
    labels.set("__meta_consul_address", node_address);
    labels.set("__meta_consul_node", text_at(entry, {"Node", "Node"}));
    labels.set("__meta_consul_namespace", text_at(entry, {"Service", "Namespace"}));
    labels.set("__meta_consul_partition", text_at(entry, {"Service", "Partition"}));
    labels.set("__meta_consul_tags", tags);
    labels.set("__meta_consul_service_address", service_address);
    labels.set("__meta_consul_service_port", port);
    labels.set("__meta_consul_service_id", text_at(entry, {"Service", "ID"}));
    labels.set("__meta_consul_health", health_of(entry));
    auto add_all = [&](const YamlNode* map, std::string_view prefix) {
      if (map == nullptr) return;
      for (const YamlEntry& item : map->entries)
        labels.set(std::string(prefix) + sanitized_label_name(item.key), item.value.scalar);
    };
    add_all(node_at(entry, {"Node", "Meta"}), "__meta_consul_metadata_");
    add_all(node_at(entry, {"Service", "Meta"}), "__meta_consul_service_metadata_");
    add_all(node_at(entry, {"Node", "TaggedAddresses"}), "__meta_consul_tagged_address_");
    return labels;
  }

  const ConsulDiscovery settings_;
  HttpFetcher& fetcher_;
  std::string datacenter_;
  std::string index_;
};

}  // namespace

std::unique_ptr<Discoverer> make_consul_discoverer(ConsulDiscovery settings, HttpFetcher& fetcher) {
  return std::make_unique<ConsulDiscoverer>(std::move(settings), fetcher);
}

}  // namespace obelisk::collect
