#pragma once
// Looks attributes of spans up by name, as text or number; columns are found once a batch, which must outlive
// this. Not thread safe.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class AttributeColumns {
 public:
  enum class Where : uint8_t { span, resource, resource_then_span, span_then_resource };
  AttributeColumns(const Batch& spans, std::span<const std::string> names, Where where = Where::span);
  AttributeColumns(const Batch& spans, const std::string& name, Where where = Where::span)
      : AttributeColumns(spans, std::span(&name, 1), where) {}

  // The first value that is there and not empty: names in the order they were given, then scopes.
  std::string first_of(size_t row) const;
  // The same at the end of `out`; false, and nothing added, when there is none.
  bool append_first_of(size_t row, std::string& out) const;
  std::optional<double> first_number_of(size_t row) const;
  bool empty() const { return columns_.empty(); }

 private:
  std::vector<const ColumnData*> columns_;
};

}  // namespace obelisk
