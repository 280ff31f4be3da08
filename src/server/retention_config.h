#pragma once
// The block `retention` of obelisk.yaml: how long each signal is kept, in which downsampled tiers the samples
// live on, how much disk all of it may take, and what differs for a tenant.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/yaml.h"

namespace obelisk::server {

struct TierRetention {
  int64_t resolution_nanos = 0;
  int64_t keep_nanos = 0;  // 0: as long as the samples
  bool operator==(const TierRetention&) const = default;
};

struct SignalRetention {
  int64_t metrics_nanos = 15 * 86400 * kNanosPerSecond;
  std::vector<TierRetention> metrics_tiers{{300 * kNanosPerSecond, 0}, {3600 * kNanosPerSecond, 0}};
  int64_t logs_nanos = 7 * 86400 * kNanosPerSecond;
  int64_t traces_nanos = 7 * 86400 * kNanosPerSecond;
};

struct RetentionConfig : SignalRetention {
  uint64_t metrics_bytes = 0;                      // of all metric files; 0: any size
  uint64_t bytes = 0;                              // of all files of all signals; 0: any size
  std::map<std::string, SignalRetention> tenants;  // those that differ, complete
};

Result<RetentionConfig> parse_retention(const YamlNode& node, const std::string& file);

}  // namespace obelisk::server
