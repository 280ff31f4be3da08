#pragma once
// Reads the attributes of a query from the rows of a batch. Each attribute has a slot; bind() looks the
// columns up once a batch, so that reading a value is a test and a load. An attribute without a scope is the
// span's, else the resource's. Attributes of events and links, and arrays, are lists; a list of one is that
// value. Of several columns with one name the first that the row has counts. Not thread safe. Values point
// into the batch or into scratch space that lives until clear_scratch().
#include <deque>
#include <string>
#include <vector>

#include "plan/batch.h"
#include "query/traceql/ast.h"
#include "query/traceql/trace_tree.h"
#include "wire/any_value.h"

namespace obelisk::traceql {

class AttributeReader {
 public:
  explicit AttributeReader(const std::vector<Attribute>& attributes) : attributes_(attributes) {}

  // `tree` may be null when no attribute needs it (is_trace_level); else it belongs to the batch and is
  // linked (and measured) when a slot needs that.
  void bind(const Batch& batch);
  // Says when another batch is read. Its address does not: the next batch may lie where the last one lay.
  uint64_t bound_batches() const { return bound_batches_; }
  void set_trace(const TraceTree* tree) { tree_ = tree; }
  // `span` is a number of the tree; `row` a row of the batch.
  Value read_span(size_t slot, uint32_t span) { return read(slot, tree_->row(span), span); }
  Value read_row(size_t slot, uint32_t row) { return read(slot, row, kNoSpan); }
  void clear_scratch();

 private:
  Value read(size_t slot, uint32_t row, uint32_t span);
  Value read_columns(const std::vector<const ColumnData*>& columns, uint32_t row);
  Value read_intrinsic(const Attribute& attribute, const std::vector<const ColumnData*>& columns,
                       uint32_t row, uint32_t span);
  Value read_trace_level(Intrinsic intrinsic, uint32_t span);
  Value read_durations(const std::vector<const ColumnData*>& columns, uint32_t row);
  void add_elements(const AnyValueView& view, std::vector<Value>& values);
  Value value_of_list(std::vector<Value> values);
  Value keep_text(std::string text);

  uint64_t bound_batches_ = 0;
  const std::vector<Attribute>& attributes_;
  const Batch* batch_ = nullptr;
  const TraceTree* tree_ = nullptr;
  std::vector<std::vector<const ColumnData*>> columns_;  // one entry a slot
  const ColumnData* root_name_ = nullptr;
  std::vector<const ColumnData*> service_names_;
  std::deque<std::vector<Value>> lists_;
  std::deque<std::string> texts_;
};

// Whether the value depends on other spans of the trace.
bool is_trace_level(const Attribute& attribute);
// Whether reading needs TraceTree::link(), and TraceTree::measure().
bool needs_links(const Attribute& attribute);
bool needs_measures(Intrinsic intrinsic);
// The columns that reading the attribute needs.
void add_columns(const Attribute& attribute, std::vector<ColumnId>& columns);
// The fixed column of an intrinsic of the span; empty for the others.
std::string_view fixed_column_of(Intrinsic intrinsic);

// An integer column's value, 0 when the batch or the row lacks it; the same for texts.
int64_t int_at(const ColumnData* data, uint32_t row);
std::string_view text_at(const ColumnData* data, uint32_t row);

// What Tempo shows instead of the service while the root span is missing.
inline constexpr std::string_view kRootNotReceived = "<root span not yet received>";

}  // namespace obelisk::traceql
