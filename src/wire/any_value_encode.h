#pragma once
// AnyValue on the way out, and on its way into a column. Included by .cc files of wire only.
#include <protozero/pbf_writer.hpp>

#include "wire/any_value.h"

namespace obelisk {

// Field `number` of `out` becomes `value`: an AnyValue message.
inline void add_any_value(protozero::pbf_writer& out, uint32_t number, const AnyValueView& value) {
  if (value.type == ColumnType::any) {
    out.add_message(number, value.text.data(), value.text.size());
    return;
  }
  protozero::pbf_writer any(out, number);
  switch (value.type) {
    case ColumnType::boolean:
      any.add_bool(2, value.integer != 0);
      break;
    case ColumnType::int64:
      any.add_int64(3, value.integer);
      break;
    case ColumnType::float64:
      any.add_double(4, value.number);
      break;
    case ColumnType::bytes:
      any.add_bytes(7, value.text.data(), value.text.size());
      break;
    default:
      any.add_string(1, value.text.data(), value.text.size());
  }
}

}  // namespace obelisk
