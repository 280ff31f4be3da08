#include "plan/row_copy.h"

#include <algorithm>

namespace obelisk {

bool RowCopier::is_wanted(const ColumnId& id) const {
  return wanted_ == nullptr || std::find(wanted_->begin(), wanted_->end(), id) != wanted_->end();
}

void RowCopier::copy(const Batch& source, size_t row) {
  target_.add_row(UnixNanos{source.times()[row]});
  for (const ColumnData& data : source.columns) {
    if (!data.is_present(row)) continue;
    if (data.id.scope == Scope::fixed && data.id.name == column::kTime) continue;
    if (!is_wanted(data.id)) continue;
    switch (data.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        target_.set_int(data.id.scope, data.id.name, data.ints[row], data.type);
        break;
      case ColumnType::float64:
        target_.set_float(data.id.scope, data.id.name, data.floats[row]);
        break;
      case ColumnType::trace_id:
        target_.set_trace_id(data.id.scope, data.id.name, data.trace_ids[row]);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any: {
        std::string_view text = data.strings[row];
        if (copy_strings_) text = target_.arena().copy(text);
        target_.set_string(data.id.scope, data.id.name, text, data.type);
        break;
      }
    }
  }
}

}  // namespace obelisk
