#pragma once
// Attributes as labels of derived series: own dimensions (an attribute each, of the resource, then of the
// span) and mappings (several attributes joined under a name). Label names are Prometheus'; one that is
// already a label of the metrics gets "__" in front. Bound to one batch, which must outlive it.
#include <string>
#include <string_view>
#include <vector>

#include "query/core/attribute_columns.h"

namespace obelisk {

struct DimensionMapping {
  std::string name;
  std::vector<std::string> source_labels;  // attributes; those that are there are joined
  std::string join;
};

// The label that an attribute becomes, given the names that are taken.
std::string dimension_label(std::string_view attribute, const std::vector<std::string_view>& taken);

class SpanDimensions {
 public:
  SpanDimensions(const std::vector<std::string>& dimensions, const std::vector<DimensionMapping>& mappings,
                 const Batch& spans);
  size_t size() const { return values_.size(); }
  // Appends the values of a row to `out`, dimensions first, each ended by a NUL.
  void append(size_t row, std::string& out) const;
  // The values of a row in order; empty texts where there is none.
  std::vector<std::string> values(size_t row) const;

 private:
  struct Value {
    std::vector<AttributeColumns> sources;
    std::string_view join;
  };
  static void append_value(const Value& value, size_t row, std::string& out);
  std::vector<Value> values_;
};

}  // namespace obelisk
