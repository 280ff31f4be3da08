// Goal: LogQL means here what it means in the reference. Method: our own scripts (tests/logql) must pass
// whole; the reference's scripts and recorded cases, which lie outside the repository, must not fall below
// what has been reached.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "base/log.h"
#include "query/logql/test_cases.h"
#include "query/logql/test_script.h"
#include "storage/embedded/test_engine_store.h"

namespace obelisk::logql {
namespace {

namespace fs = std::filesystem;

fs::path shared_directory() {
  if (const char* given = std::getenv("OBELISK_SHARED")) return given;
  return "../shared";
}

void report(const fs::path& file, const ScriptOutcome& outcome, bool verbose) {
  std::cout << file.filename().string() << ": " << outcome.passed << "/" << outcome.total << "\n";
  if (!verbose) return;
  for (const std::string& failure : outcome.failures) std::cout << failure << "\n";
}

const bool kQuiet = [] {
  set_log_level(LogLevel::warning);  // engines that are opened again and again would tell of it
  return true;
}();

// In memory, and in every state of the engine: the answers must be the same.
std::vector<std::pair<std::string, TestStoreFactory>> kinds_of_stores() {
  std::vector<std::pair<std::string, TestStoreFactory>> kinds{{"memory", MemoryTestStore::factory()}};
  for (EngineState state :
       {EngineState::head, EngineState::flushed, EngineState::compacted, EngineState::restarted}) {
    kinds.emplace_back(engine_state_name(state), engine_test_stores(state));
  }
  return kinds;
}

// The runner itself: each of these scripts is wrong in one way, and must be found out.
TEST(LogqlScripts, RunnerFindsWrongExpectations) {
  const char* const kLoad = "load\n  {a=\"b\"} \"x=1\" @ 10s [repeat every 10s for 3]\n";
  const char* const kWrong[] = {
      "eval instant at 30s count_over_time({a=\"b\"}[1m])\n  {a=\"b\"} 4\n",
      "eval instant at 30s count_over_time({a=\"b\"}[1m])\n  {a=\"c\"} 3\n",
      "eval instant at 30s count_over_time({a=\"b\"}[1m])\n  expect empty\n",
      "eval instant at 30s count_over_time({a=\"b\"}[1m])\n  expect fail\n",
      "eval instant at 30s count_over_time({a=\"none\"}[1m])\n",
      "eval instant at 30s count_over_time({a=\"b\"}[1)\n  expect fail msg: some other text\n",
      "eval range from 30s to 60s step 30s count_over_time({a=\"b\"}[30s])\n  {a=\"b\"} 3 0\n",
      "eval streams from 0s to 60s {a=\"b\"}\n  {a=\"b\"} \"x=1\" @ 30s\n",
      "eval streams from 0s to 60s limit 1 {a=\"b\"}\n  {a=\"b\"} \"x=1\" @ 20s\n",
      "eval instant at 30s 1 + 1\n  3\n",
  };
  for (const char* wrong : kWrong) {
    std::string script = std::string(kLoad) + wrong;
    fs::path path = fs::temp_directory_path() / ("logql_wrong_" + std::to_string(getpid()) + ".test");
    std::ofstream(path) << script;
    ScriptOutcome outcome = run_script(path);
    EXPECT_EQ(outcome.total, 1);
    EXPECT_EQ(outcome.passed, 0) << wrong;
    EXPECT_EQ(outcome.failures.size(), 1u) << wrong;
    // Rewritten by what came, each passes.
    std::string mended = apply_script_edits(script, outcome.edits);
    std::ofstream(path) << mended;
    EXPECT_EQ(run_script(path).passed, 1) << mended;
    fs::remove(path);
  }
}

TEST(LogqlScripts, OwnScriptsPass) {
  fs::path directory = "tests/logql";
  ASSERT_TRUE(fs::exists(directory)) << "run from the repository's root";
  for (const auto& [name, stores] : kinds_of_stores()) {
    int total = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() != ".test") continue;
      ScriptOutcome outcome = run_script(entry.path(), stores);
      std::cout << name << ": ";
      report(entry.path(), outcome, false);
      for (const std::string& failure : outcome.failures) ADD_FAILURE() << name << ": " << failure;
      total += outcome.passed;
    }
    EXPECT_GT(total, 0);
  }
}

// What passed when these lines were written; raising a floor is welcome, lowering one is a regression.
const std::map<std::string, int> kFloors{
    {"binary_operations.logqltest", 208},
    {"conversions.logqltest", 14},
    {"formatters.logqltest", 25},
    {"functions.logqltest", 28},
    {"label_filters.logqltest", 252},
    {"line_filters.logqltest", 36},
    {"parsers.logqltest", 42},
    {"range_aggregations.logqltest", 207},
    {"vector_aggregations.logqltest", 93},
};

TEST(LogqlScripts, ReferenceScriptsDoNotFallBack) {
  fs::path directory = shared_directory() / "conformance/logql/loki_logqltest";
  if (!fs::exists(directory)) GTEST_SKIP() << directory << " is not there";
  for (const auto& [kind, stores] : kinds_of_stores()) {
    int passed = 0, total = 0;
    for (const auto& [name, floor] : kFloors) {
      ScriptOutcome outcome = run_script(directory / name, stores);
      report(name, outcome, outcome.passed < floor || std::getenv("OBELISK_VERBOSE") != nullptr);
      EXPECT_GE(outcome.passed, floor) << kind << " " << name;
      passed += outcome.passed;
      total += outcome.total;
    }
    std::cout << kind << ": reference scripts: " << passed << "/" << total << "\n";
  }
}

constexpr int kCasesFloor = 64;

TEST(LogqlScripts, RecordedCasesDoNotFallBack) {
  fs::path path = shared_directory() / "conformance/logql/cases.yaml";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  for (const auto& [name, stores] : kinds_of_stores()) {
    ScriptOutcome outcome = run_cases(path, stores);
    std::cout << name << ": ";
    report(path, outcome, true);
    EXPECT_GE(outcome.passed, kCasesFloor) << name;
  }
}

// The runner of cases: each of these is wrong in one way.
TEST(LogqlScripts, CaseRunnerFindsWrongExpectations) {
  const std::string kCase =
      "base: 1700000000\ncases:\n- name: one\n  query: '{a=\"b\"}'\n  type: streams\n  streams:\n"
      "  - labels: {a: b}\n    entries: [[1, x], [2, y]]\n  expect:\n";
  const char* const kRight = "    streams: [{labels: {a: b}, entries: [[1, x], [2, y]]}]\n";
  const char* const kWrong[] = {
      "    streams: [{labels: {a: b}, entries: [[1, x], [2, z]]}]\n",
      "    streams: [{labels: {a: b}, entries: [[1, x], [3, y]]}]\n",
      "    streams: [{labels: {a: b}, entries: [[2, y], [1, x]]}]\n",
      "    streams: [{labels: {a: b}, entries: [[1, x]]}]\n",
      "    streams: [{labels: {a: c}, entries: [[1, x], [2, y]]}]\n",
      "    streams: []\n",
      "    matrix: []\n",
      "    error: parse\n",
  };
  auto passes = [&](const std::string& expectation) {
    fs::path path = fs::temp_directory_path() / ("logql_case_" + std::to_string(getpid()) + ".yaml");
    std::ofstream(path) << kCase << expectation;
    ScriptOutcome outcome = run_cases(path);
    fs::remove(path);
    EXPECT_EQ(outcome.total, 1);
    return outcome.passed == 1;
  };
  EXPECT_TRUE(passes(kRight));
  for (const char* wrong : kWrong) EXPECT_FALSE(passes(wrong)) << wrong;
  EXPECT_EQ(run_cases("/nonexistent/cases.yaml").failures.size(), 1u);
}

}  // namespace
}  // namespace obelisk::logql
