#pragma once
// Query results as Prometheus' JSON: sample values as strings, native histograms with their populated
// buckets.
#include <string>

#include "base/json_writer.h"
#include "query/promql/engine.h"

namespace obelisk::prometheus_api {

void write_labels(JsonWriter& json, const Labels& labels);
// {count, sum, buckets: [[rule, lower, upper, count]]}; rule 0: open on the left, 1: on the right, 2: on
// both, 3: closed.
void write_histogram(JsonWriter& json, const Histogram& histogram);
// The members resultType and result of an open object. `limit` series at most (0: all); true when some were
// left out.
bool write_result(JsonWriter& json, const InstantResult& result, uint64_t limit);
bool write_result(JsonWriter& json, const MatrixResult& result, uint64_t limit);

// The member tiers: which downsampled tiers took part, and for what time. None: no member.
void write_tiers(JsonWriter& json, const std::vector<PromqlTierUse>& tiers);

}  // namespace obelisk::prometheus_api
