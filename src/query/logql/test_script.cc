#include "query/logql/test_script.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <regex>

#include "query/core/float_text.h"
#include "query/logql/test_rows.h"
#include "query/logql/test_script_line.h"

namespace obelisk::logql {
namespace {

constexpr int64_t kEpoch = 1'700'000'000 * kNanosPerSecond;

struct Expected {
  struct Series {
    Labels labels;
    std::vector<std::optional<double>> values;
  };
  struct Entry {
    Labels labels;
    std::string line;
    int64_t time = 0;
    bool categorised = false;
    Labels metadata, parsed;
  };
  std::vector<Series> series;
  std::vector<Entry> entries;
  std::optional<double> scalar;
  bool empty = false, fails = false, ordered = false;
  std::string message, expression;
};

double number_of(const std::string& text) {
  std::optional<double> value = parse_float(text);
  if (!value) throw std::runtime_error("bad number " + text);
  return *value;
}

std::vector<std::optional<double>> values_of(ScriptLine& line) {
  std::vector<std::optional<double>> values;
  static const std::regex kSeries(R"((-?[0-9.]+)([+-][0-9.]+)x([0-9]+))");
  while (!line.done()) {
    std::string word = line.word();
    std::smatch parts;
    if (word == "_") {
      values.push_back(std::nullopt);
    } else if (std::regex_match(word, parts, kSeries)) {
      double value = number_of(parts[1]), step = number_of(parts[2]);
      for (int i = 0; i <= std::stoi(parts[3]); ++i) values.push_back(value + step * i);
    } else {
      values.push_back(number_of(word));
    }
  }
  return values;
}

void read_expectation(const std::string& text, Expected& expected) {
  ScriptLine line(text);
  if (line.take("skip ")) return;
  if (line.take("expect empty")) {
    expected.empty = true;
  } else if (line.take("expect ordered")) {
    expected.ordered = true;
  } else if (line.take("expect fail")) {
    expected.fails = true;
    if (line.take("msg:"))
      expected.message = line.rest();
    else if (line.take("regex:"))
      expected.expression = line.rest();
  } else if (line.starts_with("{")) {
    Labels labels = line.labels();
    if (line.starts_with("\"") || line.starts_with("`")) {
      Expected::Entry entry;
      entry.labels = labels;
      entry.line = line.quoted();
      if (!line.take("@")) throw std::runtime_error("@ expected");
      entry.time = kEpoch + line.time();
      if (line.take("meta")) {
        entry.categorised = true;
        entry.metadata = line.labels();
        if (line.take("parsed")) entry.parsed = line.labels();
      }
      expected.entries.push_back(std::move(entry));
    } else {
      expected.series.push_back({labels, values_of(line)});
    }
  } else {
    expected.scalar = number_of(line.word());
  }
}

std::string compare_series(const Expected& expected, const LogqlResult& result) {
  if (expected.series.size() != result.matrix.size()) return "another number of series";
  for (size_t i = 0; i < expected.series.size(); ++i) {
    const Expected::Series& wanted = expected.series[i];
    const MatrixSeries* found = nullptr;
    for (size_t j = 0; j < result.matrix.size(); ++j) {
      if (result.matrix[j].labels == wanted.labels && (!expected.ordered || i == j))
        found = &result.matrix[j];
    }
    if (found == nullptr) return "no series " + wanted.labels.to_string();
    if (wanted.values.size() != found->values.size()) return "another number of steps";
    for (size_t step = 0; step < wanted.values.size(); ++step) {
      if (wanted.values[step].has_value() != (found->present[step] != 0))
        return fmt::format("presence at step {}", step);
      if (wanted.values[step] && !nearly_equal(*wanted.values[step], found->values[step]))
        return fmt::format("value at step {}", step);
    }
  }
  return "";
}

std::string compare_entries(const Expected& expected, const LogqlResult& result) {
  size_t count = 0;
  std::map<Labels, size_t> next;
  for (const LogStream& stream : result.streams) count += stream.entries.size();
  if (count != expected.entries.size()) return "another number of entries";
  for (const Expected::Entry& wanted : expected.entries) {
    const LogStream* found = nullptr;
    for (const LogStream& stream : result.streams) {
      if (stream.labels == wanted.labels) found = &stream;
    }
    if (found == nullptr) return "no stream " + wanted.labels.to_string();
    size_t at = next[wanted.labels]++;
    if (at >= found->entries.size()) return "too few entries in " + wanted.labels.to_string();
    const LogEntry& entry = found->entries[at];
    if (entry.line != wanted.line || entry.time != wanted.time) return "entry " + wanted.line;
    if (wanted.categorised && (entry.metadata != wanted.metadata || entry.parsed != wanted.parsed))
      return "categories of " + wanted.line;
  }
  return "";
}

std::string compare(const Expected& expected, const Result<LogqlResult>& result) {
  bool expects = expected.fails || expected.empty || expected.scalar || !expected.series.empty() ||
                 !expected.entries.empty();
  if (!expects) return "no expectation";
  if (expected.fails) {
    if (result.ok()) return "expected a failure";
    const std::string& message = result.error().message;
    if (!expected.message.empty() && message.find(expected.message) == std::string::npos)
      return "other failure: " + message;
    if (!expected.expression.empty() && !std::regex_search(message, std::regex(expected.expression)))
      return "other failure: " + message;
    return "";
  }
  if (!result.ok()) return "failed: " + result.error().message;
  if (expected.scalar) {
    if (result->type != LogqlResult::Type::scalar) return "not a scalar";
    return nearly_equal(*expected.scalar, result->scalar) ? "" : "another scalar";
  }
  if (expected.empty) return result->matrix.empty() && result->streams.empty() ? "" : "not empty";
  return result->type == LogqlResult::Type::streams ? compare_entries(expected, *result)
                                                    : compare_series(expected, *result);
}

std::string quoted_line(const std::string& line) {
  return line.find('"') == std::string::npos ? "\"" + line + "\"" : "`" + line + "`";
}

// The expectations that a result meets.
std::vector<std::string> lines_of_result(const Result<LogqlResult>& result, bool ordered, bool categorised) {
  if (!result.ok()) return {"  expect fail msg: " + result.error().message};
  if (result->type == LogqlResult::Type::scalar) return {"  " + format_plain_float(result->scalar)};
  std::vector<std::string> lines;
  if (ordered) lines.emplace_back("  expect ordered");
  if (result->matrix.empty() && result->streams.empty()) lines.emplace_back("  expect empty");
  for (const MatrixSeries& series : result->matrix) {
    std::string line = "  " + series.labels.to_string();
    for (size_t step = 0; step < series.values.size(); ++step)
      line += " " + (series.present[step] ? format_plain_float(series.values[step]) : "_");
    lines.push_back(std::move(line));
  }
  for (const LogStream& stream : result->streams) {
    for (const LogEntry& entry : stream.entries) {
      std::string line = fmt::format("  {} {} @ {}", stream.labels.to_string(), quoted_line(entry.line),
                                     format_go_duration(entry.time - kEpoch));
      if (categorised) line += " meta " + entry.metadata.to_string() + " parsed " + entry.parsed.to_string();
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

class Script {
 public:
  explicit Script(const TestStoreFactory& stores) : stores_(stores) {}

  ScriptOutcome run(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
      outcome_.failures.push_back("cannot read " + path);
      return outcome_;
    }
    name_ = path.substr(path.rfind('/') + 1);
    std::string raw;
    for (; std::getline(file, raw); ++number_) {
      std::string line = without_comment(raw);
      if (trim(line).empty()) continue;
      try {
        if (line[0] == ' ' || line[0] == '\t')
          indented(line);
        else
          command(line);
      } catch (const std::exception& error) {
        outcome_.failures.push_back(fmt::format("{}:{}: {}", name_, number_, error.what()));
      }
    }
    try {
      finish();
    } catch (const std::exception& error) {
      outcome_.failures.push_back(fmt::format("{}:{}: {}", name_, number_, error.what()));
    }
    return outcome_;
  }

 private:
  void indented(const std::string& line) {
    if (loading_) {
      load(line);
      return;
    }
    read_expectation(line, expected_);
    expected_end_ = number_;
  }

  void command(const std::string& text) {
    finish();
    ScriptLine line(text);
    loading_ = false;
    if (line.take("clear")) {
      store_.reset();
    } else if (line.take("load")) {
      settle();  // what each block loads is a part of its own where there are parts
      loading_ = true;
    } else if (line.take("eval")) {
      eval_ = std::string(line.rest());
      eval_line_ = expected_end_ = number_;
      expected_ = Expected();
    } else {
      throw std::runtime_error("unknown command: " + text);
    }
  }

  void load(const std::string& text) {
    ScriptLine line(text);
    TestRow row;
    std::vector<Label> stream;
    for (const Label& label : line.labels()) stream.push_back(label);
    row.stream = Labels(std::move(stream));  // an empty label is none
    std::string body = line.quoted();
    if (!line.take("@")) throw std::runtime_error("@ expected");
    int64_t start = line.time(), step = 0;
    int count = 1;
    while (line.take("[")) {
      if (line.take("repeat every")) {
        step = line.time();
        if (!line.take("for")) throw std::runtime_error("for expected");
        count = std::stoi(line.word());
        line.take("]");
      } else if (line.take("metadata")) {
        row.metadata = line.pairs(']');
      } else if (line.take("otlp")) {
        row.otlp = true;
        row.resource = line.pairs(']');
      } else {
        throw std::runtime_error("unknown option");
      }
    }
    std::vector<TestRow> rows;
    for (int i = 0; i < count; ++i) {
      row.time = kEpoch + start + step * i;
      row.line = body;
      for (size_t at = 0; (at = row.line.find("{{.i}}", at)) != std::string::npos;)
        row.line.replace(at, 6, std::to_string(i));
      rows.push_back(row);
    }
    must(write_rows(store().writer(), rows));
    settled_ = false;
  }

  TestStore& store() {
    if (!store_) {
      Result<std::unique_ptr<TestStore>> made = stores_();
      if (!made.ok()) throw std::runtime_error("no store: " + made.error().to_string());
      store_ = std::move(*made);
    }
    return *store_;
  }

  void settle() {
    if (!settled_) must(store().settle());
    settled_ = true;
  }

  static void must(const Result<void>& result) {
    if (!result.ok()) throw std::runtime_error(result.error().to_string());
  }

  // Runs the evaluation whose expectations have been read.
  void finish() {
    if (eval_.empty()) return;
    ++outcome_.total;
    settle();
    ScriptLine line(eval_);
    Result<LogqlResult> result = evaluate(line);
    std::string difference = compare(expected_, result);
    if (difference.empty()) {
      ++outcome_.passed;
    } else {
      outcome_.failures.push_back(
          fmt::format("{}:{}: {}\n  eval {}\n{}", name_, eval_line_, difference, eval_,
                      result.ok() ? describe(*result, kEpoch) : result.error().message));
      bool categorised = eval_.find(" categorise ") != std::string::npos;
      outcome_.edits.push_back({static_cast<size_t>(eval_line_),
                                static_cast<size_t>(expected_end_ - eval_line_),
                                lines_of_result(result, expected_.ordered, categorised)});
    }
    eval_.clear();
  }

  Result<LogqlResult> evaluate(ScriptLine& line) {
    if (line.take("instant at")) {
      int64_t time = line.time();
      return test_instant(store().reader(), line.rest(), {kEpoch + time});
    }
    RangeRequest request;
    bool streams = line.take("streams from");
    if (!streams && !line.take("range from")) return make_error(ErrorCode::internal, "unknown evaluation");
    request.start = {kEpoch + line.time()};
    line.take("to");
    request.end = {kEpoch + line.time()};
    request.now = request.end;
    if (line.take("step")) request.step_nanos = line.time();
    if (line.take("interval")) request.interval_nanos = line.time();
    if (line.take("limit")) request.limit = static_cast<uint64_t>(std::stoi(line.word()));
    if (line.take("forward")) request.direction = Direction::forward;
    request.categorise = line.take("categorise");
    return test_range(store().reader(), line.rest(), request);
  }

  const TestStoreFactory& stores_;
  std::unique_ptr<TestStore> store_;
  bool settled_ = true;
  ScriptOutcome outcome_;
  std::string name_, eval_;
  Expected expected_;
  int number_ = 1;
  int eval_line_ = 0;
  int expected_end_ = 0;  // the last line of the evaluation and its expectations, counted from 1
  bool loading_ = false;
};

}  // namespace

ScriptOutcome run_script(const std::string& path, const TestStoreFactory& stores) {
  return Script(stores).run(path);
}

}  // namespace obelisk::logql
