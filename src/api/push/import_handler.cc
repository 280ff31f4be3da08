// POST /api/v1/import/prometheus: metrics in an exposition format, as VictoriaMetrics takes them: Prometheus
// text with or without timestamps (in milliseconds), or, by content type, OpenMetrics and protobuf. Query
// parameters: extra_label (name=value, any number) is set in every series; timestamp (milliseconds) is the
// time of samples without one, else now. A page that cannot be parsed is refused whole, with line and column;
// samples over a limit are left out and named.
#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "base/text.h"
#include "pipeline/pipeline.h"
#include "wire/exposition_rows.h"

namespace obelisk {
namespace {

constexpr std::string_view kEndpoint = "import";

void fail(HttpExchange& exchange, const Error& error) {
  int status = error.code == ErrorCode::corrupt ? 400 : http_status_of(error.code);
  Error shown = error;
  if (error.position)
    shown.message =
        fmt::format("line {}, column {}: {}", error.position->line, error.position->column, error.message);
  answer_push_error(exchange, kEndpoint, status, shown);
}

Result<ExpositionRowOptions> options_of(const ApiContext& context, const HttpRequest& request) {
  ExpositionRowOptions options;
  options.now = context.clock.now();
  options.default_time = options.now;
  OBELISK_TRY(Parameters parameters, Parameters::parse(request.query));
  for (std::string_view label : parameters.get_all("extra_label")) {
    size_t equals = label.find('=');
    if (equals == std::string_view::npos || equals == 0 || !is_valid_utf8(label))
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("extra_label is name=value, not \"{}\"", label));
    options.extra_labels.set(label.substr(0, equals), label.substr(equals + 1));
  }
  std::string_view timestamp = parameters.get_or("timestamp", "");
  if (timestamp.empty()) return options;
  std::optional<int64_t> millis = parse_int64(timestamp);
  if (!millis || *millis < 0 || *millis > INT64_MAX / kNanosPerMilli)
    return make_error(ErrorCode::invalid_argument, "timestamp is a number of milliseconds since the epoch");
  options.default_time = UnixNanos::from_millis(*millis);
  return options;
}

Result<std::vector<Batch>> decode(const ApiContext& context, HttpRequest& request) {
  OBELISK_TRY(ExpositionRowOptions options, options_of(context, request));
  // Other types (forms, octet streams, none) are what clients send without thinking: Prometheus text is
  // meant.
  OBELISK_TRY(std::optional<ExpositionFormat> format, exposition_format_of(request.header("content-type")));
  OBELISK_TRY(std::string body, take_body(context, request));
  auto page = std::make_shared<const std::string>(std::move(body));
  ExpositionOptions parse_options;
  parse_options.created_as_start_time = true;
  OBELISK_TRY(Exposition exposition,
              parse_exposition(format.value_or(ExpositionFormat::prometheus_text), *page, parse_options));
  return exposition_rows(page, std::move(exposition), options);
}

void handle(ApiContext& context, const HttpExchangePtr& exchange) {
  Result<Tenant> tenant = tenant_of(context, exchange->request());
  if (!tenant.ok()) return fail(*exchange, tenant.error());
  Result<std::vector<Batch>> batches = decode(context, exchange->request());
  if (!batches.ok()) return fail(*exchange, batches.error());
  context.pipeline.write(*tenant, std::move(*batches), [exchange](Result<IntakeOutcome> outcome) {
    if (!outcome.ok()) return fail(*exchange, outcome.error());
    if (outcome->rejected_rows == 0) return answer_push(*exchange, kEndpoint, HttpResponse{204, {}, {}});
    fail(*exchange,
         make_error(ErrorCode::invalid_argument,
                    fmt::format("{} rows were not accepted: {}", outcome->rejected_rows, outcome->message)));
  });
}

}  // namespace

void register_import(Router& router, ApiContext& context) {
  router.add("POST", "/api/v1/import/prometheus",
             [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange); });
}

}  // namespace obelisk
