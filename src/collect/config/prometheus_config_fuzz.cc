// prometheus.yml files: no crash, an error says where, and what loads prints and loads again as the same.
#include "base/fuzz_driver.h"
#include "collect/config/prometheus_config.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // Mutations must not name files of this machine.
  if (text.find("scrape_config_files") != std::string_view::npos) return 0;
  auto config = collect::parse_prometheus_config(text, "p.yml");
  if (!config.ok()) {
    OBELISK_ASSERT(!config.error().message.empty());
    return 0;
  }
  auto again = collect::parse_prometheus_config(config->yaml, "p.yml");
  if (!again.ok()) return 0;  // a hidden secret may have been something that only its own text made valid
  OBELISK_ASSERT(again->jobs.size() == config->jobs.size());
  OBELISK_ASSERT(again->yaml == config->yaml);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {R"(global: {scrape_interval: 15s, external_labels: {a: b}}
rule_files: ['x/*.yml']
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: p}
  tls_config: {ca_file: c, min_version: TLS12}
  relabel_configs: [{source_labels: [a, b], regex: '(.*);x', target_label: c, replacement: '$1', action: replace}]
  static_configs: [{targets: ['h:1'], labels: {x: y}}]
  kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, field: 'a=b'}]}]
  consul_sd_configs: [{server: 's:1', tags: [a]}]
remote_write: [{url: 'http://u:p@h/', queue_config: {max_shards: 5}}]
)"};
}
