#include "query/promql/test_variants.h"

#include "query/promql/functions.h"
#include "query/promql/parser.h"
#include "query/promql/printer.h"

namespace obelisk::promql {
namespace {

// Whether a function's result changes with the time of the evaluation though its arguments do not.
bool looks_at_time(FunctionId id) {
  switch (id) {
    case FunctionId::day_of_month:
    case FunctionId::day_of_week:
    case FunctionId::day_of_year:
    case FunctionId::days_in_month:
    case FunctionId::hour:
    case FunctionId::minute:
    case FunctionId::month:
    case FunctionId::year:
    case FunctionId::predict_linear:
    case FunctionId::time:
    case FunctionId::timestamp:
    case FunctionId::start:
    case FunctionId::end:
    case FunctionId::range:
    case FunctionId::step:
      return true;
    default:
      return false;
  }
}

// Pins the selectors below. What stands below a subquery is left alone: it moves with the subquery's steps.
void pin(Node& node, int64_t time_ms) {
  if (!node.is_selector_like()) {
    for (NodePtr& child : node.children) pin(*child, time_ms);
  } else if (node.time.at == TimeModifiers::At::none) {
    node.time.at = TimeModifiers::At::time;
    node.time.at_ms = time_ms;
  }
}

bool contains_time_function(const Node& node) {
  if (node.kind == Node::Kind::call && looks_at_time(node.function->id)) return true;
  for (const NodePtr& child : node.children) {
    if (contains_time_function(*child)) return true;
  }
  return false;
}

}  // namespace

std::vector<QueryVariant> at_variants(std::string_view query, int64_t time_ms) {
  Result<NodePtr> node = parse(query, ParserOptions());
  if (!node.ok() || contains_time_function(**node)) return {};
  pin(**node, time_ms);
  std::string pinned = to_string(**node);
  std::vector<int64_t> times = {-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms};
  if (time_ms == 0) times = {-1000, 0, 1000};
  std::vector<QueryVariant> variants;
  for (int64_t time : times) variants.push_back({pinned, time});
  return variants;
}

bool depends_on_query_range(std::string_view query) {
  for (std::string_view word : {"start()", "end()", "range()", "step()"}) {
    if (query.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace obelisk::promql
