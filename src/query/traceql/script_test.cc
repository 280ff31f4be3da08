// Runs the scripts of tests/traceql on every kind of store, written at once and scattered, and the reference
// project's example queries where they are at hand.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "query/traceql/test_script.h"
#include "storage/embedded/test_engine_store.h"

namespace obelisk::traceql {
namespace {

std::vector<std::string> script_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("tests/traceql")) {
    if (entry.path().extension() == ".test") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void expect_all(const ScriptOutcome& outcome) {
  for (const std::string& failure : outcome.failures) ADD_FAILURE() << failure;
  EXPECT_EQ(outcome.passed, outcome.total);
  EXPECT_GT(outcome.total, 0);
}

class TraceqlScript : public testing::TestWithParam<std::string> {
 protected:
  std::string path() const { return "tests/traceql/" + GetParam(); }
};

TEST_P(TraceqlScript, AtOnce) {
  expect_all(run_script(path()));
}

TEST_P(TraceqlScript, ScatteredAndRepeated) {
  expect_all(run_script(path(), Loading::scattered_and_repeated));
}

TEST_P(TraceqlScript, OnTheEngine) {
  for (EngineState state :
       {EngineState::head, EngineState::flushed, EngineState::compacted, EngineState::restarted}) {
    SCOPED_TRACE(engine_state_name(state));
    expect_all(run_script(path(), Loading::at_once, engine_test_stores(state)));
    expect_all(run_script(path(), Loading::scattered_and_repeated, engine_test_stores(state)));
  }
}

INSTANTIATE_TEST_SUITE_P(Scripts, TraceqlScript, testing::ValuesIn(script_names()),
                         [](const auto& info) { return info.param.substr(0, info.param.find('.')); });

TEST(TraceqlScripts, WrongExpectationsAreRewritten) {
  std::string script =
      "load\n  trace c1\n    a shop A 0s 1s\n      b pay B 0s 10ms\n"
      "search { name = \"B\" }\n  c1: a\n"
      "# a comment stays\n"
      "search { name = }\n  c1: a\n"
      "metrics from 0s to 2s step 1s {} | count_over_time()\n";
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("traceql_wrong_" + std::to_string(getpid()) + ".test");
  std::ofstream(path) << script;
  ScriptOutcome outcome = run_script(path);
  EXPECT_EQ(outcome.passed, 0);
  std::string mended = apply_script_edits(script, outcome.edits);
  EXPECT_NE(mended.find("search { name = \"B\" }\n  c1: b\n# a comment stays\n"), std::string::npos)
      << mended;
  std::ofstream(path) << mended;
  expect_all(run_script(path));
  std::filesystem::remove(path);
}

TEST(TraceqlExamples, OfOurOwn) {
  expect_all(run_examples("tests/traceql/language.yaml"));
}

TEST(TraceqlExamples, OfTheReferenceProject) {
  const char* shared = std::getenv("OBELISK_SHARED");
  std::string path =
      std::string(shared != nullptr ? shared : "../shared") + "/conformance/traceql/examples.yaml";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  ScriptOutcome outcome = run_examples(path);
  expect_all(outcome);
  EXPECT_GT(outcome.total, 250);
}

}  // namespace
}  // namespace obelisk::traceql
