#include "api/request/log_limits.h"

#include <algorithm>
#include <optional>

#include "api/request/multi_tenant_reader.h"

namespace obelisk {
namespace {

// 0 is no limit.
template <typename T>
T tighter(T a, T b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

LogQueryLimits tightest(const LogQueryLimits& a, const LogQueryLimits& b) {
  return {
      std::min(a.entries_max, b.entries_max),          std::min(a.series_max, b.series_max),
      tighter(a.length_nanos_max, b.length_nanos_max), tighter(a.lookback_nanos_max, b.lookback_nanos_max),
      tighter(a.bytes_read_max, b.bytes_read_max),     tighter(a.lines_read_max, b.lines_read_max)};
}

}  // namespace

LogQueryLimits LogLimits::of(const Tenant& tenant) const {
  std::optional<LogQueryLimits> found;
  for (const Tenant& name : split_tenants(tenant)) {
    auto own = tenants.find(name);
    const LogQueryLimits& limits = own == tenants.end() ? all : own->second;
    found = found ? tightest(*found, limits) : limits;
  }
  return found.value_or(all);
}

}  // namespace obelisk
