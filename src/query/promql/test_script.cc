#include "query/promql/test_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "query/core/float_text.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"
#include "query/promql/test_compare.h"
#include "query/promql/test_demand.h"
#include "query/promql/test_listing.h"
#include "query/promql/test_loader.h"
#include "query/promql/test_series.h"
#include "query/promql/test_variants.h"

namespace obelisk::promql {
namespace {

struct Eval {
  size_t line = 0;
  std::string query;
  bool range = false;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  Demand fail, warn, info;
  bool ordered = false;
  std::optional<std::string> text;
  std::optional<double> scalar;
  bool range_vector = false;
  int64_t vector_start_ms = 0;
  int64_t vector_step_ms = 0;
  std::vector<ScriptSeries> series;
};

Error at_line(size_t line, std::string message) {
  return Error{ErrorCode::parse_error, std::move(message), Position{0, static_cast<uint32_t>(line), 1}};
}

// Takes the next blank-separated word off `text`.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  size_t end = std::min(text.find_first_of(" \t"), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::optional<int64_t> parse_time(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int64_t millis = 0;
  if (std::optional<double> seconds = parse_float(text)) {
    millis = static_cast<int64_t>(std::round(*seconds * 1000));
  } else if (Result<int64_t> nanos = parse_prometheus_duration(text); nanos.ok()) {
    millis = *nanos / kNanosPerMilli;
  } else {
    return std::nullopt;
  }
  return negative ? -millis : millis;
}

class ScriptRunner {
 public:
  ScriptRunner(std::string_view script, const PromqlEngine& engine, const ScriptStoreFactory& stores)
      : engine_(engine), loader_(stores) {
    while (!script.empty()) {
      size_t end = std::min(script.find('\n'), script.size());
      std::string_view line = script.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines_.push_back(trim(line).starts_with('#') ? std::string_view() : line);
      script.remove_prefix(std::min(script.size(), end + 1));
    }
  }

  Result<ScriptReport> run() {
    OBELISK_CHECK_OK(loader_.clear());
    while (at_ < lines_.size()) {
      std::string_view rest = trim(lines_[at_]);
      if (rest.empty()) {
        ++at_;
        continue;
      }
      size_t line = ++at_;
      std::string_view command = take_word(rest);
      if (command == "clear") {
        OBELISK_CHECK_OK(loader_.clear());
      } else if (command == "load" || command == "load_with_nhcb") {
        OBELISK_CHECK_OK(load(line, rest, command != "load"));
      } else if (command.starts_with("eval")) {
        OBELISK_CHECK_OK(eval(line, command, rest));
      } else {
        return at_line(line, "unknown command \"" + std::string(command) + "\"");
      }
    }
    return std::move(report_);
  }

 private:
  std::vector<std::string_view> block() {
    std::vector<std::string_view> lines;
    while (at_ < lines_.size() && !trim(lines_[at_]).empty()) lines.push_back(trim(lines_[at_++]));
    return lines;
  }

  Result<void> load(size_t line, std::string_view rest, bool with_custom_buckets) {
    std::optional<int64_t> step = parse_time(trim(rest));
    if (!step || *step <= 0) return at_line(line, "load needs a step");
    std::vector<ScriptSeries> series;
    for (std::string_view text : block()) {
      Result<ScriptSeries> one = parse_script_series(text);
      if (!one.ok()) return at_line(at_, one.error().message);
      series.push_back(std::move(*one));
    }
    return loader_.load(series, *step, with_custom_buckets);
  }

  Result<void> eval(size_t line, std::string_view command, std::string_view rest) {
    Eval eval;
    eval.line = line;
    std::string_view flavour = command.size() > 5 ? command.substr(5) : std::string_view();
    if (flavour == "fail") eval.fail.wanted = true;
    if (flavour == "warn") eval.warn.wanted = true;
    if (flavour == "info") eval.info.wanted = true;
    if (flavour == "ordered") eval.ordered = true;
    OBELISK_CHECK_OK(parse_head(eval, rest));
    for (std::string_view text : block()) OBELISK_CHECK_OK(parse_expectation(eval, text));
    ++report_.total;
    std::string wrong = check(eval);
    if (wrong.empty()) {
      ++report_.passed;
    } else {
      report_.failures.push_back({line, eval.query + "\n    " + wrong});
    }
    return {};
  }

  Result<void> parse_head(Eval& eval, std::string_view rest) {
    std::string_view kind = take_word(rest);
    auto time_after = [&](std::string_view word) -> std::optional<int64_t> {
      if (take_word(rest) != word) return std::nullopt;
      return parse_time(take_word(rest));
    };
    if (kind == "instant") {
      std::optional<int64_t> at = time_after("at");
      if (!at) return at_line(eval.line, "eval instant needs: at <time> <query>");
      eval.start_ms = eval.end_ms = *at;
    } else if (kind == "range") {
      std::optional<int64_t> from = time_after("from");
      std::optional<int64_t> to = time_after("to");
      std::optional<int64_t> step = time_after("step");
      if (!from || !to || !step)
        return at_line(eval.line, "eval range needs: from <time> to <time> step <duration> <query>");
      eval.range = true;
      eval.start_ms = *from;
      eval.end_ms = *to;
      eval.step_ms = *step;
    } else {
      return at_line(eval.line, "eval needs instant or range");
    }
    eval.query = trim(rest);
    return {};
  }

  Result<void> parse_demand(size_t line, std::string_view rest, Demand& demand) {
    demand.wanted = true;
    Result<MessageDemand> one = parse_message_demand(rest);
    if (!one.ok()) return at_line(line, one.error().message);
    demand.messages.push_back(std::move(*one));
    return {};
  }

  Result<void> parse_expectation(Eval& eval, std::string_view text) {
    if (text.starts_with("expected_fail_message")) {
      eval.fail.messages.push_back({std::string(trim(text.substr(21))), nullptr});
      return {};
    }
    if (text.starts_with("expected_fail_regexp")) {
      OBELISK_TRY(MessageDemand one, parse_message_demand("regex:" + std::string(text.substr(20))));
      eval.fail.messages.push_back(std::move(one));
      return {};
    }
    std::string_view rest = text;
    if (take_word(rest) == "expect") return parse_expect(eval, rest);
    if (std::optional<double> number = parse_script_number(text)) {
      eval.scalar = *number;
      return {};
    }
    Result<ScriptSeries> series = parse_script_series(text);
    if (!series.ok()) return at_line(eval.line, series.error().message);
    eval.series.push_back(std::move(*series));
    return {};
  }

  Result<void> parse_expect(Eval& eval, std::string_view rest) {
    std::string_view what = take_word(rest);
    if (what == "fail") return parse_demand(eval.line, rest, eval.fail);
    if (what == "warn") return parse_demand(eval.line, rest, eval.warn);
    if (what == "info") return parse_demand(eval.line, rest, eval.info);
    if (what == "no_warn") {
      eval.warn.forbidden = true;
    } else if (what == "no_info") {
      eval.info.forbidden = true;
    } else if (what == "ordered") {
      eval.ordered = true;
    } else if (what == "string") {
      OBELISK_TRY(std::vector<Token> tokens, tokenize(trim(rest)));
      if (tokens[0].kind != TokenKind::string)
        return at_line(eval.line, "expect string needs a quoted string");
      eval.text = tokens[0].text;
    } else if (what == "range") {
      std::string_view vector = take_word(rest);
      std::string_view from = take_word(rest);
      std::optional<int64_t> start = parse_time(take_word(rest));
      take_word(rest);
      take_word(rest);
      take_word(rest);
      std::optional<int64_t> step = parse_time(take_word(rest));
      if (vector != "vector" || from != "from" || !start || !step)
        return at_line(eval.line, "expect range vector from .. to .. step ..");
      eval.range_vector = true;
      eval.vector_start_ms = *start;
      eval.vector_step_ms = *step;
    } else {
      return at_line(eval.line, "unknown expectation \"" + std::string(what) + "\"");
    }
    return {};
  }

  // What is wrong, or nothing.
  std::string check(const Eval& eval) {
    Budget budget;
    Cancel cancel;
    Result<Snapshot> at = loader_.reader().snapshot(kDefaultTenant);
    if (!at.ok()) return "no snapshot: " + at.error().to_string();
    QueryContext context{loader_.reader(), kDefaultTenant, *at, budget, cancel};
    if (eval.range) return check_range(eval, context);
    std::string wrong = check_question(eval, {eval.query, eval.start_ms}, true, context);
    for (const QueryVariant& variant : at_variants(eval.query, eval.start_ms)) {
      if (!wrong.empty()) break;
      wrong = check_question(eval, variant, false, context);
      if (!wrong.empty()) wrong = fmt::format("as {} at {} ms: {}", variant.query, variant.time_ms, wrong);
    }
    return wrong;
  }

  // `as_written`: places in messages count; a query written anew has others.
  std::string check_question(const Eval& eval, const QueryVariant& question, bool as_written,
                             const QueryContext& context) {
    Result<InstantResult> result =
        engine_.instant(context, question.query, UnixNanos::from_millis(question.time_ms));
    std::string error = result.ok() ? "" : parse_error_text(result.error());
    if (eval.fail.wanted && !as_written) return result.ok() ? "was expected to fail" : "";
    if (std::optional<std::string> verdict = check_failure(eval, result.ok(), error)) return *verdict;
    std::string wrong = check_annotations(eval, result->annotations, as_written);
    if (wrong.empty()) {
      wrong = check_instant(eval, *result);
      if (!wrong.empty()) wrong += list_result(result->annotations);
    }
    bool has_range_form = result->type == PromqlType::vector || result->type == PromqlType::scalar;
    if (wrong.empty() && !eval.ordered && has_range_form && !depends_on_query_range(question.query))
      wrong = check_inside_range(eval, question, *result, context);
    return wrong;
  }

  static std::optional<std::string> check_failure(const Eval& eval, bool ok, const std::string& error) {
    if (!eval.fail.wanted) return ok ? std::nullopt : std::optional("failed: " + error);
    if (ok) return "was expected to fail";
    for (const MessageDemand& one : eval.fail.messages) {
      if (!one.is_met_by(error, true)) return "failed with another message: " + error;
    }
    return "";
  }

  static std::string check_annotations(const Eval& eval, const PromqlAnnotations& annotations,
                                       bool places_count = true) {
    std::string wrong = eval.warn.check("warn", annotations.warnings, places_count);
    return wrong.empty() ? eval.info.check("info", annotations.infos, places_count) : wrong;
  }

  static std::string check_instant(const Eval& eval, const InstantResult& result) {
    if (eval.text)
      return result.type == PromqlType::string && result.text == *eval.text
                 ? ""
                 : "another string: " + result.text;
    if (eval.scalar) {
      bool same = result.type == PromqlType::scalar && numbers_match(*eval.scalar, result.scalar);
      return same ? ""
                  : "expected a scalar " + format_go_g(*eval.scalar) + ", got " + format_go_g(result.scalar);
    }
    if (result.type == PromqlType::matrix) {
      return check_matrix(eval, result.matrix, eval.vector_start_ms, eval.vector_step_ms);
    }
    if (eval.range_vector) return "expected a range vector";
    if (result.type == PromqlType::scalar) return "got a scalar " + format_go_g(result.scalar);
    if (result.type == PromqlType::string) return "got a string " + result.text;
    return check_vector(eval, result.vector);
  }

  static std::string check_vector(const Eval& eval, const SampleVector& vector) {
    std::vector<bool> used(vector.size());
    for (size_t i = 0; i < eval.series.size(); ++i) {
      const ScriptSeries& expected = eval.series[i];
      if (expected.points.size() != 1) return "an instant expectation has one value a series";
      size_t found = vector.size();
      for (size_t j = 0; j < vector.size(); ++j) {
        if (vector[j].labels == expected.labels) found = j;
      }
      if (found == vector.size()) return "missing " + expected.labels.to_string() + list_result(vector);
      if (eval.ordered && found != i)
        return "out of order: " + expected.labels.to_string() + list_result(vector);
      used[found] = true;
      const VectorSample& sample = vector[found];
      if (!point_matches(expected.points[0], sample.value, sample.histogram.get())) {
        return fmt::format("{}: expected {}, got {}", expected.labels.to_string(),
                           point_text(expected.points[0].value, expected.points[0].histogram.get()),
                           point_text(sample.value, sample.histogram.get()));
      }
    }
    if (std::find(used.begin(), used.end(), false) != used.end())
      return "more series than expected" + list_result(vector);
    return "";
  }

  static std::string check_matrix(const Eval& eval, const std::vector<MatrixSeries>& matrix, int64_t start_ms,
                                  int64_t step_ms) {
    std::vector<bool> used(matrix.size());
    for (const ScriptSeries& expected : eval.series) {
      size_t found = matrix.size();
      for (size_t j = 0; j < matrix.size(); ++j) {
        if (matrix[j].labels == expected.labels) found = j;
      }
      if (found == matrix.size()) return "missing " + expected.labels.to_string() + list_result(matrix);
      used[found] = true;
      std::string wrong = check_points(expected, matrix[found], start_ms, step_ms);
      if (!wrong.empty()) return wrong;
    }
    for (size_t j = 0; j < matrix.size(); ++j) {
      if (!used[j]) return "more series than expected: " + matrix[j].labels.to_string() + list_result(matrix);
    }
    return "";
  }

  static std::string check_points(const ScriptSeries& expected, const MatrixSeries& actual, int64_t start_ms,
                                  int64_t step_ms) {
    std::map<int64_t, std::pair<double, const Histogram*>> points;
    for (const FloatPoint& point : actual.floats) points[point.time_ms] = {point.value, nullptr};
    for (const HistogramPoint& point : actual.histograms) points[point.time_ms] = {0, point.histogram.get()};
    for (size_t i = 0; i < expected.points.size(); ++i) {
      int64_t time = start_ms + static_cast<int64_t>(i) * step_ms;
      auto point = points.find(time);
      const ScriptPoint& wanted = expected.points[i];
      std::string place = fmt::format("{} at {}", expected.labels.to_string(),
                                      format_prometheus_duration(time * kNanosPerMilli));
      if (wanted.missing) {
        if (point != points.end())
          return place + ": expected none, got " + point_text(point->second.first, point->second.second);
        continue;
      }
      if (point == points.end())
        return place + ": expected " + point_text(wanted.value, wanted.histogram.get()) + ", got none";
      if (!point_matches(wanted, point->second.first, point->second.second)) {
        return place + ": expected " + point_text(wanted.value, wanted.histogram.get()) + ", got " +
               point_text(point->second.first, point->second.second);
      }
      points.erase(point);
    }
    if (points.empty()) return "";
    return fmt::format("{}: a point more than expected at {}", expected.labels.to_string(),
                       format_prometheus_duration(points.begin()->first * kNanosPerMilli));
  }

  std::string check_range(const Eval& eval, const QueryContext& context) {
    Result<MatrixResult> result =
        engine_.range(context, eval.query, UnixNanos::from_millis(eval.start_ms),
                      UnixNanos::from_millis(eval.end_ms), eval.step_ms * kNanosPerMilli);
    if (std::optional<std::string> verdict =
            check_failure(eval, result.ok(), result.ok() ? "" : parse_error_text(result.error()))) {
      return *verdict;
    }
    std::string wrong = check_annotations(eval, result->annotations);
    if (!wrong.empty()) return wrong;
    wrong = check_matrix(eval, result->series, eval.start_ms, eval.step_ms);
    return wrong.empty() ? "" : wrong + list_result(result->annotations);
  }

  // The same query over three steps, the middle one at the time of the instant.
  std::string check_inside_range(const Eval& eval, const QueryVariant& question, const InstantResult& instant,
                                 const QueryContext& context) {
    constexpr int64_t kStepMs = 60 * 1000;
    int64_t time_ms = question.time_ms;
    Result<MatrixResult> result =
        engine_.range(context, question.query, UnixNanos::from_millis(time_ms - kStepMs),
                      UnixNanos::from_millis(time_ms + kStepMs), kStepMs * kNanosPerMilli);
    // Another step may be refused where this one was not (two series that meet there only).
    if (!result.ok())
      return result.error().code == ErrorCode::execution ? "" : "as a range query: " + result.error().message;
    SampleVector middle;
    for (const MatrixSeries& series : result->series) {
      for (const FloatPoint& point : series.floats) {
        if (point.time_ms == time_ms) middle.push_back({series.labels, point.value, nullptr, false});
      }
      for (const HistogramPoint& point : series.histograms) {
        if (point.time_ms == time_ms) middle.push_back({series.labels, 0, point.histogram, false});
      }
    }
    std::string wrong;
    if (instant.type == PromqlType::scalar) {
      bool same = middle.size() == 1 && numbers_match(instant.scalar, middle[0].value);
      wrong = same ? "" : "another number";
    } else {
      wrong = check_vector(eval, middle);
    }
    return wrong.empty() ? "" : "as a range query: " + wrong;
  }

  const PromqlEngine& engine_;
  std::vector<std::string_view> lines_;
  size_t at_ = 0;
  ScriptLoader loader_;
  ScriptReport report_;
};

}  // namespace

PromqlOptions script_options(std::string_view file_name) {
  PromqlOptions options;
  bool stock = file_name.ends_with("_stock.test");
  options.delayed_name_removal = !stock;
  options.use_start_timestamps = !stock;
  return options;
}

Result<ScriptReport> run_script(std::string_view script, const PromqlEngine& engine,
                                const ScriptStoreFactory& stores) {
  return ScriptRunner(script, engine, stores).run();
}

}  // namespace obelisk::promql
