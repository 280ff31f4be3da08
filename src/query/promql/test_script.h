#pragma once
// Runs query scripts: plain text that loads series and states what queries over them give. The language is
// the one of Prometheus' promqltest:
//
//     load 1m
//       requests_total{job="api"} 0+60x10
//
//     eval instant at 5m rate(requests_total[5m])
//       {job="api"} 1
//
//     eval range from 0 to 2m step 1m requests_total > 100
//       requests_total{job="api"} _ _ 120
//
//     eval instant at 0 rate(requests_total)
//       expect fail
//
// Commands: load <step>, load_with_nhcb <step>, clear, eval instant at <time> <query>, eval range from <t> to
// <t> step <d> <query>; eval_fail, eval_warn, eval_info and eval_ordered as older scripts write them.
// Expectations: result series, a number (a scalar), and `expect fail|warn|info [msg: text | regex: pattern]`,
// `expect no_warn|no_info|ordered`, `expect string "x"`, `expect range vector from <t> to <t> step <d>`. A
// blank or comment line ends a block.
//
// Each instant query is run again with `@ <its time>` on every selector that has none, at five other times,
// and each of these (unless its order is asked for) as the middle of a range query: all must give the same.
// Histograms are given the reset hint that appending them one after the other would give.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/core/script_edit.h"
#include "query/promql/engine.h"
#include "query/promql/test_store.h"

namespace obelisk::promql {

struct ScriptFailure {
  size_t line = 0;      // of the eval, counted from 1
  std::string message;  // what was expected and what came
};

struct ScriptReport {
  size_t total = 0;  // evals
  size_t passed = 0;
  std::vector<ScriptFailure> failures;
  // What would make the failed ones pass as they are written. One that the script's own words contradict
  // (eval_fail of what succeeds) has none.
  std::vector<ScriptEdit> edits;
};

// The switches that the reference's own runner has on. Scripts named *_stock.test state what a server without
// delayed name removal and without start times answers.
PromqlOptions script_options(std::string_view file_name);

// An error (with its line as position) when the script itself cannot be read.
Result<ScriptReport> run_script(std::string_view script, const PromqlEngine& engine,
                                const ScriptStoreFactory& stores = memory_script_store());

}  // namespace obelisk::promql
