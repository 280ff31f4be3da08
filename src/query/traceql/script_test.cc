// Runs the scripts of tests/traceql: traces as text, queries, and what they find. See tests/traceql/README.md
// for the notation. Every script is run with its traces written at once, and again one span a request (so
// that a trace lies in many batches) with every span written twice: the answers must be the same.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "query/traceql/engine.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

enum class Loading { at_once, scattered_and_repeated };

class Script {
 public:
  Script(std::string name, Loading loading) : name_(std::move(name)), loading_(loading) {}

  void run(std::istream& file) {
    std::string line;
    while (std::getline(file, line)) {
      ++line_number_;
      if (line.empty() || line[0] == '#') continue;
      if (line[0] == ' ') {
        block_ += line + "\n";
        continue;
      }
      finish_command();
      command_ = line;
      command_line_ = line_number_;
    }
    finish_command();
    EXPECT_GT(evaluated_, 0) << name_ << " checks nothing";
  }

 private:
  void finish_command() {
    std::string command = std::exchange(command_, "");
    std::string block = std::exchange(block_, "");
    if (command.empty()) return;
    SCOPED_TRACE(fmt::format("{}:{} {}", name_, command_line_, command));
    size_t space = command.find(' ');
    std::string word = command.substr(0, space);
    std::string rest = space == std::string::npos ? "" : command.substr(space + 1);
    if (word == "load") return load(block);
    ++evaluated_;
    if (word == "search") return expect_lines(search_lines(rest), block);
    if (word == "show") return expect_lines(search_details(rest), block);
    if (word == "metrics") return expect_lines(metrics_lines(rest), block);
    if (word == "values") return expect_lines(value_lines(rest), block);
    if (word == "names") return expect_lines(name_lines(rest), block);
    FAIL() << "unknown command";
  }

  void load(const std::string& text) {
    std::vector<TestSpan> spans = TestTraceParser::parse(text);
    if (loading_ == Loading::at_once) return write(spans);
    for (const TestSpan& span : spans) write({span});
    for (const TestSpan& span : spans) write({span});
  }

  void write(const std::vector<TestSpan>& spans) {
    WriteRequest request;
    request.batches.push_back(test_batch(spans));
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  static std::vector<std::string> trimmed_lines(const std::string& block) {
    std::vector<std::string> lines;
    std::istringstream in(block);
    for (std::string line; std::getline(in, line);) lines.emplace_back(trim(line));
    return lines;
  }

  static void expect_lines(const std::vector<std::string>& got, const std::string& block) {
    EXPECT_EQ(fmt::format("{}", fmt::join(got, "\n")),
              fmt::format("{}", fmt::join(trimmed_lines(block), "\n")));
  }

  template <typename Run>
  std::vector<std::string> with_context(Run&& run) {
    Budget budget;
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, cancel};
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

  // An option "from 0s to 10s" in front of the query.
  static TimeRange take_range(std::string& text) {
    TimeRange range;
    if (!text.starts_with("from ")) return range;
    std::istringstream in(text);
    std::string from, begin, to, end;
    in >> from >> begin >> to >> end;
    range = {{kTestEpoch + *parse_go_duration(begin)}, {kTestEpoch + *parse_go_duration(end)}};
    std::getline(in, text);
    text = trim(text);
    return range;
  }

  std::vector<std::string> search_lines(std::string text) {
    SearchOptions options;
    options.range = take_range(text);
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
    if (!step.empty()) options.step = *parse_go_duration(step);
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
      for (const TagValue& value : *values) lines.push_back(value.type + " " + value.value);
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
  MemoryStore store_;
  std::string command_;
  std::string block_;
  int line_number_ = 0;
  int command_line_ = 0;
  int evaluated_ = 0;
};

std::vector<std::string> script_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("tests/traceql")) {
    if (entry.path().extension() == ".test") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class TraceqlScript : public testing::TestWithParam<std::string> {};

TEST_P(TraceqlScript, AtOnce) {
  std::ifstream file("tests/traceql/" + GetParam());
  ASSERT_TRUE(file.is_open());
  Script(GetParam(), Loading::at_once).run(file);
}

TEST_P(TraceqlScript, ScatteredAndRepeated) {
  std::ifstream file("tests/traceql/" + GetParam());
  ASSERT_TRUE(file.is_open());
  Script(GetParam(), Loading::scattered_and_repeated).run(file);
}

INSTANTIATE_TEST_SUITE_P(Scripts, TraceqlScript, testing::ValuesIn(script_names()),
                         [](const auto& info) { return info.param.substr(0, info.param.find('.')); });

}  // namespace
}  // namespace obelisk::traceql
