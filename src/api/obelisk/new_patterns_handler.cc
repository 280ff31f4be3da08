// Kinds of log lines that are new: GET /obelisk/api/v1/new-patterns?query={app="shop"}&since=24h&start=&end=
#include <fmt/format.h>

#include <algorithm>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "api/obelisk/past_window.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "plan/text_pattern.h"
#include "query/logql/new_patterns.h"
#include "query/logql/pipeline.h"
#include "query/logql/selector_scan.h"

namespace obelisk {
namespace {

constexpr int64_t kSinceDefault = 24 * 3600 * kNanosPerSecond;
constexpr int64_t kLimitDefault = 100;
constexpr int64_t kLimitMax = 1'000;  // each has an example, which is a small scan

struct Found {
  std::string_view pattern;
  int64_t first_seen = 0;
  uint64_t line_count = 0;
};

std::vector<Found> in_order(const logql::PatternBirths& births) {
  std::vector<Found> found;
  for (const auto& [pattern, born] : births.patterns())
    found.push_back({pattern, born.times.front(), born.line_count});
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.first_seen != b.first_seen ? a.first_seen > b.first_seen : a.pattern < b.pattern;
  });
  return found;
}

// The stream and text of a line that has the pattern at that time.
Result<void> write_example(QueryContext& context, const std::vector<logql::Matcher>& matchers,
                           const Found& found, JsonWriter& out) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::logs;
  scan.range = {{found.first_seen}, {found.first_seen + 1}};
  scan.columns = {fixed_column(column::kLine)};
  OBELISK_TRY(scan.where, logql::matchers_expression(matchers));
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  TextPattern pattern;
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) return {};
    const ColumnData* lines = batch->find_fixed(column::kLine);
    for (const Group& group : batch->groups) {
      for (size_t row = group.first_row; lines != nullptr && row < group.first_row + group.row_count; ++row) {
        if (pattern.of_text(lines->strings[row]) != found.pattern) continue;
        out.key("stream").begin_object();
        for (const LabelRef& label : group.labels) out.field(label.name, label.value);
        out.end_object().field("example", lines->strings[row]);
        return {};
      }
    }
  }
}

Result<int64_t> since_of(const Parameters& parameters) {
  std::string_view text = parameters.get_or("since", "");
  if (text.empty()) return kSinceDefault;
  Result<int64_t> nanos = parse_prometheus_duration(text);
  if (!nanos.ok() || *nanos <= 0)
    return make_error(ErrorCode::invalid_argument, "invalid since: a duration such as 24h is one");
  return *nanos;
}

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  OBELISK_TRY(TimeRange range, past_window_of(parameters, context.clock.now()));
  OBELISK_TRY(logql::Query selector, logql::parse_and_check(parameters.get_or("query", "")));
  if (!selector.is_log() || !selector.selector.stages.empty()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid query: a stream selector such as {app=\"shop\"} is one");
  }
  OBELISK_TRY(int64_t since, since_of(parameters));
  std::string_view text = parameters.get_or("limit", "");
  int64_t limit = text.empty() ? kLimitDefault : parse_int64(text).value_or(0);
  if (limit < 1 || limit > kLimitMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid limit: a number from 1 to {} is one", kLimitMax));
  }
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  const std::vector<logql::Matcher>& matchers = selector.selector.matchers;
  OBELISK_TRY(logql::PatternBirths births, logql::PatternBirths::find(query, matchers, range, since, 0));
  std::vector<Found> found = in_order(births);
  JsonWriter out;
  out.begin_object().field("total", std::to_string(found.size())).key("patterns").begin_array();
  for (size_t i = 0; i < std::min(found.size(), static_cast<size_t>(limit)); ++i) {
    out.begin_object().field("pattern", found[i].pattern);
    out.field("firstSeen", std::to_string(found[i].first_seen));
    out.field("lines", std::to_string(found[i].line_count));
    OBELISK_CHECK_OK(write_example(query, matchers, found[i], out));
    out.end_object();
  }
  out.end_array();
  if (!births.incomplete().empty())
    out.key("warnings").begin_array().value("incomplete: " + births.incomplete()).end_array();
  out.end_object();
  return out.take();
}

}  // namespace

void register_new_patterns(Router& router, ApiContext& context) {
  router.add("GET", "/obelisk/api/v1/new-patterns",
             [&context](HttpExchangePtr exchange, const PathParameters&) {
               respond_own(exchange, answer(context, exchange));
             });
}

}  // namespace obelisk
