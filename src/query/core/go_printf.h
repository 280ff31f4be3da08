#pragma once
// Go's fmt.Sprintf for template values: verbs v s q d f F g G e E x X o b c U t T %, flags "+-# 0", width and
// precision (also `*`). What is wrong is shown in the output as Go does: %!d(string=x), %!s(MISSING),
// %!(EXTRA int=1). Width and precision are capped at kPrintfWidthMax, so that a template cannot ask for
// gigabytes. Pure functions.
#include <span>
#include <string>
#include <string_view>

#include "query/core/go_template_value.h"

namespace obelisk {

inline constexpr int kPrintfWidthMax = 10'000;

std::string go_printf(std::string_view format, std::span<const TemplateValue> arguments);

// strconv 'g' with the shortest digits: what %v prints for a float64 (3e+06, 0.25, NaN, +Inf).
std::string go_format_float(double value);
// strconv.Quote.
std::string go_quote(std::string_view text);

}  // namespace obelisk
