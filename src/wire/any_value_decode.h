#pragma once
// Decoding of AnyValue and KeyValue on the way in: used by the OTLP decoders, inside protobuf::decode_guarded
// (they throw what it catches). Readers of stored bytes use any_value.h.
#include "plan/batch.h"
#include "wire/any_value.h"

namespace obelisk {

// The value without looking into arrays and maps: those, and an unset value, come back as ColumnType::any
// with the message's bytes. Of several members the last counts.
AnyValueView decode_any_value(std::string_view message);

AttributeView decode_key_value(std::string_view message);

// Walks a whole AnyValue and throws protobuf::Malformed when it nests deeper than kAnyValueDepthMax.
void check_any_value(std::string_view message, int depth = 0);

// decode_key_value, with arrays and maps checked.
AttributeView decode_attribute(std::string_view message);

// Puts an attribute into the builder's current row, in the column of its type.
void set_attribute(BatchBuilder& rows, Scope scope, const AttributeView& attribute);

}  // namespace obelisk
