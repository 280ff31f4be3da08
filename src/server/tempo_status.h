#pragma once
// Pages that Tempo has about itself: /status with /version, /services, /endpoints,
// /config?mode=diff|defaults, /runtime_config, /overrides[/TENANT] and /usage-stats, and /usage_metrics.
// Texts for people; secrets are hidden. Where tenants are kept apart, settings and usage of others are shown
// with admin_api only.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/request/context.h"
#include "base/yaml.h"
#include "net/router.h"
#include "pipeline/override_store.h"
#include "pipeline/tenant_generators.h"

namespace obelisk::server {

struct TempoStatus {
  ApiContext& context;
  const YamlNode& config;
  const std::atomic<bool>& ready;
  const OverrideStore& overrides;
  const TenantGenerators& generators;
  std::function<std::string(const Tenant&)> merged;  // settings in force, JSON
  bool admin_api;
};

// What the status points to must outlive the router.
void register_tempo_status(Router& router, TempoStatus status);

}  // namespace obelisk::server
