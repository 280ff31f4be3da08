#pragma once
// What fields the lines of a query hold: structured metadata, and what json or logfmt finds in lines when the
// query itself parses nothing. Sampled over the newest lines.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "query/logql/engine.h"

namespace obelisk::logql {

struct DetectedField {
  std::string type;              // string, int, float, boolean, duration or bytes, by its values
  std::set<std::string> values;  // distinct, at most kFieldValuesMax
  std::set<std::string>
      parsers;  // json, logfmt; empty for structured metadata and what the query extracts itself
  std::vector<std::string> json_path;  // the keys that lead to it in a JSON line
};
inline constexpr size_t kFieldValuesMax = 10'000;

// `request.limit` is the number of lines to look at.
Result<std::map<std::string, DetectedField>> detect_fields(QueryContext& context, const LogSelector& selector,
                                                           RangeRequest request);

}  // namespace obelisk::logql
