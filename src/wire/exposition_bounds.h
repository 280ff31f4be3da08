#pragma once
// How Prometheus spells the bound of a bucket and the rank of a quantile: the shortest decimal, with ".0"
// where it would look like an integer. Used inside wire/ and by whoever writes exposition formats. Pure
// functions.
#include <string>

#include "wire/exposition.h"

namespace obelisk {

// 1 -> "1.0", 0.25 -> "0.25", infinity -> "+Inf".
std::string bound_text(double value);

// A sample's value: the same without the ".0".
std::string exposition_value_text(double value);

// Spells the le label of a histogram's bucket and the quantile label of a summary's quantile canonically, in
// place. What is no number stays.
void normalize_bound_label(ExpositionSample& sample, MetricType type, Arena& arena);

}  // namespace obelisk
