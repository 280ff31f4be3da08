#include "server/retention_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace obelisk::server {
namespace {

constexpr int64_t kMinuteNanos = 60 * kNanosPerSecond;
constexpr int64_t kDayNanos = 86'400 * kNanosPerSecond;
constexpr size_t kTiersMax = 8;

Result<TierRetention> parse_tier(const YamlNode& node, const std::string& file) {
  TierRetention tier;
  YamlMap map(node, file, "retention.metrics_tiers");
  map.duration("resolution", tier.resolution_nanos);
  map.duration("keep", tier.keep_nanos);
  OBELISK_CHECK_OK(map.finish());
  // Buckets are counted from 1970, and files hold whole days of them.
  bool divides = tier.resolution_nanos >= kMinuteNanos && tier.resolution_nanos <= kDayNanos &&
                 kDayNanos % tier.resolution_nanos == 0;
  if (!divides) {
    return yaml_error(file, node,
                      "retention.metrics_tiers: a resolution is 1m to 1d and divides a day, as 5m and 1h do");
  }
  return tier;
}

Result<std::vector<TierRetention>> parse_tiers(const YamlNode& node, const std::string& file) {
  if (node.kind != YamlNode::Kind::list)
    return yaml_error(file, node, "retention.metrics_tiers must be a list");
  std::vector<TierRetention> tiers;
  for (const YamlNode& item : node.items) {
    OBELISK_TRY(TierRetention tier, parse_tier(item, file));
    for (const TierRetention& other : tiers) {
      if (other.resolution_nanos == tier.resolution_nanos)
        return yaml_error(file, item, "retention.metrics_tiers: the same resolution twice");
    }
    tiers.push_back(tier);
  }
  if (tiers.size() > kTiersMax)
    return yaml_error(file, node, fmt::format("retention.metrics_tiers: more than {}", kTiersMax));
  std::sort(tiers.begin(), tiers.end(), [](const TierRetention& a, const TierRetention& b) {
    return a.resolution_nanos < b.resolution_nanos;
  });
  return tiers;
}

void read_signals(YamlMap& map, const std::string& file, SignalRetention& out) {
  map.duration("metrics", out.metrics_nanos);
  map.node("metrics_tiers", [&](const YamlNode& tiers) -> Result<void> {
    OBELISK_TRY(out.metrics_tiers, parse_tiers(tiers, file));
    return {};
  });
  map.duration("logs", out.logs_nanos);
  map.duration("traces", out.traces_nanos);
}

Result<void> check(const SignalRetention& retention, const YamlNode& at, const std::string& file,
                   std::string_view where) {
  for (auto [key, nanos] :
       {std::pair("metrics", retention.metrics_nanos), std::pair("logs", retention.logs_nanos),
        std::pair("traces", retention.traces_nanos)}) {
    if (nanos <= 0) {
      const YamlNode* node = at.find(key);
      return yaml_error(file, node ? *node : at, fmt::format("{}.{} must be longer than 0", where, key));
    }
  }
  for (const TierRetention& tier : retention.metrics_tiers) {
    if (tier.keep_nanos != 0 && tier.keep_nanos < kDayNanos) {
      const YamlNode* node = at.find("metrics_tiers");
      return yaml_error(file, node ? *node : at,
                        fmt::format("{}.metrics_tiers: a tier is kept for a day at least", where));
    }
  }
  return {};
}

}  // namespace

Result<RetentionConfig> parse_retention(const YamlNode& node, const std::string& file) {
  RetentionConfig config;
  if (node.kind == YamlNode::Kind::scalar) {  // one value for all three
    Result<int64_t> all = parse_prometheus_duration(node.scalar);
    if (!all.ok()) return yaml_error(file, node, "retention: " + all.error().message);
    config.metrics_nanos = config.logs_nanos = config.traces_nanos = *all;
    OBELISK_CHECK_OK(check(config, node, file, "retention"));
    return config;
  }
  YamlMap map(node, file, "retention");
  read_signals(map, file, config);
  map.byte_size("metrics_size", config.metrics_bytes);
  map.byte_size("size", config.bytes);
  map.node("tenants", [&](const YamlNode& tenants) -> Result<void> {
    if (tenants.kind == YamlNode::Kind::null) return {};
    if (tenants.kind != YamlNode::Kind::map)
      return yaml_error(file, tenants, "retention.tenants must be a map");
    for (const YamlEntry& entry : tenants.entries) {
      // What is not said of a tenant is as for the others, wherever in the file that stands.
      SignalRetention own = config;
      YamlMap of_tenant(entry.value, file, "retention.tenants." + entry.key);
      read_signals(of_tenant, file, own);
      OBELISK_CHECK_OK(of_tenant.finish());
      OBELISK_CHECK_OK(check(own, entry.value, file, "retention.tenants." + entry.key));
      config.tenants[entry.key] = std::move(own);
    }
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  OBELISK_CHECK_OK(check(config, node, file, "retention"));
  return config;
}

}  // namespace obelisk::server
