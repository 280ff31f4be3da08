#pragma once
// The Prometheus text format, versions 0.0.4 and 1.0.0 (with quoted UTF-8 names), as Prometheus reads it.
// Timestamps are milliseconds. Comments and blank lines are skipped; HELP and TYPE lines may stand anywhere
// and apply to the family they name. A sample belongs to the family whose name it has, with or without
// _bucket, _sum, _count.
#include <string_view>

#include "wire/exposition.h"

namespace obelisk {

Result<Exposition> parse_prometheus_text(std::string_view page);

}  // namespace obelisk
