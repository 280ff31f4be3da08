#pragma once
// Numbers as Go prints them, where the query APIs show them inside labels and messages. Pure functions.
#include <string>

namespace obelisk {

// Go's strconv 'f' -1: the shortest decimal without an exponent, as count_values labels its groups.
std::string format_plain_float(double value);
// Go's %g: the shortest digits, with an exponent below 1e-04 and from 1e+06 on.
std::string format_go_g(double value);

}  // namespace obelisk
