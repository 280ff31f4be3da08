#include "api/prometheus/api_call.h"

#include <fmt/format.h>

#include <cmath>

#include "api/request/response.h"
#include "base/text.h"
#include "query/promql/evaluator.h"
#include "query/promql/go_string.h"
#include "query/promql/parser.h"

namespace obelisk::prometheus_api {
namespace {

constexpr double kSecondsMax = 9.2e9;  // what fits nanoseconds in int64

std::string_view error_type_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::parse_error:
    case ErrorCode::unsupported:
      return "bad_data";
    case ErrorCode::execution:
    case ErrorCode::too_large:
      return "execution";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::cancelled:
      return "canceled";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::unavailable:
    case ErrorCode::overloaded:
    case ErrorCode::no_space:
      return "unavailable";
    case ErrorCode::unauthenticated:
      return "bad_data";
    case ErrorCode::corrupt:
    case ErrorCode::io:
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

int status_of(ErrorCode code) {
  if (code == ErrorCode::too_large) return 422;  // a query over its limit could not be executed
  if (code == ErrorCode::cancelled) return 503;
  return http_status_of(code);
}

void respond(const HttpExchangePtr& exchange, Answer answer) {
  JsonWriter json;
  json.begin_object().field("status", "success").key("data").raw(answer.data);
  for (const auto& [name, messages] :
       {std::pair("warnings", &answer.warnings), std::pair("infos", &answer.infos)}) {
    if (messages->empty()) continue;
    json.key(name).begin_array();
    for (const std::string& message : *messages) json.value(message);
    json.end_array();
  }
  json.end_object();
  exchange->respond(typed_response("application/json", json.take()));
}

Result<Answer> run(const std::shared_ptr<const Service>& service, const Handler& handler,
                   const HttpExchangePtr& exchange, const PathParameters& path) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  ApiCall call{*service, exchange, std::move(parameters)};
  return handler(call, path);
}

}  // namespace

Result<std::shared_ptr<QueryRun>> ApiCall::begin() const {
  OBELISK_TRY(int64_t timeout, duration_of(parameters, "timeout", 0));
  return begin_query(service.context, exchange, timeout);
}

RouteHandler route_handler(std::shared_ptr<const Service> service, Handler handler) {
  return [service = std::move(service), handler = std::move(handler)](HttpExchangePtr exchange,
                                                                      const PathParameters& path) {
    Result<Answer> answer = run(service, handler, exchange, path);
    if (answer.ok()) {
      respond(exchange, std::move(*answer));
    } else {
      exchange->respond(error_response(answer.error()));
    }
  };
}

RouteHandler raw_route_handler(std::shared_ptr<const Service> service, RawHandler handler) {
  return [service = std::move(service), handler = std::move(handler)](HttpExchangePtr exchange,
                                                                      const PathParameters& path) {
    Result<Parameters> parameters = parameters_of(exchange->request());
    if (!parameters.ok()) return exchange->respond(error_response(parameters.error()));
    ApiCall call{*service, exchange, std::move(*parameters)};
    Result<HttpResponse> response = handler(call, path);
    exchange->respond(response.ok() ? std::move(*response) : error_response(response.error()));
  };
}

HttpResponse error_response(int status, std::string_view error_type, std::string_view message) {
  JsonWriter json;
  json.begin_object()
      .field("status", "error")
      .field("errorType", error_type)
      .field("error", message)
      .end_object();
  return typed_response("application/json", json.take(), status);
}

HttpResponse error_response(const Error& error) {
  return error_response(status_of(error.code), error_type_of(error.code), error.message);
}

Error invalid_parameter(std::string_view name, std::string_view why) {
  return make_error(ErrorCode::invalid_argument, fmt::format("invalid parameter \"{}\": {}", name, why));
}

Result<PromqlOptions> promql_options_of(const ApiCall& call) {
  PromqlOptions options = call.service.providers.promql;
  OBELISK_TRY(int64_t lookback,
              duration_of(call.parameters, "lookback_delta", options.lookback_ms * kNanosPerMilli));
  if (lookback < kNanosPerMilli) return invalid_parameter("lookback_delta", "the lookback must be positive");
  options.lookback_ms = lookback / kNanosPerMilli;
  std::string_view tiers = call.parameters.get_or("tiers", "auto");
  if (tiers != "auto" && tiers != "off") return invalid_parameter("tiers", "it must be auto or off");
  options.use_tiers &= tiers == "auto";
  return options;
}

Result<UnixNanos> parse_time(std::string_view text) {
  if (std::optional<double> seconds = parse_float(text); seconds && std::fabs(*seconds) <= kSecondsMax) {
    double whole = 0;
    double fraction = std::modf(*seconds, &whole);
    // Whole seconds and milliseconds apart: a double of nanoseconds would lose the last digits.
    return UnixNanos{static_cast<int64_t>(whole) * kNanosPerSecond +
                     std::llround(fraction * 1000) * kNanosPerMilli};
  }
  if (std::optional<int64_t> nanos = parse_rfc3339(text)) return UnixNanos{*nanos};
  return make_error(ErrorCode::invalid_argument, fmt::format("cannot parse \"{}\" to a valid timestamp",
                                                             replace_invalid_utf8(text.substr(0, 100))));
}

Result<UnixNanos> required_time_of(const Parameters& parameters, std::string_view name) {
  Result<UnixNanos> time = parse_time(parameters.get_or(name, ""));
  if (!time.ok()) return invalid_parameter(name, time.error().message);
  return time;
}

Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  Result<UnixNanos> time = parse_time(text);
  if (!time.ok())
    return invalid_parameter(name,
                             fmt::format("Invalid time value for '{}': {}", name, time.error().message));
  return time;
}

Result<int64_t> duration_of(const Parameters& parameters, std::string_view name, int64_t fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  if (std::optional<double> seconds = parse_float(text)) {
    if (std::fabs(*seconds) <= kSecondsMax) return static_cast<int64_t>(std::llround(*seconds * 1e9));
  } else if (Result<int64_t> nanos = parse_prometheus_duration(text); nanos.ok()) {
    return *nanos;
  }
  return invalid_parameter(name, fmt::format("cannot parse \"{}\" to a valid duration",
                                             replace_invalid_utf8(text.substr(0, 100))));
}

Result<uint64_t> limit_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return uint64_t{0};
  std::optional<int64_t> limit = parse_int64(text);
  if (!limit) {
    bool number =
        text.find_first_not_of("0123456789", text.starts_with('-') ? 1 : 0) == std::string_view::npos;
    return invalid_parameter(name,
                             fmt::format("strconv.Atoi: parsing {}: {}",
                                         promql::quote_go_string(replace_invalid_utf8(text.substr(0, 100))),
                                         number && text != "-" ? "value out of range" : "invalid syntax"));
  }
  if (*limit < 0) return invalid_parameter(name, "limit must be non-negative");
  return static_cast<uint64_t>(*limit);
}

Result<std::optional<uint64_t>> metadata_limit_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return std::optional<uint64_t>();
  std::optional<int64_t> limit = parse_int64(text);
  if (!limit) return make_error(ErrorCode::invalid_argument, fmt::format("{} must be a number", name));
  return *limit < 0 ? std::optional<uint64_t>() : std::optional<uint64_t>(static_cast<uint64_t>(*limit));
}

Result<TimeRange> range_of(const Parameters& parameters) {
  constexpr UnixNanos kFirst{std::numeric_limits<int64_t>::min()};
  constexpr UnixNanos kLast{std::numeric_limits<int64_t>::max()};
  OBELISK_TRY(UnixNanos start, time_of(parameters, "start", kFirst));
  OBELISK_TRY(UnixNanos end, time_of(parameters, "end", kLast));
  if (end < start) return TimeRange{start, start};
  // The millisecond `end` names is inside.
  if (end != kLast) end = UnixNanos::from_millis(end.to_millis() + 1);
  return TimeRange{start, end};
}

Result<Expr> selection_of(const Parameters& parameters) {
  std::vector<Expr> any;
  for (std::string_view selector : parameters.get_all("match[]")) {
    Result<std::vector<promql::Matcher>> matchers = promql::parse_selector(selector);
    if (!matchers.ok()) return invalid_parameter("match[]", promql::parse_error_text(matchers.error()));
    any.push_back(promql::predicate_of(*matchers));
  }
  if (any.empty()) return Expr();
  return Expr::any_of(std::move(any));
}

std::string format_time(int64_t time_ms) {
  std::string out = time_ms < 0 ? "-" : "";
  uint64_t magnitude = time_ms < 0 ? 0 - static_cast<uint64_t>(time_ms) : static_cast<uint64_t>(time_ms);
  out += fmt::format("{}", magnitude / 1000);
  if (magnitude % 1000 != 0) out += fmt::format(".{:03}", magnitude % 1000);
  return out;
}

}  // namespace obelisk::prometheus_api
