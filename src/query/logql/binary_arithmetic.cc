#include "query/logql/binary_arithmetic.h"

#include <cmath>
#include <limits>

namespace obelisk::logql {

double arithmetic(BinaryOp op, double left, double right) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  switch (op) {
    case BinaryOp::add:
      return left + right;
    case BinaryOp::subtract:
      return left - right;
    case BinaryOp::multiply:
      return left * right;
    case BinaryOp::divide:
      return right == 0 ? kNan : left / right;
    case BinaryOp::modulo:
      return right == 0 ? kNan : std::fmod(left, right);
    case BinaryOp::power:
      return std::pow(left, right);
    default:
      return kNan;
  }
}

bool holds(BinaryOp comparison, double left, double right) {
  switch (comparison) {
    case BinaryOp::equal:
      return left == right;
    case BinaryOp::not_equal:
      return left != right;
    case BinaryOp::greater:
      return left > right;
    case BinaryOp::greater_equal:
      return left >= right;
    case BinaryOp::less:
      return left < right;
    case BinaryOp::less_equal:
      return left <= right;
    default:
      return false;
  }
}

}  // namespace obelisk::logql
