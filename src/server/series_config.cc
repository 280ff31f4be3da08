#include "server/series_config.h"

#include <fmt/format.h>

namespace obelisk::server {
namespace {

constexpr int64_t kSeriesMax = 1'000'000'000;

using BoundsByName = std::map<std::string, uint64_t, std::less<>>;

void read_bound(YamlMap& map, std::string_view key, uint64_t& out) {
  int64_t value = static_cast<int64_t>(out);
  map.integer(key, value, 0, kSeriesMax);
  out = static_cast<uint64_t>(value);
}

// A map of names that are not known beforehand.
void read_names(YamlMap& map, const char* key, const std::string& file, const std::string& where,
                BoundsByName& out) {
  map.node(key, [&](const YamlNode& node) -> Result<void> {
    if (node.kind == YamlNode::Kind::null) return {};
    std::string what = where + "." + key;
    if (node.kind != YamlNode::Kind::map) return yaml_error(file, node, what + " must be a map");
    YamlMap names(node, file, what);
    for (const YamlEntry& entry : node.entries) {
      uint64_t bound = 0;
      read_bound(names, entry.key, bound);
      out[entry.key] = bound;
    }
    return names.finish();
  });
}

void read_bounds(YamlMap& map, const std::string& file, const std::string& where, SeriesBounds& out) {
  read_bound(map, "series_per_tenant", out.per_tenant_max);
  read_bound(map, "series_per_metric", out.per_metric_max);
  read_bound(map, "series_per_job", out.per_job_max);
  read_names(map, "metrics", file, where, out.of_metric);
  read_names(map, "jobs", file, where, out.of_job);
}

}  // namespace

Result<SeriesConfig> parse_series_limits(const YamlNode& node, const std::string& file) {
  SeriesConfig config;
  YamlMap map(node, file, "limits");
  read_bounds(map, file, "limits", config.all);
  map.node("tenants", [&](const YamlNode& tenants) -> Result<void> {
    if (tenants.kind == YamlNode::Kind::null) return {};
    if (tenants.kind != YamlNode::Kind::map) return yaml_error(file, tenants, "limits.tenants must be a map");
    for (const YamlEntry& entry : tenants.entries) {
      // What is not said of a tenant is as for the others, wherever in the file that stands.
      SeriesBounds own = config.all;
      std::string where = "limits.tenants." + entry.key;
      YamlMap of_tenant(entry.value, file, where);
      read_bounds(of_tenant, file, where, own);
      OBELISK_CHECK_OK(of_tenant.finish());
      config.tenants[entry.key] = std::move(own);
    }
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  return config;
}

}  // namespace obelisk::server
