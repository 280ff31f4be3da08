#pragma once
// Runs recorded LogQL cases: a YAML file of streams, queries and the answers that a reference gave. For tests
// and `obelisk test-logql`.
//
//   base: 1700000000             seconds; every time below is an offset from it
//   cases:
//   - name: a-name
//     query: '{app="web"}'
//     type: streams              or instant (at `time`), range (start, end, step)
//     start, end, limit, direction (forward)
//     streams:
//     - labels: {app: web}
//       entries: [[1, "line"], [2, "line", {metadata: value}]]
//     expect:                    streams, vector (in order with `ordered: true`) or matrix; or error: a part
//     of
//                                the message
// A label with an empty value in an expected answer must be there and be empty.
#include "query/logql/test_script.h"

namespace obelisk::logql {

ScriptOutcome run_cases(const std::string& path, const TestStoreFactory& stores = MemoryTestStore::factory());

}  // namespace obelisk::logql
