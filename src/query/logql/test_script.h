#pragma once
// Runs LogQL test scripts (tests/logql/*.test) against a memory store. For tests only.
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
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "query/logql/engine.h"
#include "storage/memory/memory_store.h"

namespace obelisk::logql {

struct ScriptOutcome {
  int passed = 0;
  int total = 0;
  std::vector<std::string> failures;  // file:line: what was expected and what came
};

ScriptOutcome run_script(const std::string& path);

// One row of test data.
struct TestRow {
  Labels stream;
  int64_t time = 0;
  std::string line;
  std::vector<std::pair<std::string, std::string>> metadata;
  bool otlp = false;
  std::vector<std::pair<std::string, std::string>> resource;
};
void write_rows(MemoryStore& store, const std::vector<TestRow>& rows);

// A store with what a query needs around it.
struct TestStore {
  std::unique_ptr<MemoryStore> store = std::make_unique<MemoryStore>();
  Result<LogqlResult> range(std::string_view query, const RangeRequest& request);
  Result<LogqlResult> instant(std::string_view query, UnixNanos time);
};

bool nearly_equal(double a, double b);
std::string describe(const LogqlResult& result, int64_t epoch);

}  // namespace obelisk::logql
