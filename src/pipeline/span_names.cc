#include "pipeline/span_names.h"

#include <algorithm>
#include <vector>

namespace obelisk {
namespace {

constexpr std::string_view kSeparators = " \t\n\r/?&=,;:()[]";

bool is_separator(char c) {
  return kSeparators.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_uuid(std::string_view word) {
  if (word.size() != 36) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? word[i] != '-' : !is_hex(word[i])) return false;
  }
  return true;
}

// The words of a name, and what stands before each and behind the last.
struct Words {
  std::vector<std::string_view> words;
  std::vector<std::string_view> gaps;
  bool cut = false;

  explicit Words(std::string_view name) {
    cut = name.size() > SpanNames::kBytesMax;
    name = name.substr(0, SpanNames::kBytesMax);
    while (true) {
      size_t gap = std::min(
          static_cast<size_t>(std::find_if_not(name.begin(), name.end(), is_separator) - name.begin()),
          name.size());
      gaps.push_back(name.substr(0, gap));
      name.remove_prefix(gap);
      if (name.empty()) return;
      if (words.size() == SpanNames::kWordsMax) {
        cut = true;
        return;
      }
      auto end = std::find_if(name.begin(), name.end(), is_separator);
      words.push_back(name.substr(0, static_cast<size_t>(end - name.begin())));
      name.remove_prefix(words.back().size());
    }
  }
};

}  // namespace

bool is_id_word(std::string_view word) {
  auto digits = static_cast<size_t>(std::count_if(word.begin(), word.end(), is_digit));
  if (digits == 0) return false;
  if (digits == word.size() || is_uuid(word)) return true;
  if (word.size() >= 8 && std::all_of(word.begin(), word.end(), is_hex)) return true;
  return word.size() >= 12 && digits >= 4 && std::all_of(word.begin(), word.end(), is_alphanumeric);
}

SpanNames::Node& SpanNames::varying_of(Tree& tree, Node& node) {
  if (!node.varying) {
    node.varying = std::make_unique<Node>();
    ++tree.nodes;
  }
  return *node.varying;
}

SpanNames::Node& SpanNames::next_of(Tree& tree, Node& node, std::string_view word) {
  if (is_id_word(word)) return varying_of(tree, node);
  auto found = node.literals.find(word);
  if (found != node.literals.end()) return *found->second;
  if (node.literals.size() >= kValuesMax || tree.nodes >= kNodesMax) return varying_of(tree, node);
  ++tree.nodes;
  return *node.literals.emplace(word, std::make_unique<Node>()).first->second;
}

std::string_view SpanNames::pattern_of(const Tenant& tenant, std::string_view name) {
  Words cut(name);
  if (cut.words.empty()) return name;
  MutexLock lock(mutex_);
  Tree& tree = trees_[tenant];
  Node* node = &tree.by_length[cut.words.size()];
  std::string pattern;
  for (size_t i = 0; i < cut.words.size(); ++i) {
    Node& next = next_of(tree, *node, cut.words[i]);
    pattern.append(cut.gaps[i]).append(&next == node->varying.get() ? kVaryingWord : cut.words[i]);
    node = &next;
  }
  pattern.append(cut.gaps.back());
  if (cut.cut) pattern.append(kVaryingWord);
  // Names of the same words with other separators between them are one.
  if (node->pattern.empty()) node->pattern = std::move(pattern);
  return node->pattern;
}

}  // namespace obelisk
