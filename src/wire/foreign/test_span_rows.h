#pragma once
// Reads decoded spans back by column, for tests. Not part of the server.
#include <gtest/gtest.h>

#include <string>

#include "wire/any_value.h"
#include "wire/events_and_links.h"
#include "wire/otlp_traces.h"

namespace obelisk {

inline DecodedTraces decoded_or_fail(Result<DecodedTraces> result) {
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
  return result.ok() ? std::move(result).value() : DecodedTraces{};
}

// The value of a column in a row as text; "(absent)".
inline std::string cell(const Batch& batch, Scope scope, const std::string& name, size_t row) {
  for (const ColumnData& data : batch.columns) {
    if (data.id != ColumnId{scope, name} || !data.is_present(row)) continue;
    switch (data.type) {
      case ColumnType::float64:
        return std::to_string(data.floats[row]);
      case ColumnType::trace_id:
        return data.trace_ids[row].to_hex();
      case ColumnType::boolean:
        return data.ints[row] != 0 ? "true" : "false";
      case ColumnType::int64:
        return std::to_string(data.ints[row]);
      default:
        return std::string(data.strings[row]);
    }
  }
  return "(absent)";
}
inline std::string fixed(const Batch& batch, std::string_view name, size_t row) {
  return cell(batch, Scope::fixed, std::string(name), row);
}
inline std::string attribute(const Batch& batch, const std::string& name, size_t row) {
  return cell(batch, Scope::attribute, name, row);
}
inline std::string service(const Batch& batch, size_t row) {
  return cell(batch, Scope::resource, "service.name", row);
}
inline std::string span_hex(const Batch& batch, std::string_view column, size_t row) {
  std::string text = fixed(batch, column, row);
  return text == "(absent)" ? text : SpanId{static_cast<uint64_t>(std::stoll(text))}.to_hex();
}

}  // namespace obelisk
