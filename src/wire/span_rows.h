#pragma once
// Rows of spans put back into the nesting of traces: resource, scope, span. Used by the encoders inside wire/
// only. Views point into the batches.
#include <span>
#include <vector>

#include "plan/batch.h"
#include "wire/any_value.h"

namespace obelisk {

// A value that is present; bytes of a trace id.
AnyValueView value_at(const ColumnData& data, size_t row);

struct SpanRow {
  const Batch* batch = nullptr;
  size_t row = 0;

  // Zero, empty or none where the row has no value.
  int64_t integer(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  TraceId trace_id() const;
  UnixNanos time() const { return UnixNanos{batch->times()[row]}; }
  // The attributes of one scope, sorted by name.
  std::vector<AttributeView> attributes(Scope scope) const;
};

struct ScopeGroup {
  std::vector<SpanRow> spans;  // all with the scope of the first
};

struct ResourceGroup {
  std::vector<ScopeGroup> scopes;  // all with the resource of the first span
  const SpanRow& first() const { return scopes.front().spans.front(); }
};

// Groups in the order of their first row.
std::vector<ResourceGroup> group_spans(std::span<const BatchPtr> batches);

}  // namespace obelisk
