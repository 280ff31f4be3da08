#include "query/traceql/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "query/traceql/parser.h"

namespace obelisk::traceql {
namespace {

// What is known about an expression before it runs.
enum class StaticType : uint8_t { any, nil, boolean, number, string, status, kind };

StaticType type_of_value(ValueType type) {
  switch (type) {
    case ValueType::nil:
      return StaticType::nil;
    case ValueType::boolean:
      return StaticType::boolean;
    case ValueType::integer:
    case ValueType::floating:
    case ValueType::duration:
      return StaticType::number;
    case ValueType::string:
      return StaticType::string;
    case ValueType::status:
      return StaticType::status;
    case ValueType::kind:
      return StaticType::kind;
    case ValueType::list:
      return StaticType::any;
  }
  return StaticType::any;
}

bool fits(StaticType type, StaticType wanted) {
  return type == StaticType::any || type == wanted;
}
bool is_same(StaticType a, StaticType b) {
  return a == StaticType::any || b == StaticType::any || a == b;
}

bool is_never_nil(const Attribute& attribute) {
  if (attribute.intrinsic == Intrinsic::parent || attribute.of_parent) return false;
  return attribute.intrinsic != Intrinsic::none ||
         (attribute.scope == AttributeScope::resource && attribute.name == "service.name");
}

// Intrinsics that are hexadecimal ids, with their number of digits; 0 for the others.
size_t id_digits(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::trace_id:
    case Intrinsic::link_trace_id:
      return 32;
    case Intrinsic::span_id:
    case Intrinsic::parent_id:
    case Intrinsic::link_span_id:
      return 16;
    default:
      return 0;
  }
}

// An id as the evaluator gives it: lower case, all digits. Tempo leaves leading zeros out and users copy
// that.
void normalise_id(FieldExpr& literal, size_t digits) {
  std::string& text = literal.literal.text;
  bool is_hex = !text.empty() && text.size() <= digits &&
                text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (literal.kind == FieldExpr::Kind::literal && is_hex)
    text = std::string(digits - text.size(), '0') + to_lower(text);
}

class Validator {
 public:
  Validator(Query& query, std::string_view text) : query_(query), text_(text) {}

  Result<void> run() {
    if (query_.pipeline) OBELISK_CHECK_OK(check_pipeline(*query_.pipeline));
    if (query_.metrics) OBELISK_CHECK_OK(check_metrics(*query_.metrics, false));
    return {};
  }

 private:
  Error invalid(uint64_t offset, std::string_view message) const {
    Position position = position_of(text_, offset);
    return Error{
        ErrorCode::invalid_argument,
        fmt::format("invalid TraceQL query at line {}, col {}: {}", position.line, position.column, message),
        position};
  }

  size_t slot_of(const Attribute& attribute) {
    std::vector<Attribute>& all = query_.attributes;
    auto same = [&](const Attribute& other) { return other.is_same(attribute); };
    auto found = std::find_if(all.begin(), all.end(), same);
    if (found == all.end()) found = all.insert(all.end(), attribute);
    return static_cast<size_t>(found - all.begin());
  }

  Result<StaticType> check_attribute(FieldExpr& expr) {
    Attribute& attribute = expr.attribute;
    // parent.duration is the parent's duration; an attribute of that name is parent.span.duration.
    if (attribute.of_parent && attribute.scope == AttributeScope::any) {
      std::optional<IntrinsicInfo> info = find_intrinsic(attribute.name);
      if (info && info->intrinsic != Intrinsic::parent) attribute.intrinsic = info->intrinsic;
    }
    expr.slot = slot_of(attribute);
    if (attribute.intrinsic == Intrinsic::none || attribute.intrinsic == Intrinsic::parent)
      return StaticType::any;
    return type_of_value(find_intrinsic(attribute.name)->type);
  }

  Result<StaticType> check_field(FieldExpr& expr) {
    switch (expr.kind) {
      case FieldExpr::Kind::literal:
        return type_of_value(expr.literal.type);
      case FieldExpr::Kind::attribute:
        return check_attribute(expr);
      case FieldExpr::Kind::operation:
        break;
    }
    std::vector<StaticType> types;
    for (FieldExprPtr& operand : expr.operands) {
      OBELISK_TRY(StaticType type, check_field(*operand));
      types.push_back(type);
    }
    return check_operation(expr, types);
  }

  Result<StaticType> check_operation(FieldExpr& expr, const std::vector<StaticType>& types) {
    auto all_fit = [&](StaticType wanted) {
      return std::all_of(types.begin(), types.end(), [&](StaticType type) { return fits(type, wanted); });
    };
    // Of what is not known the result is not known either: !.a = 2 and .a + .b = "x" hold for no span, and
    // are no mistake.
    bool unknown =
        std::all_of(types.begin(), types.end(), [](StaticType type) { return type == StaticType::any; });
    FieldOp op = expr.op;
    if (op == FieldOp::and_op || op == FieldOp::or_op || op == FieldOp::not_op) {
      if (!all_fit(StaticType::boolean)) return illegal(expr, "needs booleans");
      return op == FieldOp::not_op && unknown ? StaticType::any : StaticType::boolean;
    }
    if (op == FieldOp::negate || is_arithmetic(op)) {
      if (!all_fit(StaticType::number)) return illegal(expr, "needs numbers");
      return unknown ? StaticType::any : StaticType::number;
    }
    if (op == FieldOp::regex || op == FieldOp::not_regex) {
      if (!all_fit(StaticType::string)) return illegal(expr, "needs strings");
      OBELISK_CHECK_OK(compile_regex(expr));
      return StaticType::boolean;
    }
    OBELISK_CHECK_OK(check_comparison(expr, types[0], types[1]));
    return StaticType::boolean;
  }

  Error illegal(const FieldExpr& expr, std::string_view why) const {
    return invalid(expr.offset, fmt::format("{} {}", expr.to_string(), why));
  }

  Result<void> compile_regex(FieldExpr& expr) {
    const FieldExpr& pattern = *expr.operands[1];
    if (pattern.kind != FieldExpr::Kind::literal) return {};
    Result<std::shared_ptr<const Regex>> regex = Regex::compile(pattern.literal.text, Regex::Mode::anchored);
    if (!regex.ok()) return invalid(pattern.offset, regex.error().message);
    expr.regex = std::move(*regex);
    return {};
  }

  Result<void> check_comparison(FieldExpr& expr, StaticType left, StaticType right) {
    FieldExpr& a = *expr.operands[0];
    FieldExpr& b = *expr.operands[1];
    for (auto [operand, other] : {std::pair(&a, right), std::pair(&b, left)}) {
      if (other == StaticType::nil && operand->kind == FieldExpr::Kind::attribute &&
          is_never_nil(operand->attribute)) {
        return illegal(expr, "tests for nil, which only attributes can be");
      }
    }
    bool equality = expr.op == FieldOp::equal || expr.op == FieldOp::not_equal;
    if (!is_same(left, right)) return illegal(expr, "compares different types");
    auto orders = [](StaticType type) {
      return type == StaticType::any || type == StaticType::number || type == StaticType::string;
    };
    if (!equality && (!orders(left) || !orders(right))) return illegal(expr, "cannot be ordered");
    if (a.kind == FieldExpr::Kind::attribute) normalise_id(b, id_digits(a.attribute.intrinsic));
    if (b.kind == FieldExpr::Kind::attribute) normalise_id(a, id_digits(b.attribute.intrinsic));
    return {};
  }

  static bool refers_to_span(const FieldExpr& expr) {
    if (expr.kind == FieldExpr::Kind::attribute) return true;
    return std::any_of(expr.operands.begin(), expr.operands.end(),
                       [](auto& operand) { return refers_to_span(*operand); });
  }

  Result<void> check_filter(SpansetExpr& spanset) {
    OBELISK_TRY(StaticType type, check_field(*spanset.filter));
    if (!fits(type, StaticType::boolean)) {
      return invalid(spanset.offset, fmt::format("{{ {} }} is no condition: it is neither true nor false",
                                                 spanset.filter->to_string()));
    }
    return {};
  }

  Result<void> check_spanset(SpansetExpr& spanset) {
    switch (spanset.kind) {
      case SpansetExpr::Kind::filter:
        return check_filter(spanset);
      case SpansetExpr::Kind::pipeline:
        return check_pipeline(*spanset.pipeline);
      case SpansetExpr::Kind::operation:
        break;
    }
    OBELISK_CHECK_OK(check_spanset(*spanset.left));
    return check_spanset(*spanset.right);
  }

  Result<void> check_scalar(ScalarExpr& scalar) {
    switch (scalar.kind) {
      case ScalarExpr::Kind::literal:
        if (!scalar.literal.view().is_number())
          return invalid(scalar.offset,
                         "an aggregate is a number: it cannot be compared with another kind of value");
        return {};
      case ScalarExpr::Kind::pipeline:
        OBELISK_CHECK_OK(check_pipeline(*scalar.pipeline));
        break;
      case ScalarExpr::Kind::operation:
        OBELISK_CHECK_OK(check_scalar(*scalar.left));
        return check_scalar(*scalar.right);
      case ScalarExpr::Kind::aggregate:
        break;
    }
    if (!scalar.argument) return {};
    OBELISK_TRY(StaticType type, check_field(*scalar.argument));
    if (!fits(type, StaticType::number))
      return invalid(scalar.offset, scalar.to_string() + " needs a number");
    if (!refers_to_span(*scalar.argument))
      return invalid(scalar.offset, scalar.to_string() + " must refer to the span");
    return {};
  }

  Result<void> check_stage(Stage& stage) {
    switch (stage.kind) {
      case Stage::Kind::spanset:
        return check_spanset(*stage.spanset);
      case Stage::Kind::coalesce:
        return {};
      case Stage::Kind::select:
        for (FieldExprPtr& selected : stage.selected) {
          OBELISK_TRY([[maybe_unused]] StaticType type, check_attribute(*selected));
        }
        return {};
      case Stage::Kind::group: {
        OBELISK_TRY([[maybe_unused]] StaticType type, check_field(*stage.group));
        if (!refers_to_span(*stage.group)) {
          return invalid(stage.offset,
                         fmt::format("by({}) must refer to the span", stage.group->to_string()));
        }
        return {};
      }
      case Stage::Kind::scalar_filter:
        break;
    }
    OBELISK_CHECK_OK(check_scalar(*stage.left));
    return check_scalar(*stage.right);
  }

  Result<void> check_pipeline(Pipeline& pipeline) {
    for (Stage& stage : pipeline.stages) OBELISK_CHECK_OK(check_stage(stage));
    return {};
  }

  Result<void> check_metrics(MetricsExpr& metrics, bool inside_arithmetic) {
    for (const MetricsStage& stage : metrics.stages) {
      if (stage.kind != MetricsStage::Kind::threshold && stage.count <= 0) {
        return invalid(stage.offset, "topk and bottomk need a number above 0");
      }
    }
    if (metrics.kind == MetricsExpr::Kind::number) return {};
    if (metrics.kind == MetricsExpr::Kind::operation) {
      OBELISK_CHECK_OK(check_metrics(*metrics.left, true));
      return check_metrics(*metrics.right, true);
    }
    OBELISK_CHECK_OK(check_pipeline(*metrics.pipeline));
    for (FieldExprPtr& attribute : metrics.by) {
      OBELISK_TRY([[maybe_unused]] StaticType type, check_attribute(*attribute));
    }
    if (metrics.function == MetricsFunction::compare) return check_compare(metrics, inside_arithmetic);
    if (!metrics.argument) return {};
    OBELISK_TRY(StaticType type, check_attribute(*metrics.argument));
    if (!fits(type, StaticType::number)) {
      return invalid(metrics.offset,
                     fmt::format("{} needs a number", metrics_function_name(metrics.function)));
    }
    for (double quantile : metrics.quantiles) {
      if (quantile < 0 || quantile > 1) return invalid(metrics.offset, "a quantile lies between 0 and 1");
    }
    return {};
  }

  Result<void> check_compare(MetricsExpr& metrics, bool inside_arithmetic) {
    OBELISK_CHECK_OK(check_filter(*metrics.selection));
    if (metrics.top < 1 || metrics.top > 1000)
      return invalid(metrics.offset, "compare() shows 1 to 1000 values");
    if (metrics.selection_range && metrics.selection_range->begin >= metrics.selection_range->end) {
      return invalid(metrics.offset, "compare() needs a start before its end");
    }
    if (!metrics.stages.empty()) return invalid(metrics.stages[0].offset, "compare() takes no second stage");
    if (inside_arithmetic) return invalid(metrics.offset, "compare() takes no part in arithmetic");
    return {};
  }

  Query& query_;
  std::string_view text_;
};

}  // namespace

Result<void> validate(Query& query, std::string_view text) {
  return Validator(query, text).run();
}

Result<Query> prepare(std::string_view text) {
  OBELISK_TRY(Query query, parse(text));
  OBELISK_CHECK_OK(validate(query, text));
  return query;
}

}  // namespace obelisk::traceql
