#include "query/promql/test_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "query/core/float_text.h"
#include "query/promql/go_string.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"
#include "query/promql/test_compare.h"
#include "query/promql/test_listing.h"

namespace obelisk::promql {
namespace {

Result<void> parse_demand(size_t line, std::string_view rest, Demand& demand) {
  demand.wanted = true;
  Result<MessageDemand> one = parse_message_demand(rest);
  if (!one.ok()) return error_at_line(line, one.error().message);
  demand.messages.push_back(std::move(*one));
  return {};
}

Result<void> parse_expect(ScriptEval& eval, std::string_view rest) {
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
      return error_at_line(eval.line, "expect string needs a quoted string");
    eval.text = tokens[0].text;
  } else if (what == "range") {
    std::string_view vector = take_word(rest);
    std::string_view from = take_word(rest);
    std::optional<int64_t> start = parse_script_time(take_word(rest));
    take_word(rest);
    take_word(rest);
    take_word(rest);
    std::optional<int64_t> step = parse_script_time(take_word(rest));
    if (vector != "vector" || from != "from" || !start || !step)
      return error_at_line(eval.line, "expect range vector from .. to .. step ..");
    eval.range_vector = true;
    eval.vector_start_ms = *start;
    eval.vector_step_ms = *step;
  } else {
    return error_at_line(eval.line, "unknown expectation \"" + std::string(what) + "\"");
  }
  return {};
}

std::string check_points(const ScriptSeries& expected, const MatrixSeries& actual, int64_t start_ms,
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

// A message that a line can repeat; one with blanks around it or with lines is not asked for.
std::string message_text(std::string_view message) {
  bool repeatable = trim(message) == message && message.find('\n') == std::string_view::npos;
  return repeatable ? fmt::format(" msg: {}", message) : "";
}

// The conditions that `annotations` meet, of the kinds that `eval` asks about, and those about order and
// steps.
std::vector<std::string> lines_of_conditions(const ScriptEval& eval, const PromqlAnnotations& annotations) {
  std::vector<std::string> lines;
  auto add = [&](std::string_view kind, const Demand& demand, const std::vector<std::string>& given) {
    if (!demand.wanted && !demand.forbidden) return;
    for (const std::string& message : given)
      lines.push_back(fmt::format("expect {}{}", kind, message_text(message)));
    if (given.empty()) lines.push_back(fmt::format("expect no_{}", kind));
  };
  add("warn", eval.warn, annotations.warnings);
  add("info", eval.info, annotations.infos);
  for (std::string_view text : eval.block) {
    if (text.starts_with("expect ordered") || text.starts_with("expect range")) lines.emplace_back(text);
  }
  return lines;
}

std::vector<std::string> lines_of_failure(const Error& error) {
  return {"expect fail" + message_text(parse_error_text(error))};
}

int64_t last_time(const std::vector<MatrixSeries>& matrix) {
  int64_t last = 0;
  for (const MatrixSeries& series : matrix) {
    if (!series.floats.empty()) last = std::max(last, series.floats.back().time_ms);
    if (!series.histograms.empty()) last = std::max(last, series.histograms.back().time_ms);
  }
  return last;
}

void append(std::vector<std::string>& lines, std::vector<std::string> more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

Error error_at_line(size_t line, std::string message) {
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

std::optional<int64_t> parse_script_time(std::string_view text) {
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

Result<void> parse_eval_head(ScriptEval& eval, std::string_view rest) {
  std::string_view kind = take_word(rest);
  auto time_after = [&](std::string_view word) -> std::optional<int64_t> {
    if (take_word(rest) != word) return std::nullopt;
    return parse_script_time(take_word(rest));
  };
  if (kind == "instant") {
    std::optional<int64_t> at = time_after("at");
    if (!at) return error_at_line(eval.line, "eval instant needs: at <time> <query>");
    eval.start_ms = eval.end_ms = *at;
  } else if (kind == "range") {
    std::optional<int64_t> from = time_after("from");
    std::optional<int64_t> to = time_after("to");
    std::optional<int64_t> step = time_after("step");
    if (!from || !to || !step)
      return error_at_line(eval.line, "eval range needs: from <time> to <time> step <duration> <query>");
    eval.range = true;
    eval.start_ms = *from;
    eval.end_ms = *to;
    eval.step_ms = *step;
  } else {
    return error_at_line(eval.line, "eval needs instant or range");
  }
  eval.query = trim(rest);
  return {};
}

Result<void> parse_expectation(ScriptEval& eval, std::string_view text) {
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
  if (!series.ok()) return error_at_line(eval.line, series.error().message);
  eval.series.push_back(std::move(*series));
  return {};
}

std::optional<std::string> check_failure(const ScriptEval& eval, bool ok, const std::string& error) {
  if (!eval.fail.wanted) return ok ? std::nullopt : std::optional("failed: " + error);
  if (ok) return "was expected to fail";
  for (const MessageDemand& one : eval.fail.messages) {
    if (!one.is_met_by(error, true)) return "failed with another message: " + error;
  }
  return "";
}

std::string check_annotations(const ScriptEval& eval, const PromqlAnnotations& annotations,
                              bool places_count) {
  std::string wrong = eval.warn.check("warn", annotations.warnings, places_count);
  return wrong.empty() ? eval.info.check("info", annotations.infos, places_count) : wrong;
}

std::string check_instant(const ScriptEval& eval, const InstantResult& result) {
  if (eval.text)
    return result.type == PromqlType::string && result.text == *eval.text ? ""
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

std::string check_vector(const ScriptEval& eval, const SampleVector& vector) {
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

std::string check_matrix(const ScriptEval& eval, const std::vector<MatrixSeries>& matrix, int64_t start_ms,
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

std::vector<std::string> lines_of_result(const ScriptEval& eval, const Result<MatrixResult>& result) {
  if (!result.ok()) return lines_of_failure(result.error());
  std::vector<std::string> lines = lines_of_conditions(eval, result->annotations);
  append(lines, script_lines(result->series, eval.start_ms, eval.end_ms, eval.step_ms));
  return lines;
}

std::optional<std::vector<std::string>> lines_of_result(const ScriptEval& eval,
                                                        const Result<InstantResult>& result) {
  if (!result.ok()) return lines_of_failure(result.error());
  std::vector<std::string> lines = lines_of_conditions(eval, result->annotations);
  switch (result->type) {
    case PromqlType::scalar:
      lines.push_back(format_go_g(result->scalar));
      break;
    case PromqlType::string:
      lines.push_back("expect string " + quote_go_string(result->text));
      break;
    case PromqlType::matrix:
      if (!eval.range_vector) return std::nullopt;
      append(lines, script_lines(result->matrix, eval.vector_start_ms, last_time(result->matrix),
                                 eval.vector_step_ms));
      break;
    default:
      append(lines, script_lines(result->vector));
  }
  return lines;
}

}  // namespace obelisk::promql
