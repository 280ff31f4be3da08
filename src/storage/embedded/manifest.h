#pragma once
// The manifest: which files hold the data of each tenant, and how far they go. It is the one place that says
// what is part of the store; it is replaced as a whole and atomically (env/disk.h, replace_file), so that a
// flush or a merge happened entirely or not at all. Format: docs/formats/manifest.md.
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/tenant.h"
#include "storage/embedded/erasure.h"

namespace obelisk {

inline constexpr std::string_view kManifestFile = "MANIFEST";

struct TenantManifest {
  uint64_t events_through = 0;   // requests up to here need not be replayed into the event store
  uint64_t metrics_through = 0;  // nor into the metric store
  std::vector<std::string> event_parts;
  std::vector<std::string> metric_parts;
  uint64_t last_erasure_id = 0;
  std::vector<ErasureRecord> erasures;  // ascending ids
  std::vector<std::string> tier_parts;
  // Of samples up to this time some were dropped while their tiers stay.
  int64_t raw_after_ms = std::numeric_limits<int64_t>::min();
  std::vector<int64_t> dirty_days;  // that got samples after their tiers were written
  bool operator==(const TenantManifest&) const = default;
};

struct Manifest {
  // The log is needed from the request after this one.
  uint64_t log_from = 0;
  // The highest sequence known to be given out; the next start counts on from here at least.
  uint64_t last_sequence = 0;
  std::map<Tenant, TenantManifest> tenants;
  bool operator==(const Manifest&) const = default;
};

std::string encode_manifest(const Manifest& manifest);
// corrupt, or unsupported when it is of another version.
Result<Manifest> parse_manifest(std::string_view bytes);

// The directory of a tenant's files: "tenants/" and its name with everything but letters, digits, '-' and '_'
// written as %xx; a long name is cut and told apart by a hash.
std::string tenant_directory(const Tenant& tenant);

}  // namespace obelisk
