// The syntax of the discovery kinds that are not served: one line a kind in kKinds, and a function for what a
// table cannot say. Facts from Prometheus' configuration reference.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "collect/config/discovery_settings.h"

namespace obelisk::collect {
namespace {

using Names = std::vector<std::string_view>;

struct Choice {
  std::string_view key;
  Names values;
};

struct Block {
  const YamlNode& node;
  const ConfigSource& source;
  std::string_view kind;

  std::string text(std::string_view key) const {
    const YamlNode* found = node.find(key);
    return found != nullptr && found->kind == YamlNode::Kind::scalar ? found->scalar : "";
  }
  Error wrong(std::string_view what) const {
    return yaml_error(source.file, node, fmt::format("{}: {}", kind, what));
  }
};
using Check = Result<void> (*)(const Block&);

struct Kind {
  std::string_view name;
  bool http;  // takes the HTTP settings, too
  Names texts;
  Names lists;
  Names required;
  std::vector<Choice> choices;
  Check check;
};

Result<void> check_one_secret(const Block& block) {
  bool text = !block.text("secret_key").empty();
  bool file = !block.text("secret_key_file").empty();
  if (text == file) return block.wrong("exactly one of secret_key and secret_key_file is needed");
  return {};
}

Result<void> check_azure(const Block& block) {
  std::string method = block.text("authentication_method");
  if (!method.empty() && method != "OAuth") return {};
  for (const char* key : {"tenant_id", "client_id", "client_secret"}) {
    if (block.text(key).empty()) return block.wrong(fmt::format("{} is missing", key));
  }
  return {};
}

Result<void> check_url_of(const Block& block, std::string_view key) {
  std::string problem = url_problem(block.text(key));
  return problem.empty() ? Result<void>() : block.wrong(fmt::format("{}: {}", key, problem));
}
Result<void> check_eureka(const Block& block) {
  return check_url_of(block, "server");
}
Result<void> check_puppetdb(const Block& block) {
  return check_url_of(block, "url");
}

Result<void> check_stackit(const Block& block) {
  return block.text("endpoint").empty() ? Result<void>() : check_url_of(block, "endpoint");
}

Result<void> check_filters(const Block& block) {
  const YamlNode* filters = block.node.find("filters");
  if (filters == nullptr) return {};
  for (const YamlNode& item : filters->items) {
    std::string name;
    std::vector<std::string> values;
    YamlMap map(item, block.source.file, "filters");
    map.required_string("name", name);
    map.string_list("values", values);
    OBELISK_CHECK_OK(map.finish());
    if (values.empty()) return yaml_error(block.source.file, item, "a filter's values must not be empty");
  }
  return {};
}

Result<void> check_marathon(const Block& block) {
  const YamlNode* servers = block.node.find("servers");
  if (servers == nullptr || servers->items.empty()) return block.wrong("servers is missing");
  int tokens = !block.text("auth_token").empty() + !block.text("auth_token_file").empty();
  if (tokens > 1) return block.wrong("at most one of auth_token and auth_token_file may be given");
  if (tokens == 0) return {};
  for (const char* key : {"basic_auth", "bearer_token", "bearer_token_file", "authorization", "oauth2"}) {
    if (block.node.find(key) != nullptr)
      return block.wrong(fmt::format("auth_token and {} exclude each other", key));
  }
  return {};
}

Result<void> check_servers_and_paths(const Block& block) {
  for (const char* key : {"servers", "paths"}) {
    const YamlNode* list = block.node.find(key);
    if (list == nullptr || list->items.empty()) return block.wrong(fmt::format("{} is missing", key));
  }
  for (const YamlNode& path : block.node.find("paths")->items) {
    if (!path.scalar.starts_with('/')) return block.wrong("a path must start with '/'");
  }
  return {};
}

Result<void> check_triton(const Block& block) {
  std::string interval = block.text("refresh_interval");
  if (interval == "0" || interval == "0s") return block.wrong("refresh_interval must be more than 0");
  return {};
}

const std::vector<Kind>& kinds() {
  static const Names aws{"endpoint", "region",   "access_key",  "secret_key",
                         "profile",  "role_arn", "external_id", "request_concurrency"};
  static const Names clusters{"clusters", "db_instance_identifiers", "cluster_identifiers"};
  static const std::vector<Kind> all{
      {"aws_sd_configs",
       true,
       {"role", "endpoint", "region", "access_key", "secret_key", "profile", "role_arn", "external_id",
        "request_concurrency"},
       {"filters", "clusters"},
       {},
       {{"role", {"ec2", "ecs", "lightsail", "msk", "rds", "elasticache"}}},
       check_filters},
      {"ec2_sd_configs", true, aws, {"filters"}, {}, {}, check_filters},
      {"lightsail_sd_configs", true, aws, {}, {}, {}, nullptr},
      {"ecs_sd_configs", true, aws, clusters, {}, {}, nullptr},
      {"rds_sd_configs", true, aws, clusters, {}, {}, nullptr},
      {"msk_sd_configs", true, aws, clusters, {}, {}, nullptr},
      {"elasticache_sd_configs", true, aws, clusters, {}, {}, nullptr},
      {"azure_sd_configs",
       true,
       {"environment", "subscription_id", "tenant_id", "client_id", "client_secret", "authentication_method",
        "resource_group"},
       {},
       {"subscription_id"},
       {{"authentication_method", {"OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"}}},
       check_azure},
      {"gce_sd_configs",
       false,
       {"project", "zone", "filter", "tag_separator"},
       {},
       {"project", "zone"},
       {},
       nullptr},
      {"openstack_sd_configs",
       false,
       {"identity_endpoint", "username", "userid", "password", "project_name", "project_id",
        "application_credential_name", "application_credential_id", "application_credential_secret",
        "domain_name", "domain_id", "role", "region", "all_tenants", "availability"},
       {"tls_config"},
       {"role", "region"},
       {{"role", {"instance", "hypervisor", "loadbalancer"}},
        {"availability", {"public", "internal", "admin"}}},
       nullptr},
      {"oci_sd_configs",
       true,
       {"region", "tenancy", "user", "fingerprint", "key_file", "key_passphrase", "auth", "config_file",
        "profile"},
       {"compartments"},
       {},
       {{"auth", {"api_key", "instance_principal", "resource_principal", "workload_identity"}}},
       nullptr},
      {"digitalocean_sd_configs", true, {}, {}, {}, {}, nullptr},
      {"dockerswarm_sd_configs",
       true,
       {"host", "role"},
       {"filters"},
       {"host", "role"},
       {{"role", {"services", "tasks", "nodes"}}},
       nullptr},
      {"hetzner_sd_configs",
       true,
       {"role", "label_selector"},
       {},
       {"role"},
       {{"role", {"hcloud", "robot"}}},
       nullptr},
      {"linode_sd_configs", true, {"tag_separator", "region"}, {}, {}, {}, nullptr},
      {"scaleway_sd_configs",
       true,
       {"access_key", "secret_key", "secret_key_file", "project_id", "role", "api_url", "zone",
        "name_filter"},
       {"tags_filter"},
       {"role", "project_id", "access_key"},
       {{"role", {"instance", "baremetal"}}},
       check_one_secret},
      {"ovhcloud_sd_configs",
       false,
       {"endpoint", "application_key", "application_secret", "consumer_key", "service"},
       {},
       {"endpoint", "application_key", "application_secret", "consumer_key", "service"},
       {{"service", {"vps", "dedicated_server"}}},
       nullptr},
      {"outscale_sd_configs",
       true,
       {"region", "access_key", "secret_key", "secret_key_file", "api_url"},
       {"filters"},
       {"region", "access_key"},
       {},
       check_one_secret},
      {"stackit_sd_configs",
       true,
       {"project", "region", "endpoint", "service_account_key", "service_account_key_path", "private_key",
        "private_key_path", "credentials_file_path"},
       {},
       {},
       {},
       check_stackit},
      {"vultr_sd_configs", true, {}, {}, {}, {}, nullptr},
      {"ionos_sd_configs", true, {"datacenter_id"}, {}, {"datacenter_id"}, {}, nullptr},
      {"nomad_sd_configs",
       true,
       {"allow_stale", "namespace", "region", "server", "tag_separator"},
       {},
       {},
       {},
       nullptr},
      {"marathon_sd_configs", true, {"auth_token", "auth_token_file"}, {"servers"}, {}, {}, check_marathon},
      {"eureka_sd_configs", true, {"server"}, {}, {"server"}, {}, check_eureka},
      {"nerve_sd_configs", false, {"timeout"}, {"servers", "paths"}, {}, {}, check_servers_and_paths},
      {"serverset_sd_configs", false, {"timeout"}, {"servers", "paths"}, {}, {}, check_servers_and_paths},
      {"triton_sd_configs",
       false,
       {"account", "dns_suffix", "endpoint", "role", "version"},
       {"groups", "tls_config"},
       {"account", "dns_suffix", "endpoint"},
       {{"role", {"container", "cn"}}},
       check_triton},
      {"uyuni_sd_configs",
       true,
       {"server", "username", "password", "entitlement", "separator"},
       {},
       {"server", "username", "password"},
       {},
       nullptr},
      {"puppetdb_sd_configs",
       true,
       {"url", "query", "include_parameters"},
       {},
       {"url", "query"},
       {},
       check_puppetdb},
      {"kuma_sd_configs", true, {"server", "fetch_timeout", "client_id"}, {}, {"server"}, {}, nullptr},
  };
  return all;
}

Result<void> check_block(const YamlNode& item, const ConfigSource& source, const Kind& kind) {
  if (item.kind == YamlNode::Kind::null)
    return yaml_error(source.file, item, fmt::format("{}: an empty entry", kind.name));
  std::string ignored;
  int64_t duration = 0;
  int64_t port = 0;
  HttpSettings http;
  YamlMap map(item, source.file, kind.name);
  for (std::string_view key : kind.texts) map.string(key, ignored);
  for (std::string_view key : kind.lists) map.node(key, [](const YamlNode&) { return Result<void>(); });
  map.integer("port", port, 0, 65535);
  map.duration("refresh_interval", duration);
  if (kind.http) read_http_settings(map, source, http);
  OBELISK_CHECK_OK(map.finish());
  Block block{item, source, kind.name};
  for (const Choice& choice : kind.choices) {
    std::string value = block.text(choice.key);
    if (value.empty() || std::find(choice.values.begin(), choice.values.end(), value) != choice.values.end())
      continue;
    return yaml_error(source.file, *item.find(choice.key),
                      fmt::format("{}: {} must be one of {}, not \"{}\"", kind.name, choice.key,
                                  fmt::join(choice.values, ", "), value));
  }
  for (std::string_view key : kind.required) {
    if (block.text(key).empty()) return block.wrong(fmt::format("{} is missing", key));
  }
  if (kind.http) OBELISK_CHECK_OK(check_http_settings(item, source, http));
  return kind.check != nullptr ? kind.check(block) : Result<void>();
}

}  // namespace

void read_unsupported_discoveries(YamlMap& map, const ConfigSource& source, std::vector<Notice>& notices) {
  for (const Kind& kind : kinds()) {
    map.list(kind.name, [&](const YamlNode& item) -> Result<void> {
      OBELISK_CHECK_OK(check_block(item, source, kind));
      notices.push_back(
          {fmt::format("{}:{}: {} is not supported: let its targets come through http_sd_configs "
                       "or file_sd_configs",
                       source.file, item.line, kind.name),
           true});
      return {};
    });
  }
}

}  // namespace obelisk::collect
