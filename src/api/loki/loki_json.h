#pragma once
// The JSON shapes of Loki's answers. Pure functions.
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "query/logql/result.h"

namespace obelisk::loki {

void write_labels(JsonWriter& out, const Labels& labels);
// {"stream":{},"values":[["ns","line"]]}; `categorised` adds {"structuredMetadata":{},"parsed":{}} to each
// entry.
void write_stream(JsonWriter& out, const logql::LogStream& stream, bool categorised);
// The answer of query and query_range.
std::string query_answer(const logql::LogqlResult& result, bool categorised, double seconds);
// {"status":"success","data":[...]}
std::string list_answer(const std::vector<std::string>& values);

}  // namespace obelisk::loki
