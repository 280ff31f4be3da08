#pragma once
// One `eval` of a query script: what it asks, what it expects, how that compares with what came, and the
// lines it should have had. Values, safe from any thread; the runner is test_script.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/promql/engine.h"
#include "query/promql/test_demand.h"
#include "query/promql/test_series.h"

namespace obelisk::promql {

struct ScriptEval {
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
  size_t block_line = 0;  // of the first expectation, counted from 0
  std::vector<std::string_view> block;
};

Error error_at_line(size_t line, std::string message);
// Takes the next blank-separated word off `text`.
std::string_view take_word(std::string_view& text);
// Seconds or a duration, in milliseconds.
std::optional<int64_t> parse_script_time(std::string_view text);

// `instant at <time> <query>` or `range from <time> to <time> step <duration> <query>`.
Result<void> parse_eval_head(ScriptEval& eval, std::string_view rest);
Result<void> parse_expectation(ScriptEval& eval, std::string_view text);

// What is wrong, or nothing. check_failure: nothing to say (nullopt) when the result is to be looked at.
std::optional<std::string> check_failure(const ScriptEval& eval, bool ok, const std::string& error);
std::string check_annotations(const ScriptEval& eval, const PromqlAnnotations& annotations,
                              bool places_count = true);
std::string check_instant(const ScriptEval& eval, const InstantResult& result);
std::string check_vector(const ScriptEval& eval, const SampleVector& vector);
std::string check_matrix(const ScriptEval& eval, const std::vector<MatrixSeries>& matrix, int64_t start_ms,
                         int64_t step_ms);

// The expectations that the result meets, without indentation; none where lines cannot say it (a range vector
// of which the script does not give the steps).
std::optional<std::vector<std::string>> lines_of_result(const ScriptEval& eval,
                                                        const Result<InstantResult>& result);
std::vector<std::string> lines_of_result(const ScriptEval& eval, const Result<MatrixResult>& result);

}  // namespace obelisk::promql
