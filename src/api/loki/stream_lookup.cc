#include "api/loki/stream_lookup.h"

#include <algorithm>

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

namespace {

Scan narrowed(const Scan& streams, Expr condition) {
  Scan page = streams;
  page.where = Expr::all_of({streams.where, std::move(condition)});
  return page;
}

// One scan for every range of values; one alone where that is enough.
Result<std::vector<Scan>> pages_of(const LokiCall& call, const Scan& streams, uint64_t page_values) {
  auto values = [&](const std::string& label) {
    return call.api.reader.values(call.run->at, streams, label_column(label), 0, call.run->cancel);
  };
  OBELISK_TRY(std::vector<ValueCount> names, values(""));
  auto widest = std::max_element(names.begin(), names.end(),
                                 [](const ValueCount& a, const ValueCount& b) { return a.count < b.count; });
  if (widest == names.end() || widest->count <= page_values) return std::vector<Scan>{streams};
  ColumnId label = label_column(widest->value);
  OBELISK_TRY(std::vector<ValueCount> sorted, values(widest->value));
  std::vector<Scan> pages{narrowed(streams, Expr::compare(label, CompareOp::equal, std::string()))};
  for (size_t i = 0; i < sorted.size(); i += page_values) {
    Expr page = Expr::compare(label, CompareOp::greater_equal, sorted[i].value);
    if (i + page_values < sorted.size()) {
      page = Expr::all_of(
          {std::move(page), Expr::compare(label, CompareOp::less, sorted[i + page_values].value)});
    }
    pages.push_back(narrowed(streams, std::move(page)));
  }
  return pages;
}

}  // namespace

Result<void> visit_streams(const LokiCall& call, const Scan& streams,
                           const std::function<void(const std::vector<Labels>&, size_t)>& visit,
                           uint64_t values_of_a_page) {
  OBELISK_TRY(std::vector<Scan> pages, pages_of(call, streams, values_of_a_page));
  for (size_t i = 0; i < pages.size(); ++i) {
    OBELISK_TRY(std::vector<Labels> found, call.api.reader.series(call.run->at, pages[i], call.run->cancel));
    visit(found, pages.size() - i - 1);
  }
  return {};
}

}  // namespace obelisk::loki
