#include "plan/text_pattern.h"

#include <algorithm>
#include <array>

namespace obelisk {
namespace {

// What ends a word. '<' and '>' are among them, so that a pattern's own marks never stand inside a word.
constexpr std::array<bool, 256> separator_table() {
  std::array<bool, 256> table{};
  for (char c : std::string_view(" \t\n\r=,;()[]{}<>\"'|")) table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kSeparates = separator_table();

bool separates(char c) {
  return kSeparates[static_cast<uint8_t>(c)];
}

struct DigitVaries {
  bool operator()(char c) const { return c >= '0' && c <= '9'; }
};
struct MarkerVaries {
  bool operator()(char c) const { return c >= 1 && c <= 3; }
};
struct NothingVaries {
  bool operator()(char) const { return false; }
};

template <typename Varies>
void cut(std::string_view text, bool cut_short, bool is_pattern, PatternWords& out) {
  std::vector<std::string_view>&words = out.words, &gaps = out.gaps;
  words.clear();
  gaps.clear();
  size_t at = 0;
  for (;;) {
    size_t begin = at;
    auto varies_here = [&] { return is_pattern && text.substr(at).starts_with(kPatternVaries); };
    while (at < text.size() && (separates(text[at]) || text[at] == ':') && !varies_here()) ++at;
    gaps.push_back(text.substr(begin, at - begin));
    if (at == text.size()) break;
    if (words.size() + 1 == PatternWords::kWordsMax) {  // the rest is one word
      words.push_back(kPatternVaries);
      gaps.emplace_back();
      return;
    }
    if (varies_here()) {
      words.push_back(kPatternVaries);
      at += kPatternVaries.size();
      continue;
    }
    begin = at;
    bool varies = !is_pattern && gaps.back().ends_with('<');
    for (; at < text.size() && !separates(text[at]); ++at) varies = varies || Varies()(text[at]);
    words.push_back(varies ? kPatternVaries : text.substr(begin, at - begin));
  }
  if (!cut_short) return;
  words.push_back(kPatternVaries);
  gaps.emplace_back();
}

template <typename Word>
void join(const std::vector<Word>& words, const std::vector<Word>& gaps, std::string& out) {
  out.clear();
  for (size_t i = 0; i < words.size(); ++i) {
    bool touches = gaps[i].empty() && words[i] == kPatternVaries && out.ends_with(kPatternVaries);
    if (!touches) out.append(gaps[i]).append(words[i]);
  }
  out.append(gaps.back());
}

}  // namespace

void PatternWords::cut_text(std::string_view text) {
  cut<DigitVaries>(text.substr(0, kTextBytesMax), text.size() > kTextBytesMax, false, *this);
}

void PatternWords::cut_skeleton(std::string_view skeleton) {
  cut<MarkerVaries>(skeleton, false, false, *this);
}

void PatternWords::cut_pattern(std::string_view pattern) {
  cut<NothingVaries>(pattern, false, true, *this);
}

std::string_view TextPattern::of_text(std::string_view text) {
  cut_.cut_text(text);
  return join();
}

std::string_view TextPattern::of_skeleton(std::string_view skeleton) {
  cut_.cut_skeleton(skeleton);
  return join();
}

std::string_view TextPattern::join() {
  obelisk::join(cut_.words, cut_.gaps, text_);
  return text_;
}

std::string join_pattern(const std::vector<std::string>& words, const std::vector<std::string>& gaps) {
  std::string out;
  join(words, gaps, out);
  return out;
}

}  // namespace obelisk
