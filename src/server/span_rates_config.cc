#include "server/span_rates_config.h"

#include <algorithm>

namespace obelisk::server {
namespace {

void read_rate(YamlMap& map, SpanRate& rate) {
  map.byte_size("rate_limit_bytes", rate.bytes_per_second);
  map.byte_size("burst_size_bytes", rate.burst_bytes);
}

}  // namespace

Result<void> parse_span_rates(const YamlNode& node, const std::string& file, SpanRateOptions& rates) {
  YamlMap map(node, file, "traces.limits");
  read_rate(map, rates.of_all);
  map.node("tenants", [&](const YamlNode& tenants) -> Result<void> {
    if (tenants.kind == YamlNode::Kind::null) return {};
    if (tenants.kind != YamlNode::Kind::map)
      return yaml_error(file, tenants, "traces.limits.tenants must be a map");
    for (const YamlEntry& entry : tenants.entries) {
      // What is not said of a tenant is as for the others, wherever in the file that stands.
      SpanRate own = rates.of_all;
      YamlMap of_tenant(entry.value, file, "traces.limits.tenants." + entry.key);
      read_rate(of_tenant, own);
      OBELISK_CHECK_OK(of_tenant.finish());
      rates.tenants[entry.key] = own;
    }
    return {};
  });
  return map.finish();
}

bool limits_spans(const SpanRateOptions& rates) {
  return rates.of_all.bytes_per_second > 0 ||
         std::any_of(rates.tenants.begin(), rates.tenants.end(),
                     [](const auto& tenant) { return tenant.second.bytes_per_second > 0; });
}

}  // namespace obelisk::server
