#include "query/promql/test_listing.h"

#include <fmt/format.h>

#include <map>

#include "query/core/float_text.h"
#include "query/promql/lexer.h"
#include "query/promql/printer.h"
#include "query/promql/test_compare.h"

namespace obelisk::promql {
namespace {

bool is_identifier(std::string_view name) {
  Result<std::vector<Token>> tokens = tokenize(name);
  return tokens.ok() && tokens->size() == 2 && (*tokens)[0].kind == TokenKind::identifier;
}

// As a selector writes them, so that names outside the classic alphabet are quoted.
std::string series_text(const Labels& labels) {
  std::string name;
  std::vector<std::string> inside;
  for (const Label& label : labels) {
    if (label.name == kMetricNameLabel && is_identifier(label.value)) {
      name = label.value;
    } else {
      inside.push_back(to_string(Matcher{label.name, Matcher::Op::equal, label.value, nullptr}));
    }
  }
  if (inside.empty() && !name.empty()) return name;
  return fmt::format("{}{{{}}}", name, fmt::join(inside, ", "));
}

}  // namespace

std::vector<std::string> script_lines(const SampleVector& vector) {
  std::vector<std::string> lines;
  for (const VectorSample& sample : vector)
    lines.push_back(series_text(sample.labels) + " " + point_text(sample.value, sample.histogram.get()));
  return lines;
}

std::vector<std::string> script_lines(const std::vector<MatrixSeries>& matrix, int64_t start_ms,
                                      int64_t end_ms, int64_t step_ms) {
  std::vector<std::string> lines;
  for (const MatrixSeries& series : matrix) {
    std::map<int64_t, std::string> points;
    for (const FloatPoint& point : series.floats) points[point.time_ms] = point_text(point.value, nullptr);
    for (const HistogramPoint& point : series.histograms)
      points[point.time_ms] = point_text(0, point.histogram.get());
    std::string line = series_text(series.labels);
    for (int64_t time = start_ms; time <= end_ms; time += step_ms) {
      auto point = points.find(time);
      line += " " + (point == points.end() ? "_" : point->second);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string list_result(const SampleVector& vector) {
  std::string out = "; the result was";
  for (const std::string& line : script_lines(vector)) out += "\n      " + line;
  return out;
}

std::string list_result(const std::vector<MatrixSeries>& matrix) {
  std::string out = "; the result was";
  for (const MatrixSeries& series : matrix) {
    out += "\n      " + series.labels.to_string();
    for (const FloatPoint& point : series.floats)
      out += fmt::format(" {}@{}", format_go_g(point.value), point.time_ms);
    for (const HistogramPoint& point : series.histograms)
      out += fmt::format(" {}@{}", point_text(0, point.histogram.get()), point.time_ms);
  }
  return out;
}

std::string list_result(const PromqlAnnotations& annotations) {
  std::string out;
  for (const std::string& message : annotations.warnings) out += "\n      " + message;
  for (const std::string& message : annotations.infos) out += "\n      " + message;
  return out;
}

}  // namespace obelisk::promql
