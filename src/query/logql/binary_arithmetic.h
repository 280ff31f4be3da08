#pragma once
// Arithmetic and comparison of two numbers as LogQL has them: a zero divisor gives NaN. Pure functions.
#include "query/logql/ast.h"

namespace obelisk::logql {

double arithmetic(BinaryOp op, double left, double right);
bool holds(BinaryOp comparison, double left, double right);

}  // namespace obelisk::logql
