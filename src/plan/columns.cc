#include "plan/columns.h"

namespace obelisk {

std::string_view table_name(Table table) {
  static constexpr std::string_view kNames[] = {"samples", "exemplars", "logs", "spans", "metadata"};
  return kNames[static_cast<int>(table)];
}

std::string_view scope_name(Scope scope) {
  static constexpr std::string_view kNames[] = {"fixed",     "label", "resource", "instrumentation",
                                                "attribute", "event", "link"};
  return kNames[static_cast<int>(scope)];
}

std::string_view column_type_name(ColumnType type) {
  static constexpr std::string_view kNames[] = {"boolean", "int64",    "float64", "string",
                                                "bytes",   "trace_id", "any"};
  return kNames[static_cast<int>(type)];
}

}  // namespace obelisk
