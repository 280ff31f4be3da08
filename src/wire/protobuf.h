#pragma once
// What every protobuf decoder and encoder here shares: constants for field keys, and a guard that turns what
// goes wrong inside into one Error with a byte position. Included by .cc files only.
//
// How a decoder is written: it switches over protozero's tag_and_type() with the constants below, so that a
// known field with an unexpected wire type is skipped like an unknown one, as protobuf's rules ask, and never
// trips an assertion. It sets Place::at when it enters a message; the error names that place. Lengths are
// checked by protozero before anything is read; nothing is allocated by a length that was only claimed.
// Recursion (AnyValue) is bounded by kAnyValueDepthMax. Groups (wire types 3 and 4) are refused. Exceptions
// (protozero's, and Malformed) live only between the decoder's functions and decode_guarded.
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk::protobuf {

using Reader = protozero::pbf_reader;

constexpr uint32_t varint_field(uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::varint);
}
constexpr uint32_t fixed64_field(uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::fixed64);
}
constexpr uint32_t fixed32_field(uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::fixed32);
}
constexpr uint32_t length_field(uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::length_delimited);
}

inline std::string_view string_of(Reader& reader) {
  protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

inline Reader reader_of(std::string_view bytes) {
  return Reader(bytes.data(), bytes.size());
}

// Where the decoder is: the start of the innermost message it entered.
struct Place {
  const char* at = nullptr;
  void enter(std::string_view message) { at = message.data(); }
};

// Thrown by decoders for what protozero does not see (nesting too deep, a bound).
struct Malformed {
  std::string reason;
  ErrorCode code = ErrorCode::invalid_argument;
};

// "OTLP traces: unexpected end of the input, in the message at byte 120".
Error malformed_error(std::string_view format, std::string_view body, const Place& place,
                      const Malformed& problem);
// What protozero's exceptions mean in words.
Malformed describe(const protozero::exception& exception);

// Runs `decode`; whatever it throws becomes an Error with the byte offset of `place`.
template <typename Decode>
Result<void> decode_guarded(std::string_view format, std::string_view body, Place& place, Decode&& decode) {
  place.at = body.data();
  try {
    decode();
    return {};
  } catch (const protozero::exception& exception) {
    return malformed_error(format, body, place, describe(exception));
  } catch (const Malformed& problem) {
    return malformed_error(format, body, place, problem);
  }
}

}  // namespace obelisk::protobuf
