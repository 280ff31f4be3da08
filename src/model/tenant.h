#pragma once
// Who owns the data. With multi-tenancy off there is one tenant, kDefaultTenant; with it on, the
// X-Scope-OrgID header names it. No reader or writer call crosses tenants.
#include <string>

namespace obelisk {

using Tenant = std::string;
inline const Tenant kDefaultTenant = "anonymous";

}  // namespace obelisk
