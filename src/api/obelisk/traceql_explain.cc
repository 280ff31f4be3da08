// Why a TraceQL query finds what it finds: GET /obelisk/api/v1/traceql/explain?q=&start=&end=
#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "api/obelisk/past_window.h"
#include "base/json_writer.h"
#include "query/traceql/explain.h"

namespace obelisk {
namespace {

void write_filter(JsonWriter& out, const traceql::ExplainedFilter& filter) {
  out.begin_object().field("filter", filter.text).field("spans", std::to_string(filter.spans));
  out.key("conditions").begin_array();
  for (const traceql::ExplainedCondition& condition : filter.conditions) {
    out.begin_object().field("condition", condition.text).field("spans", std::to_string(condition.alone));
    out.field("spansOfTheOthers", std::to_string(condition.without)).end_object();
  }
  out.end_array().end_object();
}

std::string explanation_json(const traceql::TraceqlExplanation& explanation) {
  JsonWriter out;
  out.begin_object().field("spans", std::to_string(explanation.spans)).key("whyEmpty").begin_array();
  for (const std::string& sentence : explanation.why_empty) out.value(sentence);
  out.end_array().key("pipelines").begin_array();
  for (const traceql::ExplainedPipeline& pipeline : explanation.pipelines) {
    out.begin_object().field("pipeline", pipeline.text).key("stages").begin_array();
    for (const traceql::ExplainedStage& stage : pipeline.stages) {
      out.begin_object().field("stage", stage.text).field("spansLeft", std::to_string(stage.spans));
      out.key("filters").begin_array();
      for (const traceql::ExplainedFilter& filter : stage.filters) write_filter(out, filter);
      out.end_array().end_object();
    }
    out.end_array().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  OBELISK_TRY(TimeRange range, past_window_of(parameters, context.clock.now()));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  OBELISK_TRY(traceql::TraceqlExplanation explanation,
              traceql::explain_traceql(query, parameters.get_or("q", ""), range));
  return explanation_json(explanation);
}

}  // namespace

void register_traceql_explain(Router& router, ApiContext& context) {
  router.add("GET", "/obelisk/api/v1/traceql/explain",
             [&context](HttpExchangePtr exchange, const PathParameters&) {
               respond_own(exchange, answer(context, exchange));
             });
}

}  // namespace obelisk
