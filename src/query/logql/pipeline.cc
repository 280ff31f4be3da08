#include "query/logql/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/regex.h"
#include "query/logql/lexer.h"
#include "query/logql/new_patterns.h"
#include "query/logql/parser.h"
#include "query/logql/regex_error.h"
#include "query/logql/stage_capture.h"
#include "query/logql/stage_filter.h"
#include "query/logql/stage_format.h"
#include "query/logql/stage_json.h"
#include "query/logql/stage_labels.h"
#include "query/logql/stage_logfmt.h"
#include "query/logql/stage_new_pattern.h"

namespace obelisk::logql {
namespace {

void add_template_labels(std::string_view text, LabelDemand& demand) {
  Result<GoTemplate> program = parse_log_template("line", text);
  if (!program.ok()) return;  // reported when the stage is compiled
  std::vector<std::string> names;
  bool whole = false;
  program->collect_root_fields(names, whole);
  if (whole) demand.everything = true;
  for (const std::string& name : names) demand.add(name);
}

Result<RowStagePtr> compile_stage(const Stage& stage, LabelDemand demand, UnixNanos now,
                                  std::shared_ptr<const PatternBirths> births, const ParserHints& hints) {
  LogfmtOptions logfmt{stage.strict, stage.keep_empty};
  switch (stage.kind) {
    case Stage::Kind::line_filter:
      return make_line_filter_stage(stage.line_filter);
    case Stage::Kind::label_filter:
      return make_label_filter_stage(stage.label_filter);
    case Stage::Kind::json:
      if (stage.assignments.empty()) return make_json_stage(std::move(demand), hints);
      return make_json_path_stage(stage.assignments, hints);
    case Stage::Kind::logfmt:
      if (stage.assignments.empty()) return make_logfmt_stage(logfmt, std::move(demand), hints);
      return make_logfmt_keys_stage(logfmt, stage.assignments, hints);
    case Stage::Kind::regexp:
      return make_regexp_stage(stage.text, std::move(demand));
    case Stage::Kind::pattern:
      return make_pattern_stage(stage.text, std::move(demand));
    case Stage::Kind::unpack:
      return make_unpack_stage(hints);
    case Stage::Kind::line_format:
      return make_line_format_stage(stage.text, now);
    case Stage::Kind::label_format:
      return make_label_format_stage(stage.assignments, now);
    case Stage::Kind::decolorize:
      return make_decolorize_stage();
    case Stage::Kind::drop:
      return make_drop_stage(stage.selectors);
    case Stage::Kind::keep:
      return make_keep_stage(stage.selectors);
    case Stage::Kind::new_pattern:
      return make_new_pattern_stage(std::move(births));
  }
  return make_error(ErrorCode::unsupported, "this pipeline stage is not supported yet");
}

bool stage_reads_line(Stage::Kind kind) {
  return kind != Stage::Kind::label_filter && kind != Stage::Kind::drop && kind != Stage::Kind::keep;
}

bool parses(Stage::Kind kind) {
  switch (kind) {
    case Stage::Kind::json:
    case Stage::Kind::logfmt:
    case Stage::Kind::regexp:
    case Stage::Kind::pattern:
    case Stage::Kind::unpack:
      return true;
    default:
      return false;
  }
}

bool is_label_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

void add_filter_labels(const LabelFilter& filter, LabelDemand& demand) {
  for (const LabelFilter& child : filter.children) add_filter_labels(child, demand);
  if (filter.children.empty()) demand.add(filter.matcher.name.empty() ? filter.name : filter.matcher.name);
}

void add_stage_labels(const Stage& stage, LabelDemand& demand) {
  switch (stage.kind) {
    case Stage::Kind::label_filter:
      add_filter_labels(stage.label_filter, demand);
      break;
    case Stage::Kind::line_format:
      add_template_labels(stage.text, demand);
      break;
    case Stage::Kind::label_format:
      for (const LabelAssignment& assignment : stage.assignments) {
        if (assignment.is_template)
          add_template_labels(assignment.value, demand);
        else
          demand.add(assignment.value);
      }
      break;
    default:
      break;  // drop and keep read only labels that someone after them asks for
  }
}

bool changes_line(Stage::Kind kind) {
  return kind == Stage::Kind::line_format || kind == Stage::Kind::unpack || kind == Stage::Kind::decolorize;
}

Result<Pipeline> Pipeline::compile(const std::vector<Stage>& stages, const std::vector<bool>& skip,
                                   LabelDemand asked, UnixNanos now, const NewPatterns* fresh,
                                   const ParserHints& hints) {
  // Backwards: each stage is told what is asked after it.
  std::vector<LabelDemand> after(stages.size());
  for (size_t i = stages.size(); i-- > 0;) {
    after[i] = asked;
    add_stage_labels(stages[i], asked);
  }
  Pipeline pipeline;
  pipeline.demand_ = std::move(asked);
  bool line_changed = false;
  for (size_t i = 0; i < stages.size(); ++i) {
    bool wants_stored_line = stages[i].kind == Stage::Kind::new_pattern;
    if (wants_stored_line && line_changed) {
      return parse_error(
          "new_pattern looks at lines as they are stored: it must stand before line_format, unpack and "
          "decolorize");
    }
    line_changed = line_changed || changes_line(stages[i].kind);
    if (i < skip.size() && skip[i]) continue;
    if (hints.parses_nothing() && parses(stages[i].kind)) continue;
    OBELISK_TRY(RowStagePtr stage, compile_stage(stages[i], std::move(after[i]), now,
                                                 fresh == nullptr ? nullptr : fresh->of_stage(i), hints));
    pipeline.stages_.push_back(std::move(stage));
    pipeline.reads_line_ = pipeline.reads_line_ || stage_reads_line(stages[i].kind);
  }
  return pipeline;
}

Result<void> check_query(const Query& query) {
  for (const Query& child : query.children) OBELISK_CHECK_OK(check_query(child));
  const LogSelector* selector = query.kind == Query::Kind::log                 ? &query.selector
                                : query.kind == Query::Kind::range_aggregation ? &query.range.selector
                                                                               : nullptr;
  if (selector != nullptr) {
    Result<Pipeline> pipeline = Pipeline::compile(selector->stages, {}, LabelDemand(), UnixNanos());
    if (!pipeline.ok()) return pipeline.error();
  }
  if (query.kind == Query::Kind::range_aggregation && query.range.unwrap) {
    for (const LabelFilter& filter : query.range.unwrap->filters) {
      Result<RowStagePtr> stage = make_label_filter_stage(filter);
      if (!stage.ok()) return stage.error();
    }
  }
  if (query.kind == Query::Kind::label_replace) {
    Result<std::shared_ptr<const Regex>> regex =
        Regex::compile(query.label_replace.pattern, Regex::Mode::anchored);
    if (!regex.ok()) {
      return parse_error("invalid regex in label_replace: " +
                         regex_error_text(query.label_replace.pattern, regex.error()));
    }
    if (!is_label_name(query.label_replace.destination)) {
      return parse_error(fmt::format("invalid destination label name in label_replace: {}",
                                     query.label_replace.destination));
    }
  }
  return {};
}

Result<Query> parse_and_check(std::string_view text) {
  OBELISK_TRY(Query query, parse_query(text));
  OBELISK_CHECK_OK(check_query(query));
  return query;
}

}  // namespace obelisk::logql
