#pragma once
// Runs a decoder of Thrift (position(), finish()); what goes wrong inside becomes one Error that names the
// format and how far it was read. Included by .cc files only.
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/protobuf.h"

namespace obelisk {

template <typename Decoder, typename Read>
auto guarded_thrift(std::string_view format, Decoder& decoder, Read read)
    -> Result<decltype(decoder.finish())> {
  try {
    read(decoder);
    return decoder.finish();
  } catch (const protobuf::Malformed& problem) {
    return make_error(problem.code, std::string(format) + ": " + problem.reason + ", read up to byte " +
                                        std::to_string(decoder.position()));
  }
}

}  // namespace obelisk
