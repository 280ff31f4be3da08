#pragma once
// The worked examples of docs/formats/*.md as bytes, so that a test can give them to the real reader. A line
// of a
// ```hexdump block is an offset, two spaces, bytes in hexadecimal, and optionally two spaces and a remark.
#include <fmt/format.h>

#include <fstream>
#include <string>

#include "base/text.h"

namespace obelisk {

// The bytes of the first block after the heading `heading` of `document`; empty when there is none.
inline std::string bytes_of_document(const std::string& document, const std::string& heading) {
  std::ifstream file(document);
  std::string line, bytes;
  bool in_section = false, inside = false;
  while (std::getline(file, line)) {
    if (inside && line == "```") return bytes;
    if (inside) {
      size_t begin = line.find("  ");
      if (begin == std::string::npos) continue;
      std::string row = line.substr(begin + 2);
      row = row.substr(0, row.find("  "));
      std::erase(row, ' ');
      bytes += from_hex(row).value_or("");
    }
    in_section |= line == heading;
    inside |= in_section && line == "```hexdump";
  }
  return bytes;
}

// `bytes` as such a block, for the message of a test whose document is out of date.
inline std::string hexdump_text(std::string_view bytes) {
  std::string out = "```hexdump\n";
  for (size_t at = 0; at < bytes.size(); at += 16) {
    out += fmt::format("{:04x} ", at);
    for (char byte : bytes.substr(at, 16)) out += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
    out += '\n';
  }
  return out + "```\n";
}

}  // namespace obelisk
