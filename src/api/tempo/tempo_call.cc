#include "api/tempo/tempo_call.h"

#include <fmt/format.h>

#include <cmath>

#include "api/request/response.h"
#include "api/tempo/search_request.h"
#include "base/text.h"

namespace obelisk::tempo {
namespace {

Error invalid(std::string_view name, std::string_view value, std::string_view wanted) {
  return make_error(
      ErrorCode::invalid_argument,
      fmt::format("invalid {}: \"{}\" is not {}", name, replace_invalid_utf8(value.substr(0, 100)), wanted));
}

// Seconds, nanoseconds (what is too large for seconds) or RFC 3339.
std::optional<int64_t> parse_instant(std::string_view text) {
  if (std::optional<int64_t> nanos = parse_rfc3339(text)) return nanos;
  if (std::optional<int64_t> integer = parse_int64(text)) {
    constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
    if (*integer < 0) return std::nullopt;
    return *integer > kSecondsMax ? *integer : *integer * kNanosPerSecond;
  }
  std::optional<double> seconds = parse_float(text);
  if (!seconds || !(*seconds >= 0) || *seconds > 9e9) return std::nullopt;
  return static_cast<int64_t>(std::llround(*seconds * 1e9));
}

Result<void> run_handler(const ApiContext& api, const TempoHandler& handler, const HttpExchangePtr& exchange,
                         const PathParameters& path) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(api, exchange));
  TempoCall call{api, exchange, std::move(parameters), std::move(run)};
  OBELISK_TRY(HttpResponse response, handler(call, path));
  exchange->respond(std::move(response));
  return {};
}

}  // namespace

RouteHandler handler_of(const ApiContext& api, TempoHandler handler) {
  return [&api, handler = std::move(handler)](HttpExchangePtr exchange, const PathParameters& path) {
    Result<void> done = run_handler(api, handler, exchange, path);
    if (!done.ok()) exchange->respond_text(http_status_of(done.error().code), done.error().message);
  };
}

HttpResponse json_response(std::string body) {
  return typed_response("application/json", std::move(body));
}

HttpResponse protobuf_response(std::string body) {
  return typed_response("application/protobuf", std::move(body));
}

HttpResponse llm_response(std::string body) {
  HttpResponse response;
  response.headers.emplace_back("content-type", "application/vnd.grafana.llm");
  response.body = std::move(body);
  return response;
}

Result<int64_t> integer_of(const Parameters& parameters, std::string_view name, int64_t fallback,
                           int64_t low) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  std::optional<int64_t> value = parse_int64(text);
  if (!value || *value < low) return invalid(name, text, fmt::format("a whole number of at least {}", low));
  return *value;
}

TimeRange seconds_range(int64_t start, int64_t end) {
  constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond - 1;
  TimeRange range;
  if (start > 0 && start <= kSecondsMax) range.begin = {start * kNanosPerSecond};
  if (end > 0 && end <= kSecondsMax)
    range.end = {(end + 1) * kNanosPerSecond};  // clients cut now to whole seconds
  return range;
}

Result<TimeRange> seconds_range_of(const Parameters& parameters) {
  OBELISK_TRY(int64_t start, integer_of(parameters, "start", 0, 0));
  OBELISK_TRY(int64_t end, integer_of(parameters, "end", 0, 0));
  return checked_seconds_range(start, end);
}

Result<TimeRange> instant_range_of(const Parameters& parameters, UnixNanos now) {
  std::string_view start = parameters.get_or("start", "");
  std::string_view end = parameters.get_or("end", "");
  std::string_view since = parameters.get_or("since", "1h");
  TimeRange range{now, now};
  if (!end.empty()) {
    std::optional<int64_t> nanos = parse_instant(end);
    if (!nanos) return invalid("end", end, "a time in seconds, nanoseconds or RFC 3339");
    range.end = {*nanos};
  }
  if (!start.empty()) {
    std::optional<int64_t> nanos = parse_instant(start);
    if (!nanos) return invalid("start", start, "a time in seconds, nanoseconds or RFC 3339");
    range.begin = {*nanos};
  } else {
    Result<int64_t> length = parse_prometheus_duration(since);
    if (!length.ok()) length = parse_go_duration(since);
    if (!length.ok() || *length <= 0) return invalid("since", since, "a duration");
    range.begin = range.end - *length;
  }
  if (range.begin >= range.end)
    return make_error(ErrorCode::invalid_argument, "invalid start: it must lie before end");
  return range;
}

Result<int64_t> step_of(const Parameters& parameters) {
  std::string_view text = parameters.get_or("step", "");
  if (text.empty()) return int64_t{0};
  if (std::optional<double> seconds = parse_float(text)) {
    if (*seconds == 0) return int64_t{0};
    if (!(*seconds >= 1e-9) || *seconds > 9e9) return invalid("step", text, "a duration above 0");
    return static_cast<int64_t>(std::llround(*seconds * 1e9));
  }
  Result<int64_t> nanos = parse_go_duration(text);
  if (!nanos.ok()) nanos = parse_prometheus_duration(text);
  if (!nanos.ok() || *nanos <= 0) return invalid("step", text, "a duration above 0");
  return *nanos;
}

bool accepts(const HttpRequest& request, std::string_view media_type) {
  std::string_view header = request.header("accept");
  while (!header.empty()) {
    size_t comma = std::min(header.find(','), header.size());
    std::string_view element = header.substr(0, comma);
    if (equals_ignoring_case(trim(element.substr(0, element.find(';'))), media_type)) return true;
    header.remove_prefix(std::min(comma + 1, header.size()));
  }
  return false;
}

bool wants_protobuf(const TempoCall& call) {
  return accepts(call.exchange->request(), "application/protobuf");
}

}  // namespace obelisk::tempo
