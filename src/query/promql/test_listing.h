#pragma once
// What a query gave, as lines of a failed script's report. Pure.
#include <string>
#include <vector>

#include "query/promql/engine.h"

namespace obelisk::promql {

std::string list_result(const SampleVector& vector);
std::string list_result(const std::vector<MatrixSeries>& matrix);
std::string list_result(const PromqlAnnotations& annotations);

}  // namespace obelisk::promql
