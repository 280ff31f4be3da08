#pragma once
// Which requests the server treats apart from queries: what pushes telemetry, and what must be answered while
// every worker is busy.
#include <string_view>

namespace obelisk::server {

bool is_push(std::string_view method, std::string_view path);
// Answered on the io thread: probes, and what shows and ends the queries that keep the workers busy.
bool is_probe(std::string_view path);

}  // namespace obelisk::server
