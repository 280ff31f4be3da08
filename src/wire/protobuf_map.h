#pragma once
// Entries of protobuf maps. Included by .cc files only, inside decode_guarded.
#include <string>
#include <utility>

#include "wire/protobuf.h"

namespace obelisk::protobuf {

// An entry of a map<string, string>: {1 key, 2 value}.
inline std::pair<std::string, std::string> text_entry_of(std::string_view message) {
  std::pair<std::string, std::string> entry;
  Reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case length_field(1):
        entry.first = string_of(reader);
        break;
      case length_field(2):
        entry.second = string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return entry;
}

}  // namespace obelisk::protobuf
