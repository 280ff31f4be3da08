#pragma once
// What a query gave, for the report of a failed script and as the lines that would make it pass. Pure.
#include <string>
#include <vector>

#include "query/promql/engine.h"

namespace obelisk::promql {

std::string list_result(const SampleVector& vector);
std::string list_result(const std::vector<MatrixSeries>& matrix);
std::string list_result(const PromqlAnnotations& annotations);

// Expectations in the notation of scripts, without indentation; points that are not there are `_`.
std::vector<std::string> script_lines(const SampleVector& vector);
std::vector<std::string> script_lines(const std::vector<MatrixSeries>& matrix, int64_t start_ms,
                                      int64_t end_ms, int64_t step_ms);

}  // namespace obelisk::promql
