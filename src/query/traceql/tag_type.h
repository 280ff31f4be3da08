#pragma once
// What TagValue::type says of the values of a stored attribute column.
#include <string_view>

#include "plan/columns.h"

namespace obelisk::traceql {

inline std::string_view tag_type_of(ColumnType type) {
  switch (type) {
    case ColumnType::int64:
      return "int";
    case ColumnType::float64:
      return "float";
    case ColumnType::boolean:
      return "bool";
    default:
      return "string";
  }
}

}  // namespace obelisk::traceql
