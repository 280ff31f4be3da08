#include "api/jaeger/service_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "api/tempo/traceql_text.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "query/traceql/engine.h"
#include "query/traceql/metrics_series.h"

namespace obelisk::jaeger {
namespace {

constexpr uint32_t kSeriesMax = 20'000;
constexpr size_t kServicesMax = 100;
constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli / 4;
constexpr std::string_view kKinds[] = {"unspecified", "internal", "server", "client", "producer", "consumer"};

struct Request {
  std::vector<std::string> services;
  std::vector<std::string> kinds;
  bool by_operation = false;
  double quantile = 0;
  int64_t end = 0, lookback = 0, step = 0, window = 0;  // ms
};

Error unreadable(std::string_view parameter, std::string_view why) {
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("unable to parse param '{}': {}", parameter, why));
}

Result<bool> read_switch(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"", "0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return unreadable(name, "true or false is wanted");
}

Result<int64_t> millis_of(const Parameters& parameters, std::string_view name, int64_t fallback) {
  OBELISK_TRY(int64_t millis, tempo::integer_of(parameters, name, fallback, 1));
  if (millis > kMillisMax) return unreadable(name, "too many milliseconds");
  return millis;
}

Result<Request> request_of(const tempo::TempoCall& call, ServiceMetric metric) {
  const Parameters& parameters = call.parameters;
  Request request;
  for (std::string_view service : parameters.get_all("service")) {
    if (!service.empty()) request.services.emplace_back(service);
  }
  if (request.services.empty()) return unreadable("service", "please provide at least one service name");
  if (request.services.size() > kServicesMax)
    return unreadable("service", fmt::format("more than {} names", kServicesMax));
  OBELISK_TRY(request.by_operation, read_switch(parameters, "groupByOperation"));
  for (std::string_view kind : parameters.get_all("spanKind")) {
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) {
      return unreadable("spanKind",
                        fmt::format("unsupported span kind: '{}'", replace_invalid_utf8(kind.substr(0, 64))));
    }
    request.kinds.emplace_back(kind);
  }
  if (request.kinds.empty()) request.kinds = {"server"};
  OBELISK_TRY(request.end, millis_of(parameters, "endTs", call.api.clock.now().value / kNanosPerMilli));
  OBELISK_TRY(request.lookback, millis_of(parameters, "lookback", 3'600'000));
  OBELISK_TRY(request.step, millis_of(parameters, "step", 5'000));
  OBELISK_TRY(request.window, millis_of(parameters, "ratePer", 600'000));
  if (metric != ServiceMetric::latencies) return request;
  std::optional<double> quantile = parse_float(parameters.get_or("quantile", ""));
  if (!quantile || !(*quantile >= 0 && *quantile <= 1))
    return unreadable("quantile", "a number from 0 to 1 is wanted");
  request.quantile = *quantile;
  return request;
}

// The points of the answer, and the finer grid (ms) by which spans are counted: each point's window is a
// whole number of its cells.
struct Grid {
  int64_t cell = 1;
  int64_t cells_per_window = 1;
  std::vector<int64_t> times;
};

// Cells that a range takes, with the windows of its first points and one before (count() says why).
int64_t cells_of(const Request& request, int64_t cell) {
  return (request.lookback + request.window) / cell + 1;
}

// The points stand at whole cells: short ones, as long as they are not too many, so that the last point is
// near the end of the range.
int64_t cell_of(const Request& request) {
  constexpr int64_t kFineCellsMax = 2'000;
  int64_t longest = std::gcd(request.step, request.window);
  for (int64_t wanted : {1'000, 5'000, 10'000, 15'000, 20'000, 30'000}) {
    int64_t cell = std::gcd(longest, wanted);
    if (cells_of(request, cell) <= kFineCellsMax) return cell;
  }
  return longest;
}

Result<Grid> grid_of(const Request& request) {
  Grid grid;
  grid.cell = cell_of(request);
  grid.cells_per_window = request.window / grid.cell;
  if (int64_t cells = cells_of(request, grid.cell); cells > static_cast<int64_t>(traceql::kPointsMax)) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("{} times of {} ms, which divides step and ratePer, are more than {}: use a "
                    "longer step, or one that divides ratePer",
                    cells, grid.cell, traceql::kPointsMax));
  }
  int64_t last = request.end / grid.cell * grid.cell;
  if (last == 0)
    return make_error(ErrorCode::invalid_argument, "endTs lies before the first second of all time");
  int64_t steps = std::min(request.lookback, last) / request.step;
  for (int64_t time = last - steps * request.step; time <= last; time += request.step)
    grid.times.push_back(time);
  return grid;
}

using Key = std::pair<std::string, std::string>;  // service, operation

struct Counted {
  traceql::MetricsResult result;
  int64_t cell_nanos = 1;

  // How many values lie in the window that ends at `time`, of one series.
  double sum(const std::vector<double>& values, int64_t time_ms, int64_t cells) const {
    int64_t last = (time_ms * kNanosPerMilli - result.first.value) / cell_nanos;
    double total = 0;
    for (int64_t i = std::max<int64_t>(0, last - cells + 1); i <= last; ++i) {
      if (i < static_cast<int64_t>(values.size()) && !std::isnan(values[static_cast<size_t>(i)]))
        total += values[static_cast<size_t>(i)];
    }
    return total;
  }
};

std::string condition_of(const Request& request) {
  std::vector<std::string> services, kinds;
  for (const std::string& service : request.services)
    services.push_back("resource.service.name = " + tempo::traceql_string(service));
  for (const std::string& kind : request.kinds) kinds.push_back("kind = " + kind);
  return fmt::format("({}) && ({})", fmt::join(services, " || "), fmt::join(kinds, " || "));
}

Result<Counted> count(const tempo::TempoCall& call, const Request& request, const Grid& grid,
                      std::string_view condition, std::string_view function) {
  traceql::MetricsOptions options;
  options.step = grid.cell * kNanosPerMilli;
  // A cell before the first window: what lies exactly on the begin of a range counts in its first cell.
  int64_t begin = grid.times.front() - request.window - grid.cell;
  options.range = {{std::max<int64_t>(0, begin) * kNanosPerMilli}, {grid.times.back() * kNanosPerMilli}};
  options.exemplars_max = 0;
  options.series_max = kSeriesMax;
  std::string query = fmt::format("{{ {}{} }} | {} by (resource.service.name{})", condition_of(request),
                                  condition, function, request.by_operation ? ", name" : "");
  Counted counted;
  counted.cell_nanos = options.step;
  OBELISK_TRY(counted.result, traceql::evaluate_metrics(call.query_context(), query, options));
  // The family has no place for what is missing.
  if (counted.result.partial) return make_error(ErrorCode::too_large, counted.result.message);
  if (!counted.result.statistics.complete)
    return make_error(ErrorCode::unavailable, counted.result.statistics.reason);
  return counted;
}

Key key_of(const traceql::MetricsSeries& series, bool by_operation) {
  return {traceql::value_text(series.labels[0].second.view()),
          by_operation ? traceql::value_text(series.labels[1].second.view()) : ""};
}

using Family = std::map<Key, std::vector<double>>;

Result<Family> calls(const tempo::TempoCall& call, const Request& request, const Grid& grid,
                     std::string_view condition) {
  OBELISK_TRY(Counted counted, count(call, request, grid, condition, "count_over_time()"));
  Family family;
  for (const traceql::MetricsSeries& series : counted.result.series) {
    OBELISK_CHECK_OK(call.run->budget.charge(grid.times.size() * sizeof(double)));
    std::vector<double>& values = family[key_of(series, request.by_operation)];
    for (int64_t time : grid.times) values.push_back(counted.sum(series.values, time, grid.cells_per_window));
  }
  return family;
}

Result<Family> call_rates(const tempo::TempoCall& call, const Request& request, const Grid& grid) {
  OBELISK_TRY(Family family, calls(call, request, grid, ""));
  double seconds = static_cast<double>(request.window) / 1000;
  for (auto& [key, values] : family) {
    for (double& value : values) value /= seconds;
  }
  return family;
}

// Of every series of calls, also those without an error; NaN where there were no calls.
Result<Family> error_rates(const tempo::TempoCall& call, const Request& request, const Grid& grid) {
  OBELISK_TRY(Family family, calls(call, request, grid, ""));
  OBELISK_TRY(Family failed, calls(call, request, grid, " && status = error"));
  for (auto& [key, values] : family) {
    auto errors = failed.find(key);
    for (size_t i = 0; i < values.size(); ++i) {
      double share = errors == failed.end() ? 0 : errors->second[i];
      values[i] = values[i] == 0 ? std::nan("") : share / values[i];
    }
  }
  return family;
}

// In milliseconds, interpolated in powers of two as quantile_over_time does.
Result<Family> latencies(const tempo::TempoCall& call, const Request& request, const Grid& grid) {
  OBELISK_TRY(Counted counted, count(call, request, grid, "", "histogram_over_time(duration)"));
  std::map<Key, traceql::PowerBuckets> buckets;
  for (const traceql::MetricsSeries& series : counted.result.series) {
    OBELISK_CHECK_OK(call.run->budget.charge(2 * grid.times.size() * sizeof(double)));
    auto exponent = static_cast<int>(std::lround(std::log2(series.labels.back().second.number * 1e9)));
    std::vector<uint64_t> counts;
    for (int64_t time : grid.times)
      counts.push_back(
          static_cast<uint64_t>(std::llround(counted.sum(series.values, time, grid.cells_per_window))));
    auto [held, fresh] = buckets.try_emplace(key_of(series, request.by_operation), grid.times.size());
    held->second.add(exponent, counts);
  }
  Family family;
  for (const auto& [key, of_key] : buckets) {
    std::vector<double>& values = family[key];
    for (size_t i = 0; i < grid.times.size(); ++i)
      values.push_back(of_key.quantile(i, request.quantile) / static_cast<double>(kNanosPerMilli));
  }
  return family;
}

// The UI takes the first label for the service's name, and looks for "operation".
void write_labels(JsonWriter& out, const Key& key, bool by_operation) {
  out.key("labels").begin_array();
  out.begin_object().field("name", "service_name").field("value", key.first).end_object();
  if (by_operation) out.begin_object().field("name", "operation").field("value", key.second).end_object();
  out.end_array();
}

std::string family_json(std::string name, std::string help, const Request& request, const Grid& grid,
                        const Family& family) {
  if (request.by_operation) {
    name.replace(0, std::string_view("service").size(), "service_operation");
    help += " & operation";
  }
  JsonWriter out;
  out.begin_object().field("name", name).field("type", "GAUGE").field("help", help);
  out.key("metrics").begin_array();
  for (const auto& [key, values] : family) {
    out.begin_object();
    write_labels(out, key, request.by_operation);
    out.key("metricPoints").begin_array();
    for (size_t i = 0; i < values.size(); ++i) {
      out.begin_object().key("gaugeValue").begin_object().key("doubleValue");
      if (std::isnan(values[i])) {
        out.value("NaN");
      } else {
        out.value(values[i]);
      }
      out.end_object().field("timestamp", format_rfc3339(grid.times[i] * kNanosPerMilli)).end_object();
    }
    out.end_array().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace

Result<std::string> service_metrics_json(const tempo::TempoCall& call, ServiceMetric metric) {
  OBELISK_TRY(Request request, request_of(call, metric));
  OBELISK_TRY(Grid grid, grid_of(request));
  switch (metric) {
    case ServiceMetric::calls: {
      OBELISK_TRY(Family family, call_rates(call, request, grid));
      return family_json("service_call_rate", "calls/sec, grouped by service", request, grid, family);
    }
    case ServiceMetric::errors: {
      OBELISK_TRY(Family family, error_rates(call, request, grid));
      return family_json(
          "service_error_rate",
          "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service", request,
          grid, family);
    }
    case ServiceMetric::latencies:
      break;
  }
  OBELISK_TRY(Family family, latencies(call, request, grid));
  return family_json("service_latencies",
                     fmt::format("{:.2f}th quantile latency, grouped by service", request.quantile), request,
                     grid, family);
}

}  // namespace obelisk::jaeger
