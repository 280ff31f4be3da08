#pragma once
// The structured filter of Jaeger's search (package jaeger.expression.v1, RFC 0005): a tree of calls over
// references and constants, in JSON or protobuf, and the same as a condition of TraceQL.
//
// What the condition means: an attribute without a level is the span's or the resource's; a comparison with
// an absent value is false, only `not` turns that; ne and not_in hold when there is a value and none matches;
// a constant without a type is matched as every type that its text can be. regex is found anywhere in a text,
// phrase and fulltext are words of letters and digits in any case.
// Refused by name (unsupported): fields that spans here cannot be asked for (times of day, trace states,
// schema URLs), two constants, and `some` with more than one comparison, which would have to hold on one
// event or link. Pure functions. Bounds: kFilterNodesMax nodes, kFilterDepthMax levels.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::jaeger {

inline constexpr size_t kFilterNodesMax = 1000;
inline constexpr size_t kFilterDepthMax = 32;  // a level takes up to four of TraceQL's

// What a reference may stand at, and the operators.
inline constexpr std::string_view kFilterLevels[] = {"span", "resource", "scope", "event", "link"};
inline constexpr std::string_view kFilterOperators[] = {
    "and", "or", "not",    "eq",    "ne",     "gt",     "lt",       "gte",
    "lte", "in", "not_in", "regex", "exists", "phrase", "fulltext", "some"};

struct FilterNode {
  enum class Kind : uint8_t { attribute, field, nested, scalar, list, call };
  Kind kind = Kind::call;
  std::string text;                 // key, name, value, or operator
  std::string level;                // of references
  std::string type;                 // of constants: string, int, double, bool, or none
  std::vector<std::string> values;  // list
  std::vector<FilterNode> arguments;
};

Result<FilterNode> filter_of_json(std::string_view json);
Result<FilterNode> filter_of_protobuf(std::string_view message);  // a Call
// The condition without braces.
Result<std::string> condition_of_filter(const FilterNode& filter);

}  // namespace obelisk::jaeger
