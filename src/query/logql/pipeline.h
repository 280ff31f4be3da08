#pragma once
// A compiled pipeline: the stages of a log selector in order, parsers told which labels are asked for after
// them. Belongs to one query and one thread.
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "query/logql/ast.h"
#include "query/logql/label_demand.h"
#include "query/logql/parser_hints.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

class NewPatterns;

class Pipeline {
 public:
  // `skip[i]`: stage i is left out, because the scan applies it. `asked`: the labels that the result needs.
  // `fresh`: of the same stages (new_patterns.h); null for a pipeline that is compiled but not run.
  static Result<Pipeline> compile(const std::vector<Stage>& stages, const std::vector<bool>& skip,
                                  LabelDemand asked, UnixNanos now, const NewPatterns* fresh = nullptr,
                                  const ParserHints& hints = {});

  // False drops the row.
  bool apply(LogRow& row) {
    for (const RowStagePtr& stage : stages_) {
      if (!stage->apply(row)) return false;
    }
    return true;
  }

  bool empty() const { return stages_.empty(); }
  // The labels asked of structured metadata and the stream: what the first stage and all later ones read.
  const LabelDemand& demand() const { return demand_; }
  bool reads_line() const { return reads_line_; }

 private:
  std::vector<RowStagePtr> stages_;
  LabelDemand demand_;
  bool reads_line_ = false;
};

// Compiles everything a query has to find what the parser cannot see: bad regular expressions, templates,
// patterns, address ranges, paths.
Result<void> check_query(const Query& query);
// parse_query and check_query.
Result<Query> parse_and_check(std::string_view text);

// Whether a stage may change the line, so that later line filters see another text than what is stored.
bool changes_line(Stage::Kind kind);
void add_filter_labels(const LabelFilter& filter, LabelDemand& demand);
// What the stage itself reads.
void add_stage_labels(const Stage& stage, LabelDemand& demand);

}  // namespace obelisk::logql
