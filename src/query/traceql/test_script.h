#pragma once
// Runs TraceQL test scripts (tests/traceql/*.test, notation in tests/traceql/README.md) on any kind of store,
// and lists of example queries. For tests and `obelisk test-traceql`.
#include <string>
#include <vector>

#include "query/core/script_edit.h"
#include "storage/memory/test_store.h"

namespace obelisk::traceql {

struct ScriptOutcome {
  int passed = 0;
  int total = 0;
  std::vector<std::string> failures;  // file:line: what was expected and what came
  std::vector<ScriptEdit> edits;      // of a script: what would make the failed ones pass
};

// How a script's traces are written: in one request, or one span a request (so that a trace lies in many
// batches) with every span written twice. The answers must be the same.
enum class Loading : uint8_t { at_once, scattered_and_repeated };

ScriptOutcome run_script(const std::string& path, Loading loading = Loading::at_once,
                         const TestStoreFactory& stores = MemoryTestStore::factory());

// A YAML file of lists of queries: `valid` and `unsupported` (which Tempo parses and does not evaluate; here
// they are evaluated) must be accepted, `parse_fails` and `validate_fails` refused with parse_error and
// invalid_argument.
ScriptOutcome run_examples(const std::string& path);

}  // namespace obelisk::traceql
