#include "api/request/column_text.h"

#include <fmt/format.h>

#include "base/text.h"

namespace obelisk {

std::string column_text(const ColumnData& data, size_t row) {
  switch (data.type) {
    case ColumnType::boolean:
      return data.ints[row] != 0 ? "true" : "false";
    case ColumnType::int64:
      return fmt::format("{}", data.ints[row]);
    case ColumnType::float64:
      return format_sample_value(data.floats[row]);
    case ColumnType::trace_id:
      return data.trace_ids[row].to_hex();
    case ColumnType::bytes:
    case ColumnType::any:
      return to_hex(data.strings[row]);
    case ColumnType::string:
      break;
  }
  return std::string(data.strings[row]);
}

}  // namespace obelisk
