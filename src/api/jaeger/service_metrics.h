#pragma once
// What the Monitor page of Jaeger's UI draws: rates of calls, shares of errors and quantiles of durations of
// services, also by operation, computed from stored spans when they are asked for. No metrics have to be
// collected before. Pure functions of a call, safe from any thread.
// Every point stands for the `ratePer` before it. The last point is at the end of the range, cut to a time
// that divides step and ratePer (a few seconds where the range is some hours), the others whole steps before
// it.
#include "api/tempo/tempo_call.h"

namespace obelisk::jaeger {

enum class ServiceMetric : uint8_t { latencies, calls, errors };

// A metric family of OpenMetrics in protobuf's JSON, by the parameters of the call: service (one or more),
// spanKind (default server), groupByOperation, endTs, lookback, step, ratePer (ms); latencies: quantile.
// At most kPointsMax of the greatest time that divides step and ratePer, and 20,000 series.
Result<std::string> service_metrics_json(const tempo::TempoCall& call, ServiceMetric metric);

}  // namespace obelisk::jaeger
