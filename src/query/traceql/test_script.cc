#include "query/traceql/test_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "base/yaml.h"
#include "query/traceql/engine.h"
#include "query/traceql/test_traces.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

class Script {
 public:
  Script(std::string name, Loading loading, const TestStoreFactory& stores)
      : name_(std::move(name)), loading_(loading), stores_(stores) {}

  ScriptOutcome run(std::istream& file) {
    std::string line;
    while (std::getline(file, line)) {
      ++line_number_;
      if (line.empty() || line[0] == '#') continue;
      if (line[0] == ' ') {
        block_ += line + "\n";
        block_end_ = line_number_;
        continue;
      }
      finish_command();
      command_ = line;
      command_line_ = block_end_ = line_number_;
    }
    finish_command();
    if (outcome_.total == 0) outcome_.failures.push_back(name_ + ": checks nothing");
    return std::move(outcome_);
  }

 private:
  void finish_command() {
    std::string command = std::exchange(command_, "");
    std::string block = std::exchange(block_, "");
    if (command.empty()) return;
    size_t space = command.find(' ');
    std::string word = command.substr(0, space);
    std::string rest = space == std::string::npos ? "" : command.substr(space + 1);
    try {
      if (word == "load") return load(block);
      ++outcome_.total;
      expect_lines(lines_of(word, rest), block);
    } catch (const std::runtime_error& problem) {
      fail(problem.what());
    }
  }

  std::vector<std::string> lines_of(const std::string& word, const std::string& rest) {
    if (word == "search") return search_lines(rest);
    if (word == "show") return search_details(rest);
    if (word == "metrics") return metrics_lines(rest);
    if (word == "values") return value_lines(rest);
    if (word == "names") return name_lines(rest);
    throw std::runtime_error("unknown command \"" + word + "\"");
  }

  void fail(const std::string& message) {
    outcome_.failures.push_back(fmt::format("{}:{}: {}", name_, command_line_, message));
  }

  void load(const std::string& text) {
    std::vector<TestSpan> spans = TestTraceParser::parse(text);
    if (loading_ == Loading::at_once) {
      write(spans);
    } else {
      for (const TestSpan& span : spans) write({span});
      for (const TestSpan& span : spans) write({span});
    }
    check(store().settle());
  }

  void write(const std::vector<TestSpan>& spans) {
    WriteRequest request;
    request.batches.push_back(test_batch(spans));
    check(append_and_wait(store().writer(), std::move(request)));
  }

  template <typename Outcome>
  static void check(const Outcome& outcome) {
    if (!outcome.ok()) throw std::runtime_error(outcome.error().to_string());
  }

  TestStore& store() {
    if (!store_) {
      Result<std::unique_ptr<TestStore>> made = stores_();
      check(made);
      store_ = std::move(*made);
    }
    return *store_;
  }

  static std::vector<std::string> trimmed_lines(const std::string& block) {
    std::vector<std::string> lines;
    std::istringstream in(block);
    for (std::string line; std::getline(in, line);) lines.emplace_back(trim(line));
    return lines;
  }

  void expect_lines(const std::vector<std::string>& got, const std::string& block) {
    std::vector<std::string> expected = trimmed_lines(block);
    if (got == expected) {
      ++outcome_.passed;
      return;
    }
    ScriptEdit edit{static_cast<size_t>(command_line_), static_cast<size_t>(block_end_ - command_line_), got};
    for (std::string& line : edit.lines) line.insert(0, "  ");
    outcome_.edits.push_back(std::move(edit));
    fail(fmt::format("expected\n    {}\n  got\n    {}", fmt::join(expected, "\n    "),
                     fmt::join(got, "\n    ")));
  }

  template <typename Run>
  std::vector<std::string> with_context(Run&& run) {
    Budget budget;
    Cancel cancel;
    Result<Snapshot> snapshot = store().reader().snapshot(kDefaultTenant);
    check(snapshot);
    QueryContext context{store().reader(), kDefaultTenant, *snapshot, budget, cancel};
    return run(context);
  }

  static std::vector<std::string> error_lines(const Error& error) {
    return {fmt::format("fails {}: {}", error_code_name(error.code), error.message)};
  }

  static std::string trace_name(const TraceId& id) {
    std::string hex = id.to_hex();
    size_t digit = hex.find_first_not_of('0');
    return digit == std::string::npos ? "0" : hex.substr(digit);
  }

  static int64_t duration_of(const std::string& text) {
    Result<int64_t> nanos = parse_go_duration(text);
    check(nanos);
    return *nanos;
  }

  // An option "from 0s to 10s" in front of the query.
  static TimeRange take_range(std::string& text) {
    TimeRange range;
    if (!text.starts_with("from ")) return range;
    std::istringstream in(text);
    std::string from, begin, to, end;
    in >> from >> begin >> to >> end;
    range = {{kTestEpoch + duration_of(begin)}, {kTestEpoch + duration_of(end)}};
    std::getline(in, text);
    text = trim(text);
    return range;
  }

  // "limit 3" and "slowest" in front of the query.
  static void take_order(std::string& text, SearchOptions& options) {
    std::istringstream in(text);
    std::string word;
    if (text.starts_with("limit ")) {
      in >> word >> options.limit;
      std::getline(in, text);
      text = trim(text);
    }
    if (!text.starts_with("slowest ")) return;
    options.order = SearchOrder::slowest;
    text = trim(std::string_view(text).substr(8));
  }

  std::vector<std::string> search_lines(std::string text) {
    SearchOptions options;
    options.range = take_range(text);
    take_order(text, options);
    options.spans_per_spanset = 100;
    return with_context([&](const QueryContext& context) {
      Result<SearchResult> result = search(context, text, options);
      if (!result.ok()) return error_lines(result.error());
      std::vector<std::string> lines;
      for (const FoundTrace& trace : result->traces) {
        for (const FoundSpanset& spanset : trace.spansets) {
          std::string line = trace_name(trace.id) + ":";
          for (const FoundSpan& span : spanset.spans) line += " " + test_span_name(span.id.value);
          for (const auto& [name, value] : spanset.attributes)
            line += fmt::format(" {}={}", name, value_text(value.view()));
          lines.push_back(line);
        }
      }
      if (lines.empty()) lines.push_back("none");
      return lines;
    });
  }

  // Everything a result says about its traces.
  std::vector<std::string> search_details(const std::string& text) {
    SearchOptions options;
    options.spans_per_spanset = 1;
    options.limit = 1;
    return with_context([&](const QueryContext& context) {
      Result<SearchResult> result = search(context, text, options);
      if (!result.ok()) return error_lines(result.error());
      std::vector<std::string> lines;
      for (const FoundTrace& trace : result->traces) {
        lines.push_back(fmt::format("trace {} service={} name={} start={} duration={}", trace_name(trace.id),
                                    trace.root_service, trace.root_name,
                                    format_go_duration(trace.start.value - kTestEpoch),
                                    format_go_duration(trace.duration)));
        for (const auto& [service, stats] : trace.services) {
          lines.push_back(
              fmt::format("service {} spans={} errors={}", service, stats.span_count, stats.error_count));
        }
        for (const FoundSpanset& spanset : trace.spansets) {
          lines.push_back(fmt::format("spanset matched={}", spanset.matched));
          for (const FoundSpan& span : spanset.spans) {
            std::string line = fmt::format(
                "span {} name={} start={} duration={}", test_span_name(span.id.value), span.name,
                format_go_duration(span.start.value - kTestEpoch), format_go_duration(span.duration));
            for (const auto& [name, value] : span.attributes)
              line += fmt::format(" {}={}", name, value_text(value.view()));
            lines.push_back(line);
          }
        }
      }
      return lines;
    });
  }

  // "from 0s to 60s step 10s QUERY" or "from 0s to 60s instant QUERY"
  std::vector<std::string> metrics_lines(std::string text) {
    MetricsOptions options;
    options.range = take_range(text);
    std::istringstream in(text);
    std::string word, step;
    in >> word;
    if (word == "step") in >> step;
    options.instant = word == "instant";
    if (!step.empty()) options.step = duration_of(step);
    std::getline(in, text);
    text = trim(text);
    return with_context([&](const QueryContext& context) {
      Result<MetricsResult> result = evaluate_metrics(context, text, options);
      if (!result.ok()) return error_lines(result.error());
      std::vector<std::string> lines;
      for (const MetricsSeries& series : result->series) {
        std::string line = "{";
        for (const auto& [name, value] : series.labels)
          line += fmt::format("{}{}={}", line.size() > 1 ? ", " : "", name, value_text(value.view()));
        line += "}";
        for (double value : series.values) line += std::isnan(value) ? " _" : fmt::format(" {:.6g}", value);
        lines.push_back(line);
      }
      if (lines.empty()) lines.push_back("none");
      return lines;
    });
  }

  // "values TAG [FILTER]"
  std::vector<std::string> value_lines(const std::string& text) {
    size_t space = text.find(' ');
    std::string tag = text.substr(0, space);
    std::string filter = space == std::string::npos ? "" : text.substr(space + 1);
    return with_context([&](const QueryContext& context) {
      ScanStatistics statistics;
      Result<std::vector<TagValue>> values = tag_values(context, tag, filter, {}, 0, statistics);
      if (!values.ok()) return error_lines(values.error());
      std::vector<std::string> lines;
      for (const TagValue& value : *values) lines.push_back(std::string(value.type) + " " + value.value);
      std::sort(lines.begin(), lines.end());
      if (lines.empty()) lines.push_back("none");
      return lines;
    });
  }

  // "names [SCOPE [FILTER]]"
  std::vector<std::string> name_lines(const std::string& text) {
    size_t space = text.find(' ');
    std::string scope = text.substr(0, space);
    std::string filter = space == std::string::npos ? "" : text.substr(space + 1);
    return with_context([&](const QueryContext& context) {
      ScanStatistics statistics;
      Result<std::vector<TagScope>> scopes =
          tag_names(context, scope == "all" ? "" : scope, filter, {}, statistics);
      if (!scopes.ok()) return error_lines(scopes.error());
      std::vector<std::string> lines;
      for (const TagScope& one : *scopes) {
        if (scope == "all" && one.name == "intrinsic") continue;
        lines.push_back(fmt::format("{}: {}", one.name, fmt::join(one.tags, " ")));
      }
      if (lines.empty()) lines.push_back("none");
      return lines;
    });
  }

  const std::string name_;
  const Loading loading_;
  const TestStoreFactory& stores_;
  std::unique_ptr<TestStore> store_;
  ScriptOutcome outcome_;
  std::string command_;
  std::string block_;
  int line_number_ = 0;
  int command_line_ = 0;
  int block_end_ = 0;  // the last line of the command and its block, counted from 1
};

std::string verdict_of(const std::string& query) {
  Result<Query> prepared = prepare(query);
  return prepared.ok() ? "valid" : std::string(error_code_name(prepared.error().code));
}

}  // namespace

ScriptOutcome run_script(const std::string& path, Loading loading, const TestStoreFactory& stores) {
  std::ifstream file(path);
  if (!file) return {0, 0, {path + ": cannot be opened"}, {}};
  return Script(path, loading, stores).run(file);
}

ScriptOutcome run_examples(const std::string& path) {
  ScriptOutcome outcome;
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  Result<YamlNode> root = parse_yaml(text, path);
  if (!file || !root.ok()) {
    outcome.failures.push_back(root.ok() ? path + ": cannot be opened" : root.error().to_string());
    return outcome;
  }
  for (auto [list, wanted] :
       {std::pair("valid", "valid"), std::pair("unsupported", "valid"),
        std::pair("parse_fails", "parse_error"), std::pair("validate_fails", "invalid_argument")}) {
    const YamlNode* queries = root->find(list);
    if (queries == nullptr) continue;
    for (const YamlNode& query : queries->items) {
      ++outcome.total;
      std::string verdict = verdict_of(query.scalar);
      if (verdict == wanted) {
        ++outcome.passed;
      } else {
        outcome.failures.push_back(fmt::format("{}: {}: {} is {}", path, list, query.scalar, verdict));
      }
    }
  }
  return outcome;
}

}  // namespace obelisk::traceql
