// test-promql, test-logql and test-traceql: query scripts in the language a user types.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "base/log.h"
#include "query/logql/test_cases.h"
#include "query/logql/test_script.h"
#include "query/promql/test_engine_stores.h"
#include "query/promql/test_script.h"
#include "query/traceql/test_script.h"
#include "server/commands.h"
#include "server/config.h"
#include "storage/embedded/test_engine_store.h"

namespace obelisk::server {
namespace {

bool is_yaml(const std::string& file) {
  return file.ends_with(".yaml") || file.ends_with(".yml");
}

// Writes what came over what was expected; the files' owner reads the difference.
Result<void> rewrite_expectations(const std::string& file, const std::vector<ScriptEdit>& edits) {
  if (edits.empty()) return {};
  OBELISK_TRY(std::string script, read_text_file(file));
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << apply_script_edits(script, edits);
  out.close();
  if (!out) return make_error(ErrorCode::unavailable, file + " cannot be written");
  fmt::print("{}: {} expectations rewritten\n", file, edits.size());
  return {};
}

Error not_a_script(const std::string& file) {
  return make_error(ErrorCode::invalid_argument, file + ": --update rewrites scripts (.test) only");
}

}  // namespace

int run_test_promql(const std::vector<std::string>& files, bool update) {
  bool all_passed = true;
  for (const std::string& file : files) {
    Result<std::string> text = read_text_file(file);
    if (!text.ok()) return fail(text.error());
    PromqlEngine engine(promql::script_options(file));
    if (update) {
      Result<promql::ScriptReport> report = promql::run_script(*text, engine);
      if (!report.ok()) return fail(report.error().with_context(file));
      Result<void> rewritten = rewrite_expectations(file, report->edits);
      if (!rewritten.ok()) return fail(rewritten.error());
      text = read_text_file(file);
      if (!text.ok()) return fail(text.error());
    }
    for (const auto& [where, stores] : promql::all_script_stores()) {
      Result<promql::ScriptReport> report = promql::run_script(*text, engine, stores);
      if (!report.ok()) return fail(report.error().with_context(file));
      for (const promql::ScriptFailure& failure : report->failures) {
        fmt::print("{}:{}: {}: {}\n", file, failure.line, where, failure.message);
      }
      fmt::print("{}: {}: {} of {} passed\n", file, where, report->passed, report->total);
      all_passed &= report->passed == report->total;
    }
  }
  return all_passed ? 0 : 1;
}

int run_test_logql(const std::vector<std::string>& files, const std::string& store, bool update) {
  TestStoreFactory stores = MemoryTestStore::factory();
  if (store != "memory") {
    std::optional<EngineState> state = engine_state_of(store);
    if (!state) {
      return fail(
          make_error(ErrorCode::invalid_argument,
                     "--store is memory, head, flushed, compacted or restarted, not \"" + store + "\""));
    }
    stores = engine_test_stores(*state);
  }
  set_log_level(LogLevel::warning);  // engines that are opened again and again would tell of it
  bool all_passed = true;
  for (const std::string& file : files) {
    if (update) {
      if (is_yaml(file)) return fail(not_a_script(file));
      Result<void> rewritten = rewrite_expectations(file, logql::run_script(file).edits);
      if (!rewritten.ok()) return fail(rewritten.error());
    }
    logql::ScriptOutcome outcome =
        is_yaml(file) ? logql::run_cases(file, stores) : logql::run_script(file, stores);
    for (const std::string& failure : outcome.failures) fmt::print("{}\n", failure);
    fmt::print("{}: {} of {} passed\n", file, outcome.passed, outcome.total);
    all_passed &= outcome.passed == outcome.total && outcome.failures.empty();
  }
  return all_passed ? 0 : 1;
}

int run_test_traceql(const std::vector<std::string>& files, bool update) {
  set_log_level(LogLevel::warning);
  bool all_passed = true;
  auto report = [&](const std::string& file, std::string_view where, const traceql::ScriptOutcome& outcome) {
    for (const std::string& failure : outcome.failures) fmt::print("{}: {}\n", where, failure);
    fmt::print("{}: {}: {} of {} passed\n", file, where, outcome.passed, outcome.total);
    all_passed &= outcome.failures.empty();
  };
  for (const std::string& file : files) {
    if (is_yaml(file)) {
      if (update) return fail(not_a_script(file));
      report(file, "examples", traceql::run_examples(file));
      continue;
    }
    if (update) {
      Result<void> rewritten = rewrite_expectations(file, traceql::run_script(file).edits);
      if (!rewritten.ok()) return fail(rewritten.error());
    }
    report(file, "memory", traceql::run_script(file));
    for (EngineState state :
         {EngineState::head, EngineState::flushed, EngineState::compacted, EngineState::restarted}) {
      report(file, engine_state_name(state),
             traceql::run_script(file, traceql::Loading::at_once, engine_test_stores(state)));
    }
  }
  return all_passed ? 0 : 1;
}

}  // namespace obelisk::server
