#pragma once
// Runs LogQL test scripts (tests/logql/*.test) on any kind of store. For tests and `obelisk test-logql`.
//
// A script is lines; `#` outside quotes starts a comment. Times are offsets from an arbitrary epoch ("90s",
// "1m30s").
//   clear                                  empties the store
//   load                                   followed by indented lines, each one or more rows:
//     {app="a"} "the line" @ 20s [repeat every 20s for 4] [metadata k="v"] [otlp k="v"]
//                                          quotes and backticks do not unescape; {{.i}} is the number of the
//                                          repetition; otlp marks the row as one that came by OTLP and gives
//                                          resource attributes
//   eval instant at 60s QUERY              followed by indented expectations
//   eval range from 0s to 60s step 20s QUERY
//   eval streams from 0s to 60s [limit 3] [forward] [categorise] QUERY
// Expectations: `{labels} 1 2 _ 3` (one value a step, `_` for none, `1+2x3` for 1 3 5 7), a number for a
// scalar,
// `{labels} "line" @ 20s` for an entry (in the order of the answer; `meta {..} parsed {..}` behind it with
// categorise), `expect empty`, `expect fail [msg: part of the message | regex: expression]`, `expect
// ordered`.
#include <string>
#include <vector>

#include "query/core/script_edit.h"
#include "storage/memory/test_store.h"

namespace obelisk::logql {

struct ScriptOutcome {
  int passed = 0;
  int total = 0;
  std::vector<std::string> failures;  // file:line: what was expected and what came
  std::vector<ScriptEdit> edits;      // of a script: what would make the failed ones pass
};

ScriptOutcome run_script(const std::string& path,
                         const TestStoreFactory& stores = MemoryTestStore::factory());

}  // namespace obelisk::logql
