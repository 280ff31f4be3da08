#pragma once
// The languages that rules are written in, behind one interface: the rule engine knows groups, alerts and
// intervals, not what an expression means. Thread safe.
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "query/core/query_context.h"
#include "query/core/sample_vector.h"

namespace obelisk::rules {

enum class RuleLanguage : uint8_t { promql, logql, traceql };
std::string_view rule_language_name(RuleLanguage language);

// When an expression is evaluated, and over what: PromQL and LogQL name their ranges themselves, a TraceQL
// expression counts the spans that start in the window before `time`.
struct RuleInstant {
  UnixNanos time;
  int64_t window_nanos = 0;
};

// A trace that made part of an element's value.
struct RuleExemplar {
  size_t element = 0;  // index into the samples
  TraceId trace_id;
  double value = 0;
  UnixNanos time;
};

struct RuleVector {
  SampleVector samples;
  std::vector<RuleExemplar> exemplars;  // TraceQL: at most one an element, in their order
};

class RuleEvaluator {
 public:
  virtual ~RuleEvaluator() = default;
  // Whether the expression can be a rule's: it parses, and gives a vector or a scalar. The message says where
  // it is wrong.
  virtual Result<void> check(std::string_view expression) const = 0;
  // At one instant. A scalar is one element without labels.
  virtual Result<RuleVector> evaluate(const QueryContext& context, std::string_view expression,
                                      const RuleInstant& instant) const = 0;
};

const RuleEvaluator& rule_evaluator(RuleLanguage language);

}  // namespace obelisk::rules
