#pragma once
// What a query of logs may ask for and read: for all tenants, and for those that differ. Names are those of
// Loki's limits_config. Built by server/ from the configuration, immutable afterwards; rules and tails are
// not bound by it.
#include <cstdint>
#include <map>

#include "base/time.h"
#include "model/tenant.h"

namespace obelisk {

struct LogQueryLimits {
  uint64_t entries_max = 5'000;  // max_entries_limit_per_query: lines of an answer
  uint64_t series_max = 500;     // max_query_series: of a metric query's answer
  // The rest: 0 is no limit.
  int64_t length_nanos_max = 0;    // max_query_length: end - start
  int64_t lookback_nanos_max = 0;  // max_query_lookback: what is older is not looked at
  uint64_t bytes_read_max = 0;     // max_query_bytes_read: of files, as they lie there
  uint64_t lines_read_max = 0;     // max_query_lines_read: lines looked at, matching or not
};

struct LogLimits {
  LogQueryLimits all;
  std::map<Tenant, LogQueryLimits> tenants;

  // Of the tenants of a query ("a|b"): of each limit the tightest.
  LogQueryLimits of(const Tenant& tenant) const;
};

}  // namespace obelisk
