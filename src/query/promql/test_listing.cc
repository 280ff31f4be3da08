#include "query/promql/test_listing.h"

#include <fmt/format.h>

#include "query/core/float_text.h"
#include "query/promql/test_compare.h"

namespace obelisk::promql {

std::string list_result(const SampleVector& vector) {
  std::string out = "; the result was";
  for (const VectorSample& sample : vector)
    out += "\n      " + sample.labels.to_string() + " " + point_text(sample.value, sample.histogram.get());
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
