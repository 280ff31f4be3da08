#pragma once
// A syntax tree as Prometheus' parse_query answers it.
#include "base/json_writer.h"
#include "query/promql/ast.h"

namespace obelisk::prometheus_api {
void write_ast(JsonWriter& json, const promql::Node& node);
}  // namespace obelisk::prometheus_api
