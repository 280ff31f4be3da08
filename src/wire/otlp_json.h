#pragma once
// OTLP's JSON form, turned into the protobuf form, which the other decoders read: one set of rules for both.
// Differences from protobuf's own JSON mapping, as OTLP defines them: trace and span ids are hexadecimal in
// any case; enums are numbers only; keys are lowerCamelCase only; unknown keys are ignored; 64-bit integers
// are read from strings and numbers. Null counts as absent. The whole document is parsed (simdjson) before
// anything is built: memory is a few times the body. Nesting is bounded by kOtlpJsonDepthMax. Errors name the
// place: "resourceSpans[0].scopeSpans[0].spans[3].traceId". Thread safe.
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

enum class OtlpSignal : uint8_t { traces, logs, metrics };

// An AnyValue costs three levels of JSON for one of its own.
inline constexpr int kOtlpJsonDepthMax = 256;

// The bytes of the export request of that signal.
Result<std::shared_ptr<const std::string>> otlp_json_to_protobuf(OtlpSignal signal, std::string_view json);

}  // namespace obelisk
