#pragma once
// Messages of two texts, {1 name or key, 2 value}: labels, and entries of protobuf's map<string, string>.
// Included by .cc files only, inside decode_guarded. The views point into the message.
#include <string>
#include <string_view>
#include <utility>

#include "wire/protobuf.h"

namespace obelisk::protobuf {

struct TextPair {
  std::string_view name, value;
};

inline TextPair text_pair_of(std::string_view message) {
  TextPair pair;
  Reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case length_field(1):
        pair.name = string_of(reader);
        break;
      case length_field(2):
        pair.value = string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return pair;
}

inline std::pair<std::string, std::string> text_entry_of(std::string_view message) {
  TextPair pair = text_pair_of(message);
  return {std::string(pair.name), std::string(pair.value)};
}

}  // namespace obelisk::protobuf
