#include "query/logql/test_cases.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>

#include "base/text.h"
#include "base/yaml.h"
#include "query/logql/test_rows.h"

namespace obelisk::logql {
namespace {

std::string text_at(const YamlNode& node, std::string_view key, std::string_view fallback = "") {
  const YamlNode* found = node.find(key);
  return found == nullptr ? std::string(fallback) : found->scalar;
}

const std::vector<YamlNode>& items_of(const YamlNode* node) {
  static const std::vector<YamlNode> kNone;
  return node == nullptr ? kNone : node->items;
}

double number_of(const YamlNode& node) {
  std::optional<double> value = parse_float(node.scalar);
  return value.value_or(std::nan("no number"));
}

// Empty values are kept.
Labels labels_of(const YamlNode* node) {
  std::map<std::string, std::string> sorted;
  if (node != nullptr) {
    for (const YamlEntry& entry : node->entries) sorted[entry.key] = entry.value.scalar;
  }
  std::vector<LabelRef> view;
  for (const auto& [name, value] : sorted) view.push_back({name, value});
  return Labels(LabelsView(view));
}

class CaseRun {
 public:
  CaseRun(const YamlNode& test, int64_t base) : test_(test), base_(base) {}

  // Empty when the case holds, else what differs.
  std::string run(const TestStoreFactory& stores) {
    Result<std::unique_ptr<TestStore>> store = stores();
    if (!store.ok()) return "no store: " + store.error().to_string();
    Result<void> filled = fill(**store);
    if (!filled.ok()) return "the store refused the rows: " + filled.error().to_string();
    return compare(execute((*store)->reader()));
  }

 private:
  // Seconds, possibly with a fraction, after the base.
  int64_t at(const YamlNode& seconds) const {
    if (std::optional<int64_t> whole = parse_int64(seconds.scalar)) return (base_ + *whole) * kNanosPerSecond;
    return base_ * kNanosPerSecond + std::llround(number_of(seconds) * 1e9);
  }
  int64_t at(std::string_view key, int64_t fallback) const {
    const YamlNode* found = test_.find(key);
    return found == nullptr ? (base_ + fallback) * kNanosPerSecond : at(*found);
  }

  Result<void> fill(TestStore& store) const {
    for (const YamlNode& stream : items_of(test_.find("streams"))) {
      std::vector<TestRow> rows;
      for (const YamlNode& entry : items_of(stream.find("entries"))) {
        if (entry.items.size() < 2)
          return make_error(ErrorCode::invalid_argument, "an entry is [time, line]");
        TestRow row;
        row.stream = labels_of(stream.find("labels"));
        row.time = at(entry.items[0]);
        row.line = entry.items[1].scalar;
        if (entry.items.size() > 2) {
          for (const YamlEntry& pair : entry.items[2].entries)
            row.metadata.emplace_back(pair.key, pair.value.scalar);
        }
        rows.push_back(std::move(row));
      }
      OBELISK_CHECK_OK(write_rows(store.writer(), rows));
      OBELISK_CHECK_OK(store.settle());
    }
    return {};
  }

  Result<LogqlResult> execute(Reader& reader) const {
    std::string query = text_at(test_, "query");
    if (text_at(test_, "type") == "instant") return test_instant(reader, query, {at("time", 0)});
    RangeRequest request;
    request.start = {at("start", 0)};
    request.end = {at("end", 3600)};
    request.now = request.end;
    request.step_nanos = at("step", 1) - base_ * kNanosPerSecond;
    request.limit = static_cast<uint64_t>(parse_int64(text_at(test_, "limit", "100")).value_or(100));
    request.direction = text_at(test_, "direction") == "backward" ? Direction::backward : Direction::forward;
    return test_range(reader, query, request);
  }

  std::string compare(const Result<LogqlResult>& result) const {
    const YamlNode* expect = test_.find("expect");
    if (expect == nullptr || expect->entries.empty()) return "the case expects nothing";
    if (const YamlNode* error = expect->find("error")) {
      if (result.ok()) return "expected an error";
      bool found = result.error().message.find(error->scalar) != std::string::npos;
      return found ? "" : "other error: " + result.error().message;
    }
    if (!result.ok()) return result.error().message;
    bool same = false;
    using Type = LogqlResult::Type;
    if (const YamlNode* streams = expect->find("streams"))
      same = result->type == Type::streams && same_streams(*streams, *result);
    else if (const YamlNode* vector = expect->find("vector"))
      same = result->type == Type::vector && same_vector(*vector, *result, text_at(*expect, "ordered"));
    else if (const YamlNode* matrix = expect->find("matrix"))
      same = result->type == Type::matrix && same_matrix(*matrix, *result);
    else
      return "the case expects neither streams, vector, matrix nor error";
    return same ? "" : "came:\n" + describe(*result, base_ * kNanosPerSecond);
  }

  bool same_streams(const YamlNode& expect, const LogqlResult& result) const {
    if (expect.items.size() != result.streams.size()) return false;
    for (const YamlNode& wanted : expect.items) {
      Labels labels = labels_of(wanted.find("labels"));
      const LogStream* found = nullptr;
      for (const LogStream& stream : result.streams) {
        if (stream.labels == labels) found = &stream;
      }
      const std::vector<YamlNode>& entries = items_of(wanted.find("entries"));
      if (found == nullptr || found->entries.size() != entries.size()) return false;
      for (size_t i = 0; i < entries.size(); ++i) {
        const std::vector<YamlNode>& entry = entries[i].items;
        if (entry.size() < 2 || found->entries[i].time != at(entry[0]) ||
            found->entries[i].line != entry[1].scalar)
          return false;
      }
    }
    return true;
  }

  bool same_vector(const YamlNode& expect, const LogqlResult& result, std::string_view ordered) const {
    if (expect.items.size() != result.matrix.size()) return false;
    for (size_t i = 0; i < expect.items.size(); ++i) {
      Labels labels = labels_of(expect.items[i].find("labels"));
      const YamlNode* value = expect.items[i].find("value");
      bool found = false;
      for (size_t j = 0; j < result.matrix.size(); ++j) {
        if (ordered == "true" && i != j) continue;
        found = found || (value != nullptr && result.matrix[j].labels == labels &&
                          nearly_equal(result.matrix[j].values[0], number_of(*value)));
      }
      if (!found) return false;
    }
    return true;
  }

  bool same_matrix(const YamlNode& expect, const LogqlResult& result) const {
    if (expect.items.size() != result.matrix.size()) return false;
    for (const YamlNode& wanted : expect.items) {
      Labels labels = labels_of(wanted.find("labels"));
      const MatrixSeries* found = nullptr;
      for (const MatrixSeries& series : result.matrix) {
        if (series.labels == labels) found = &series;
      }
      if (found == nullptr || !same_points(items_of(wanted.find("points")), *found, result.grid))
        return false;
    }
    return true;
  }

  bool same_points(const std::vector<YamlNode>& expect, const MatrixSeries& series,
                   const StepGrid& grid) const {
    std::map<int64_t, double> points;
    for (const YamlNode& point : expect) {
      if (point.items.size() == 2) points[at(point.items[0])] = number_of(point.items[1]);
    }
    size_t present = 0;
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (!series.present[step]) continue;
      ++present;
      auto point = points.find(grid.at(step));
      if (point == points.end() || !nearly_equal(point->second, series.values[step])) return false;
    }
    return present == expect.size();
  }

  const YamlNode& test_;
  const int64_t base_;
};

}  // namespace

ScriptOutcome run_cases(const std::string& path, const TestStoreFactory& stores) {
  ScriptOutcome outcome;
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  Result<YamlNode> root = parse_yaml(text, path);
  std::optional<int64_t> base = root.ok() ? parse_int64(text_at(*root, "base")) : std::nullopt;
  if (!file || !root.ok() || !base || items_of(root->find("cases")).empty()) {
    outcome.failures.push_back(!root.ok() ? root.error().to_string()
                                          : path + ": not a file of cases (base and cases)");
    return outcome;
  }
  for (const YamlNode& test : items_of(root->find("cases"))) {
    ++outcome.total;
    std::string difference = CaseRun(test, *base).run(stores);
    if (difference.empty())
      ++outcome.passed;
    else
      outcome.failures.push_back(
          fmt::format("{}:{}: {}: {}", path, test.line, text_at(test, "name"), difference));
  }
  return outcome;
}

}  // namespace obelisk::logql
