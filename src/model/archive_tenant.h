#pragma once
// Where a tenant's archived traces lie: in a tenant of the store of its own, whose name no request can give
// ('/' stands in no tenant's name), and of which no retention drops anything. Pure functions.
#include <string_view>

#include "model/tenant.h"

namespace obelisk {

inline constexpr std::string_view kArchiveSuffix = "/archive";

inline Tenant archive_of(std::string_view tenant) {
  return Tenant(tenant).append(kArchiveSuffix);
}
inline bool is_archive(std::string_view tenant) {
  return tenant.ends_with(kArchiveSuffix);
}

}  // namespace obelisk
