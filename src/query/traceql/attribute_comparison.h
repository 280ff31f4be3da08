#pragma once
// What sets some spans apart from the others: for every value of every attribute how many of the selected
// spans and how many of the rest have it, exactly, ranked by how much the two shares differ (Cohen's h, the
// difference of their arcsines, which weighs 1 % against 3 % as it should). Attributes of every scope of a
// span, of any number of distinct values. A span that was sent twice counts once.
//
// Of an attribute with more than kComparedValuesMax distinct values those that are frequent among the
// selected or among all spans are looked at; of the others, and of those that are frequent on one side and
// too rare on the other to tell, h is below 0.07.
#include <string>
#include <vector>

#include "query/traceql/engine.h"

namespace obelisk::traceql {

inline constexpr uint64_t kComparedValuesMax = 1000;

struct ComparedValue {
  std::string attribute;  // as it is written in a query
  std::string_view type;  // as TagValue::type
  std::string value;
  uint64_t selected = 0;  // spans
  uint64_t others = 0;
  double effect = 0;         // h: above 0 when it is more frequent among the selected
  bool significant = false;  // h differs from 0 at the 95 % level
};

struct AttributeComparison {
  uint64_t selected = 0;  // spans
  uint64_t others = 0;
  uint64_t compared = 0;              // values, before the limit
  std::vector<ComparedValue> values;  // largest effect first
};

// `of` and `selection`: a spanset filter each; the selected are the spans of `of` that fit both. unsupported
// when a filter asks for more than attributes and intrinsics of the span itself.
Result<AttributeComparison> compare_attributes(const QueryContext& context, std::string_view of,
                                               std::string_view selection, TimeRange range, uint64_t limit);

}  // namespace obelisk::traceql
