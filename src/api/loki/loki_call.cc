#include "api/loki/loki_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "api/request/response.h"
#include "base/text.h"
#include "query/logql/literals.h"

namespace obelisk::loki {
namespace {

// Times a little inside what nanoseconds can hold, so that a nanosecond more or less is no overflow.
constexpr int64_t kTimeMax = 9'200'000'000 * kNanosPerSecond;

Error invalid(std::string message) {
  return make_error(ErrorCode::invalid_argument, std::move(message));
}

std::string shown(std::string_view text) {
  return replace_invalid_utf8(text.substr(0, 100));
}

Result<void> run_handler(const ApiContext& api, const LokiHandler& handler, const HttpExchangePtr& exchange,
                         const PathParameters& path) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(api, exchange));
  LogQueryLimits limits = api.log_limits.of(run->tenant);
  if (limits.bytes_read_max != 0 || limits.lines_read_max != 0)
    run->progress->limit_reads({limits.lines_read_max, limits.bytes_read_max}, &run->cancel);
  LokiCall call{api, exchange, std::move(parameters), std::move(run), limits};
  Result<HttpResponse> response = handler(call, path);
  if (!response.ok()) {
    std::optional<Error> limit = passed_read_limit();
    return response.error().code == ErrorCode::cancelled && limit ? *limit : response.error();
  }
  exchange->respond(std::move(*response));
  return {};
}

}  // namespace

int loki_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::too_large:
    case ErrorCode::execution:
      return 400;
    case ErrorCode::timeout:
      return 504;
    default:
      return http_status_of(code);
  }
}

RouteHandler handler_of(const ApiContext& api, LokiHandler handler) {
  return [&api, handler = std::move(handler)](HttpExchangePtr exchange, const PathParameters& path) {
    Result<void> done = run_handler(api, handler, exchange, path);
    if (!done.ok()) exchange->respond_text(loki_status_of(done.error().code), done.error().message);
  };
}

void add_query_route(Router& router, const ApiContext& api, std::string_view pattern, LokiHandler handler) {
  router.add("GET", pattern, handler_of(api, handler));
  router.add("POST", pattern, handler_of(api, std::move(handler)));
}

HttpResponse json_response(std::string body) {
  return typed_response("application/json; charset=UTF-8", std::move(body));
}

Result<UnixNanos> parse_time(std::string_view name, std::string_view text) {
  auto wrong = [&] {
    return invalid(
        fmt::format("invalid {}: \"{}\" is no time: nanoseconds, seconds or RFC 3339", name, shown(text)));
  };
  if (std::optional<int64_t> integer = parse_int64(text)) {
    size_t digits = text.size() - (text[0] == '-' || text[0] == '+' ? 1 : 0);
    int64_t unit = digits > 10 ? 1 : kNanosPerSecond;
    if (*integer > kTimeMax / unit || *integer < -(kTimeMax / unit)) return wrong();
    return UnixNanos{*integer * unit};
  }
  if (std::optional<int64_t> nanos = parse_rfc3339(text)) return UnixNanos{*nanos};
  std::optional<double> seconds = parse_float(text);
  if (!seconds || !(std::fabs(*seconds) < 9.2e9)) return wrong();
  // Split, so that the fraction is not lost in 2^53 nanoseconds.
  double whole = std::floor(*seconds);
  return UnixNanos{static_cast<int64_t>(whole) * kNanosPerSecond + std::llround((*seconds - whole) * 1e9)};
}

Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  return parse_time(name, text);
}

Result<int64_t> duration_of(const Parameters& parameters, std::string_view name, int64_t fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  if (std::optional<double> seconds = parse_float(text)) {
    if (!(std::fabs(*seconds) < 9.2e9))
      return invalid(fmt::format("cannot parse \"{}\" to a valid duration: it overflows int64", shown(text)));
    return static_cast<int64_t>(std::llround(*seconds * 1e9));
  }
  Result<int64_t> nanos = parse_prometheus_duration(text);
  if (!nanos.ok()) nanos = parse_go_duration(text);
  if (!nanos.ok()) return invalid(fmt::format("cannot parse \"{}\" to a valid duration", shown(text)));
  return nanos;
}

Result<TimeRange> range_of(const Parameters& parameters, UnixNanos now, int64_t since_nanos) {
  TimeRange range;
  OBELISK_TRY(range.end, time_of(parameters, "end", now));
  OBELISK_TRY(int64_t since, duration_of(parameters, "since", since_nanos));
  UnixNanos begin;
  if (__builtin_sub_overflow(std::min(range.end, now).value, since, &begin.value))
    return invalid("since goes beyond the clock");
  OBELISK_TRY(range.begin, time_of(parameters, "start", begin));
  if (range.end <= range.begin) return invalid("end timestamp must not be before or equal to start time");
  int64_t span = 0;
  if (__builtin_sub_overflow(range.end.value, range.begin.value, &span) || span > kTimeMax / 2) {
    return invalid("the query time range exceeds the limit of 145 years");
  }
  return range;
}

Result<TimeRange> range_of(const LokiCall& call, int64_t since_nanos) {
  UnixNanos now = call.api.clock.now();
  OBELISK_TRY(TimeRange range, range_of(call.parameters, now, since_nanos));
  int64_t length = range.end.value - range.begin.value, most = call.limits.length_nanos_max;
  if (most != 0 && length > most) {
    return invalid(fmt::format("the query time range exceeds the limit (query length: {}, limit: {})",
                               logql::format_go_duration(length), logql::format_go_duration(most)));
  }
  OBELISK_TRY(range.begin, within_lookback(call, range.begin, range.end));
  return range;
}

Result<UnixNanos> within_lookback(const LokiCall& call, UnixNanos begin, UnixNanos end) {
  int64_t lookback = call.limits.lookback_nanos_max;
  if (lookback == 0) return begin;
  UnixNanos oldest{call.api.clock.now().value - lookback};
  if (end <= oldest) {
    return invalid(fmt::format("the query ends before what max_query_lookback ({}) lets it look at",
                               logql::format_go_duration(lookback)));
  }
  return std::max(begin, oldest);
}

Result<int64_t> step_of(const Parameters& parameters, const TimeRange& range) {
  uint64_t span = static_cast<uint64_t>(range.end.value) - static_cast<uint64_t>(range.begin.value);
  int64_t seconds = static_cast<int64_t>(span / 250 / static_cast<uint64_t>(kNanosPerSecond));
  OBELISK_TRY(int64_t step, duration_of(parameters, "step", std::max<int64_t>(seconds, 1) * kNanosPerSecond));
  if (step <= 0)
    return invalid("zero or negative query resolution step widths are not accepted. Try a positive integer");
  return step;
}

Result<uint64_t> count_of(const Parameters& parameters, std::string_view name, uint64_t fallback,
                          uint64_t most) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  std::optional<int64_t> value = parse_int64(text);
  if (!value || *value <= 0)
    return invalid(fmt::format("{} must be a positive value, not \"{}\"", name, shown(text)));
  return std::min<uint64_t>(static_cast<uint64_t>(*value), most);
}

Result<uint64_t> entry_limit_of(const LokiCall& call) {
  OBELISK_TRY(uint64_t limit, count_of(call.parameters, "limit", 100, std::numeric_limits<uint64_t>::max()));
  uint64_t most = call.limits.entries_max;
  if (limit > most) {
    return invalid(fmt::format(
        "max entries limit per query exceeded, limit > max_entries_limit_per_query ({} > {})", limit, most));
  }
  return limit;
}

Result<logql::Direction> direction_of(const Parameters& parameters) {
  std::string_view text = parameters.get_or("direction", "");
  if (text.empty() || equals_ignoring_case(text, "backward")) return logql::Direction::backward;
  if (equals_ignoring_case(text, "forward")) return logql::Direction::forward;
  return invalid(fmt::format("invalid direction '{}'", shown(text)));
}

Result<std::string_view> query_text_of(const Parameters& parameters) {
  std::string_view text = parameters.get_or("query", "");
  if (trim(text).empty()) return invalid("parse error : query is missing: pass it as the parameter query");
  return text;
}

}  // namespace obelisk::loki
