#include "api/loki/stream_lookup.h"

#include "base/text.h"
#include "query/logql/parser.h"
#include "query/logql/selector_scan.h"

namespace obelisk::loki {

Result<std::vector<logql::Matcher>> selector_matchers(std::string_view selector) {
  if (trim(selector).empty()) return std::vector<logql::Matcher>();
  return logql::parse_matchers(selector, true);
}

Result<Scan> stream_scan(const LokiCall& call, const std::vector<logql::Matcher>& matchers,
                         const TimeRange& range) {
  Scan scan;
  scan.tenant = call.run->tenant;
  scan.table = Table::logs;
  scan.range = range;
  OBELISK_TRY(scan.where, logql::matchers_expression(matchers));
  return scan;
}

Result<std::vector<Labels>> find_streams(const LokiCall& call, std::string_view selector,
                                         const TimeRange& range) {
  OBELISK_TRY(std::vector<logql::Matcher> matchers, selector_matchers(selector));
  OBELISK_TRY(Scan scan, stream_scan(call, matchers, range));
  return call.api.reader.series(call.run->at, scan, call.run->cancel);
}

}  // namespace obelisk::loki
