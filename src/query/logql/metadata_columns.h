#pragma once
// What LogQL shows of a row beside its line and its stream: structured metadata, derived from the row's
// columns.
// * every row: its attributes, whatever their type, as text;
// * rows that came by OTLP (column::kOrigin 1) also: resource attributes that are no stream labels,
// attributes of the
//   instrumentation scope, and the record's own fields: trace_id, span_id, severity_number, severity_text,
//   flags, observed_timestamp, event_name, scope_name, scope_version, dropped_attributes_count. Zero and
//   empty fields are absent.
// Maps flatten with `_`, arrays are JSON. Names: characters outside [a-zA-Z0-9_] become `_`, a leading digit
// gets "key_".
#include <string>
#include <vector>

#include "plan/batch.h"
#include "query/logql/label_demand.h"
#include "query/logql/row_labels.h"

namespace obelisk::logql {

std::string metadata_name(std::string_view column_name);
// The name under which a column can appear; empty when it is never metadata.
std::string metadata_name_of(const ColumnId& id);

class MetadataColumns {
 public:
  // Columns whose label nobody asks for are left out. The batch must outlive this.
  MetadataColumns(const Batch& batch, const LabelDemand& demand);

  bool empty() const { return columns_.empty(); }
  // Adds the row's metadata; `labels` has begun with the row's stream.
  void add_to(RowLabels& labels, size_t row) const;

 private:
  struct Column {
    const ColumnData* data = nullptr;
    std::string name;
    bool otlp_only = false;
    bool skips_zero = false;
  };
  void add_value(RowLabels& labels, const Column& column, size_t row) const;

  std::vector<Column> columns_;
  const ColumnData* origin_ = nullptr;
};

// Whether a label of this name, or its suffixed form, is asked for.
bool wants_metadata(const LabelDemand& demand, std::string_view name);

}  // namespace obelisk::logql
