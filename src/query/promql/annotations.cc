#include "query/promql/annotations.h"

#include <fmt/format.h>

#include "query/core/float_text.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {
std::string for_metric(std::string_view metric) {
  return metric.empty() ? "" : " for metric name " + quote_go_string(metric);
}
}  // namespace

void Annotations::add(std::set<std::string>& to, std::string_view prefix, const Node& at,
                      const std::string& message) {
  if (to.size() >= kKinds) return;
  to.insert(fmt::format("{}{} {}", prefix, message, place(at)));
}

std::string Annotations::place(const Node& at) const {
  Position position = position_of(query_, at.source.begin);
  return fmt::format("({}:{})", position.line, position.column);
}

PromqlAnnotations Annotations::take() {
  return {{warnings_.begin(), warnings_.end()}, {infos_.begin(), infos_.end()}};
}

void Annotations::mixed_range(const Node& at, std::string_view metric) {
  warn(at, "encountered a mix of histograms and floats" + for_metric(metric));
}
void Annotations::mixed_schemas(const Node& at, std::string_view metric) {
  warn(at, "vector contains a mix of histograms with exponential and custom buckets schemas" +
               for_metric(metric));
}
void Annotations::not_a_counter(const Node& at, std::string_view metric) {
  warn(at, "this native histogram metric is not a counter: " + quote_go_string(metric));
}
void Annotations::not_a_gauge(const Node& at, std::string_view metric) {
  warn(at, "this native histogram metric is not a gauge: " + quote_go_string(metric));
}
void Annotations::ignored_in_mixed_range(const Node& at, std::string_view metric) {
  info(at, "ignored histograms in a range containing both floats and histograms" + for_metric(metric));
}
void Annotations::ignored_in_aggregation(const Node& at, std::string_view op) {
  info(at, fmt::format("ignored histogram in {} aggregation", op));
}
void Annotations::bounds_reconciled(const Node& at, std::string_view operation) {
  info(at, fmt::format("mismatched custom buckets were reconciled during {}", operation));
}
void Annotations::reset_collision(const Node& at, std::string_view operation) {
  warn(at, fmt::format("conflicting counter resets during histogram {}", operation));
}
void Annotations::overlapping_starts(const Node& at, std::string_view metric) {
  warn(at, "start times of samples overlap the samples before them" + for_metric(metric));
}
void Annotations::bad_quantile(const Node& at, double phi) {
  warn(at, fmt::format("quantile value should be between 0 and 1, got {}", format_go_g(phi)));
}

}  // namespace obelisk::promql
