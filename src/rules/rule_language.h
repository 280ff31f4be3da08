#pragma once
// The languages that rules are written in, behind one interface: the rule engine knows groups, alerts and
// intervals, not what an expression means. Thread safe.
#include <string_view>

#include "query/core/query_context.h"
#include "query/core/sample_vector.h"

namespace obelisk::rules {

enum class RuleLanguage : uint8_t { promql, logql };

class RuleEvaluator {
 public:
  virtual ~RuleEvaluator() = default;
  // Whether the expression can be a rule's: it parses, and gives a vector or a scalar.
  virtual Result<void> check(std::string_view expression) const = 0;
  // At one instant. A scalar is one element without labels.
  virtual Result<SampleVector> evaluate(const QueryContext& context, std::string_view expression,
                                        UnixNanos time) const = 0;
};

const RuleEvaluator& rule_evaluator(RuleLanguage language);

}  // namespace obelisk::rules
