#include "query/logql/parser_hints.h"

#include "query/logql/pipeline.h"

namespace obelisk::logql {

ParserHints ParserHints::of(const LogRange& range, const std::vector<std::string>& groups) {
  LabelDemand demand;
  demand.everything = false;
  for (const std::string& name : groups) demand.add(name);
  for (const Stage& stage : range.selector.stages) add_stage_labels(stage, demand);
  if (range.unwrap) {
    demand.add(range.unwrap->label);
    for (const LabelFilter& filter : range.unwrap->filters) add_filter_labels(filter, demand);
  }
  ParserHints hints;
  if (demand.everything) return hints;  // a template that shows all labels
  hints.parses_nothing_ = demand.names.empty();
  hints.preserves_errors_ = demand.names.contains(kErrorLabel);
  constexpr std::string_view kSuffix = "_extracted";
  for (const std::string& name : demand.names) {
    hints.required_.push_back(name);
    // A field may turn out to be named so only when it meets a label of the stream.
    if (name.ends_with(kSuffix)) hints.required_.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  return hints;
}

}  // namespace obelisk::logql
