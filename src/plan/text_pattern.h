#pragma once
// The pattern of a text: its words, where `<_>` stands for each that has a digit, and what is between them as
// it is. A pure function of the text, so that whoever groups texts by it, row by row or by the templates that
// a store keeps, gets the same groups: two texts are of one kind when their patterns are equal.
//
// A word is a run of bytes other than white space and = , ; ( ) [ ] { } < > " ' |. A colon belongs to a word
// (12:30, fe80::1) unless it begins it ("key":5). A word behind `<` is `<_>` too: `<name>` would read as a
// capture. Texts are looked at up to kTextBytesMax and kWordsMax words; what follows is one `<_>`.
//
// A skeleton is a text in which runs of letters and digits that have a digit, and longer pieces made of such
// runs without a separator, were replaced by bytes 1 to 3 (storage/embedded/events/message/tokenizer.h): it
// has the pattern of its text. One thread an object.
#include <string>
#include <string_view>
#include <vector>

namespace obelisk {

inline constexpr std::string_view kPatternVaries = "<_>";

struct PatternWords {
  static constexpr size_t kTextBytesMax = 8192;  // longer texts are documents rather than messages
  static constexpr size_t kWordsMax = 200;

  std::vector<std::string_view> words;  // kPatternVaries where they vary
  std::vector<std::string_view> gaps;   // before each word, and behind the last

  void cut_text(std::string_view text);
  void cut_skeleton(std::string_view skeleton);
  // Of a pattern: its `<_>` are words.
  void cut_pattern(std::string_view pattern);
};

class TextPattern {
 public:
  // Valid until the next call.
  std::string_view of_text(std::string_view text);
  std::string_view of_skeleton(std::string_view skeleton);

 private:
  std::string_view join();

  PatternWords cut_;
  std::string text_;
};

// Puts words and gaps together. Two `<_>` never touch: "<_><_>" says no more than "<_>".
std::string join_pattern(const std::vector<std::string>& words, const std::vector<std::string>& gaps);

}  // namespace obelisk
