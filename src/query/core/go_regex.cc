#include "query/core/go_regex.h"

#include <re2/re2.h>

#include "base/text.h"
#include "query/core/utf8_runes.h"

namespace obelisk {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view group_of(std::string_view name, const std::vector<std::string_view>& groups,
                          const std::vector<std::string>& group_names) {
  if (std::optional<uint64_t> index = parse_uint64(name); index && name[0] != '+') {
    return *index < groups.size() ? groups[*index] : std::string_view();
  }
  for (size_t i = 0; i < group_names.size(); ++i) {
    if (group_names[i] == name && i + 1 < groups.size() && groups[i + 1].data() != nullptr)
      return groups[i + 1];
  }
  return {};
}

}  // namespace

std::string expand_go_replacement(std::string_view replacement, const std::vector<std::string_view>& groups,
                                  const std::vector<std::string>& group_names) {
  std::string out;
  for (size_t i = 0; i < replacement.size();) {
    if (replacement[i] != '$' || i + 1 >= replacement.size()) {
      out += replacement[i++];
      continue;
    }
    if (replacement[i + 1] == '$') {
      out += '$';
      i += 2;
      continue;
    }
    bool braced = replacement[i + 1] == '{';
    size_t begin = i + (braced ? 2 : 1);
    size_t end = begin;
    while (end < replacement.size() && is_word(replacement[end])) ++end;
    if (end == begin || (braced && (end >= replacement.size() || replacement[end] != '}'))) {
      out += replacement[i++];  // malformed: the dollar stands for itself
      continue;
    }
    out += group_of(replacement.substr(begin, end - begin), groups, group_names);
    i = end + (braced ? 1 : 0);
  }
  return out;
}

std::string replace_all_matches(const Regex& regex, std::string_view text, std::string_view replacement,
                                bool literal, size_t bytes_max) {
  std::string out;
  std::vector<re2::StringPiece> pieces(regex.group_names().size() + 1);
  std::vector<std::string_view> groups(pieces.size());
  re2::StringPiece whole(text.data(), text.size());
  size_t at = 0;
  bool after_match = false;  // an empty match right behind a match does not count
  while (at <= text.size() && out.size() < bytes_max) {
    if (!regex.re2().Match(whole, at, text.size(), RE2::UNANCHORED, pieces.data(),
                           static_cast<int>(pieces.size())))
      break;
    size_t begin = static_cast<size_t>(pieces[0].data() - text.data());
    size_t end = begin + pieces[0].size();
    out += text.substr(at, begin - at);
    if (!(after_match && begin == end && begin == at)) {
      if (literal) {
        out += replacement;
      } else {
        for (size_t i = 0; i < pieces.size(); ++i) groups[i] = {pieces[i].data(), pieces[i].size()};
        out += expand_go_replacement(replacement, groups, regex.group_names());
      }
    }
    after_match = true;
    if (end > begin) {
      at = end;
      continue;
    }
    if (end >= text.size()) {
      at = text.size() + 1;
      break;
    }
    size_t length = decode_rune(text.substr(end)).length;
    out += text.substr(end, length);
    at = end + length;
    after_match = false;
  }
  if (at < text.size()) out += text.substr(at);
  if (out.size() > bytes_max) out.resize(bytes_max);
  return out;
}

}  // namespace obelisk
