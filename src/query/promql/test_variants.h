#pragma once
// The same question asked otherwise: an instant query with `@ <its time>` on every selector and subquery that
// has none gives the same whenever it is asked.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::promql {

struct QueryVariant {
  std::string query;
  int64_t time_ms = 0;
};

// Empty for a query that cannot be parsed, and for one with a function that looks at the evaluation time.
std::vector<QueryVariant> at_variants(std::string_view query, int64_t time_ms);

// Whether start(), end(), step() or range() is in it, which mean something else in a range query.
bool depends_on_query_range(std::string_view query);

}  // namespace obelisk::promql
