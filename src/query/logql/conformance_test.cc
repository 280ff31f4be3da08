// Goal: LogQL means here what it means in the reference. Method: our own scripts (tests/logql) must pass
// whole; the reference's scripts and recorded cases, which lie outside the repository, must not fall below
// what has been reached.
#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "query/logql/test_script.h"

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
    fs::path path = fs::temp_directory_path() / ("logql_wrong_" + std::to_string(getpid()) + ".test");
    std::ofstream(path) << kLoad << wrong;
    ScriptOutcome outcome = run_script(path);
    fs::remove(path);
    EXPECT_EQ(outcome.total, 1);
    EXPECT_EQ(outcome.passed, 0) << wrong;
    EXPECT_EQ(outcome.failures.size(), 1u) << wrong;
  }
}

TEST(LogqlScripts, OwnScriptsPass) {
  fs::path directory = "tests/logql";
  ASSERT_TRUE(fs::exists(directory)) << "run from the repository's root";
  int total = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".test") continue;
    ScriptOutcome outcome = run_script(entry.path());
    report(entry.path(), outcome, false);
    for (const std::string& failure : outcome.failures) ADD_FAILURE() << failure;
    total += outcome.passed;
  }
  EXPECT_GT(total, 0);
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
  int passed = 0, total = 0;
  for (const auto& [name, floor] : kFloors) {
    ScriptOutcome outcome = run_script(directory / name);
    report(name, outcome, std::getenv("OBELISK_VERBOSE") != nullptr);
    EXPECT_GE(outcome.passed, floor) << name;
    passed += outcome.passed;
    total += outcome.total;
  }
  std::cout << "reference scripts: " << passed << "/" << total << "\n";
}

constexpr int kCasesFloor = 64;

Labels labels_of(const YAML::Node& node) {
  std::map<std::string, std::string> sorted;
  for (const auto& pair : node) sorted[pair.first.as<std::string>()] = pair.second.as<std::string>();
  std::vector<LabelRef> view;
  for (const auto& [name, value] : sorted) view.push_back({name, value});
  return Labels(LabelsView(view));
}

class CaseRun {
 public:
  CaseRun(const YAML::Node& test, int64_t base) : test_(test), base_(base) {}

  // Empty when the case holds, else what differs.
  std::string run() {
    TestStore store;
    for (const YAML::Node& stream : test_["streams"]) {
      std::vector<TestRow> rows;
      for (const YAML::Node& entry : stream["entries"]) {
        TestRow row;
        row.stream = labels_of(stream["labels"]);
        row.time = at(entry[0]);
        row.line = entry[1].as<std::string>();
        if (entry.size() > 2) {
          for (const auto& pair : entry[2])
            row.metadata.emplace_back(pair.first.as<std::string>(), pair.second.as<std::string>());
        }
        rows.push_back(std::move(row));
      }
      write_rows(*store.store, rows);
    }
    return compare(execute(store));
  }

 private:
  int64_t at(const YAML::Node& seconds) const { return (base_ + seconds.as<int64_t>()) * kNanosPerSecond; }

  Result<LogqlResult> execute(TestStore& store) {
    std::string type = test_["type"].as<std::string>();
    std::string query = test_["query"].as<std::string>();
    if (type == "instant") return store.instant(query, {at(test_["time"])});
    RangeRequest request;
    request.start = {(base_ + test_["start"].as<int64_t>(0)) * kNanosPerSecond};
    request.end = {(base_ + test_["end"].as<int64_t>(3600)) * kNanosPerSecond};
    request.step_nanos = test_["step"].as<int64_t>(1) * kNanosPerSecond;
    request.limit = test_["limit"].as<uint64_t>(100);
    request.direction = test_["direction"].as<std::string>("forward") == "backward" ? Direction::backward
                                                                                    : Direction::forward;
    return store.range(query, request);
  }

  std::string compare(const Result<LogqlResult>& result) {
    const YAML::Node& expect = test_["expect"];
    if (expect["error"]) {
      if (result.ok()) return "expected an error";
      bool found = result.error().message.find(expect["error"].as<std::string>()) != std::string::npos;
      return found ? "" : "other error: " + result.error().message;
    }
    if (!result.ok()) return result.error().message;
    bool same = expect["streams"]  ? same_streams(expect["streams"], *result)
                : expect["vector"] ? same_vector(expect["vector"], *result)
                                   : same_matrix(expect["matrix"], *result);
    return same ? "" : describe(*result, base_ * kNanosPerSecond);
  }

  bool same_streams(const YAML::Node& expect, const LogqlResult& result) const {
    if (expect.size() != result.streams.size()) return false;
    for (const YAML::Node& wanted : expect) {
      Labels labels = labels_of(wanted["labels"]);
      const LogStream* found = nullptr;
      for (const LogStream& stream : result.streams) {
        if (stream.labels == labels) found = &stream;
      }
      if (found == nullptr || found->entries.size() != wanted["entries"].size()) return false;
      for (size_t i = 0; i < found->entries.size(); ++i) {
        const YAML::Node& entry = wanted["entries"][i];
        if (found->entries[i].time != at(entry[0]) || found->entries[i].line != entry[1].as<std::string>())
          return false;
      }
    }
    return true;
  }

  bool same_vector(const YAML::Node& expect, const LogqlResult& result) const {
    if (expect.size() != result.matrix.size()) return false;
    for (size_t i = 0; i < expect.size(); ++i) {
      Labels labels = labels_of(expect[i]["labels"]);
      bool found = false;
      for (size_t j = 0; j < result.matrix.size(); ++j) {
        if (test_["expect"]["ordered"].as<bool>(false) && i != j) continue;
        found = found || (result.matrix[j].labels == labels &&
                          nearly_equal(result.matrix[j].values[0], expect[i]["value"].as<double>()));
      }
      if (!found) return false;
    }
    return true;
  }

  bool same_matrix(const YAML::Node& expect, const LogqlResult& result) const {
    if (expect.size() != result.matrix.size()) return false;
    for (const YAML::Node& wanted : expect) {
      std::map<int64_t, double> points;
      for (const YAML::Node& point : wanted["points"]) points[at(point[0])] = point[1].as<double>();
      Labels labels = labels_of(wanted["labels"]);
      bool found = false;
      for (const MatrixSeries& series : result.matrix) {
        if (series.labels != labels) continue;
        found = true;
        size_t present = 0;
        for (size_t step = 0; step < series.values.size(); ++step) {
          if (!series.present[step]) continue;
          ++present;
          auto point = points.find(result.grid.at(step));
          if (point == points.end() || !nearly_equal(point->second, series.values[step])) return false;
        }
        if (present != points.size()) return false;
      }
      if (!found) return false;
    }
    return true;
  }

  YAML::Node test_;
  int64_t base_;
};

TEST(LogqlScripts, RecordedCasesDoNotFallBack) {
  fs::path path = shared_directory() / "conformance/logql/cases.yaml";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  YAML::Node file = YAML::LoadFile(path.string());
  int passed = 0, total = 0;
  for (const YAML::Node& test : file["cases"]) {
    ++total;
    std::string difference = CaseRun(test, file["base"].as<int64_t>()).run();
    if (difference.empty())
      ++passed;
    else
      std::cout << test["name"].as<std::string>() << ": " << difference << "\n";
  }
  std::cout << "cases.yaml: " << passed << "/" << total << "\n";
  EXPECT_GE(passed, kCasesFloor);
}

}  // namespace
}  // namespace obelisk::logql
