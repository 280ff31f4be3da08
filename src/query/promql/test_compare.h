#pragma once
// How query scripts compare: numbers with a relative tolerance of 1e-6, NaN with NaN, histograms bucket by
// bucket.
#include <string>

#include "query/promql/test_series.h"

namespace obelisk::promql {

bool numbers_match(double expected, double actual);
// `histogram` null: the sample is the float `value`. A reset hint counts only where the script wrote one.
bool point_matches(const ScriptPoint& expected, double value, const Histogram* histogram);
// As a script writes it.
std::string point_text(double value, const Histogram* histogram);

}  // namespace obelisk::promql
