#include "wire/protobuf.h"

#include <fmt/format.h>

#include <protozero/exception.hpp>

namespace obelisk::protobuf {

Error malformed_error(std::string_view format, std::string_view body, const Place& place,
                      const Malformed& problem) {
  // A place outside the body (an empty message has no address of its own) counts as its start.
  bool inside = place.at >= body.data() && place.at <= body.data() + body.size();
  uint64_t offset = inside ? static_cast<uint64_t>(place.at - body.data()) : 0;
  Error error = make_error(problem.code,
                           fmt::format("{}: {}, in the message at byte {}", format, problem.reason, offset));
  error.position = Position{offset, 1, static_cast<uint32_t>(offset + 1)};
  return error;
}

Malformed describe(const protozero::exception& exception) {
  if (dynamic_cast<const protozero::end_of_buffer_exception*>(&exception) != nullptr) {
    return {"unexpected end of the input"};
  }
  if (dynamic_cast<const protozero::varint_too_long_exception*>(&exception) != nullptr) {
    return {"a varint is longer than ten bytes"};
  }
  if (dynamic_cast<const protozero::unknown_pbf_wire_type_exception*>(&exception) != nullptr) {
    return {"unknown wire type"};
  }
  if (dynamic_cast<const protozero::invalid_tag_exception*>(&exception) != nullptr)
    return {"invalid field number"};
  if (dynamic_cast<const protozero::invalid_length_exception*>(&exception) != nullptr) {
    return {"a packed field has a length that is no multiple of its values"};
  }
  return {exception.what()};
}

}  // namespace obelisk::protobuf
