#include "query/promql/test_script.h"

#include <fmt/format.h>

#include "base/text.h"
#include "query/promql/parser.h"
#include "query/promql/test_compare.h"
#include "query/promql/test_eval.h"
#include "query/promql/test_listing.h"
#include "query/promql/test_loader.h"
#include "query/promql/test_series.h"
#include "query/promql/test_variants.h"

namespace obelisk::promql {
namespace {

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
        return error_at_line(line, "unknown command \"" + std::string(command) + "\"");
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
    std::optional<int64_t> step = parse_script_time(trim(rest));
    if (!step || *step <= 0) return error_at_line(line, "load needs a step");
    std::vector<ScriptSeries> series;
    for (std::string_view text : block()) {
      Result<ScriptSeries> one = parse_script_series(text);
      if (!one.ok()) return error_at_line(at_, one.error().message);
      series.push_back(std::move(*one));
    }
    return loader_.load(series, *step, with_custom_buckets);
  }

  Result<void> eval(size_t line, std::string_view command, std::string_view rest) {
    ScriptEval eval;
    eval.line = line;
    std::string_view flavour = command.size() > 5 ? command.substr(5) : std::string_view();
    if (flavour == "fail") eval.fail.wanted = true;
    if (flavour == "warn") eval.warn.wanted = true;
    if (flavour == "info") eval.info.wanted = true;
    if (flavour == "ordered") eval.ordered = true;
    OBELISK_CHECK_OK(parse_eval_head(eval, rest));
    eval.block_line = at_;
    eval.block = block();
    for (std::string_view text : eval.block) OBELISK_CHECK_OK(parse_expectation(eval, text));
    ++report_.total;
    Budget budget;
    Cancel cancel;
    OBELISK_TRY(Snapshot at, loader_.reader().snapshot(kDefaultTenant));
    QueryContext context{loader_.reader(), kDefaultTenant, at, budget, cancel};
    std::string wrong = check(eval, context);
    if (wrong.empty()) {
      ++report_.passed;
      return {};
    }
    report_.failures.push_back({line, eval.query + "\n    " + wrong});
    if (std::optional<std::vector<std::string>> came = lines_that_pass(eval, context)) {
      for (std::string& text : *came) text.insert(0, "  ");
      report_.edits.push_back({eval.block_line, eval.block.size(), std::move(*came)});
    }
    return {};
  }

  std::optional<std::vector<std::string>> lines_that_pass(const ScriptEval& eval,
                                                          const QueryContext& context) {
    if (eval.range) return lines_of_result(eval, ask_range(eval, context));
    return lines_of_result(eval, engine_.instant(context, eval.query, UnixNanos::from_millis(eval.start_ms)));
  }

  Result<MatrixResult> ask_range(const ScriptEval& eval, const QueryContext& context) {
    return engine_.range(context, eval.query, UnixNanos::from_millis(eval.start_ms),
                         UnixNanos::from_millis(eval.end_ms), eval.step_ms * kNanosPerMilli);
  }

  // What is wrong, or nothing.
  std::string check(const ScriptEval& eval, const QueryContext& context) {
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
  std::string check_question(const ScriptEval& eval, const QueryVariant& question, bool as_written,
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

  std::string check_range(const ScriptEval& eval, const QueryContext& context) {
    Result<MatrixResult> result = ask_range(eval, context);
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
  std::string check_inside_range(const ScriptEval& eval, const QueryVariant& question,
                                 const InstantResult& instant, const QueryContext& context) {
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
