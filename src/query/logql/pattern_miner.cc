#include "query/logql/pattern_miner.h"

#include <algorithm>
#include <map>

#include "base/hash.h"

namespace obelisk::logql {
namespace {

constexpr std::string_view kVaries = "<_>";

// What ends a word. '<' and '>' are among them, so that a pattern's own marks never stand inside a word.
bool separates(char c) {
  switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '=':
    case ',':
    case ';':
    case '(':
    case ')':
    case '[':
    case ']':
    case '{':
    case '}':
    case '<':
    case '>':
    case '"':
    case '\'':
    case '|':
      return true;
    default:
      return false;
  }
}

bool has_digit(std::string_view word) {
  return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void PatternMiner::cut(std::string_view line) {
  words_.clear();
  gaps_.clear();
  bool cut_short = line.size() > kLineBytesMax;
  line = line.substr(0, kLineBytesMax);
  size_t at = 0;
  for (;;) {
    size_t begin = at;
    // A colon belongs to a word (12:30, fe80::1) unless it begins it ("key":5).
    while (at < line.size() && (separates(line[at]) || line[at] == ':')) ++at;
    gaps_.push_back(line.substr(begin, at - begin));
    if (at == line.size()) break;
    if (words_.size() + 1 == kWordsMax) {  // the rest is one word
      words_.push_back(kVaries);
      gaps_.emplace_back();
      return;
    }
    begin = at;
    while (at < line.size() && !separates(line[at])) ++at;
    std::string_view word = line.substr(begin, at - begin);
    // `<name>` in a line would read as a capture.
    bool captures = gaps_.back().ends_with('<');
    words_.push_back(has_digit(word) || captures ? kVaries : word);
  }
  if (!cut_short) return;
  words_.push_back(kVaries);
  gaps_.emplace_back();
}

// Lines that can share a pattern have the same one: what stands between the words, how many there are, the
// first word, and the level.
uint64_t PatternMiner::shape_hash(std::string_view level) const {
  uint64_t hash = hash64(level, words_.size());
  for (std::string_view gap : gaps_) hash = hash64(gap, hash);
  return hash64(words_.front(), hash);
}

PatternMiner::Cluster* PatternMiner::closest(const std::vector<uint32_t>& candidates) {
  Cluster* best = nullptr;
  size_t best_same = 0;
  for (uint32_t index : candidates) {
    Cluster& cluster = clusters_[index];
    if (cluster.words.size() != words_.size()) continue;  // another shape with the same hash
    size_t same = 0;
    for (size_t i = 0; i < words_.size(); ++i)
      same += cluster.words[i] == words_[i] || cluster.words[i] == kVaries;
    bool close = static_cast<double>(same) >= kSimilarityMin * static_cast<double>(words_.size());
    if (close && (best == nullptr || same > best_same)) {
      best = &cluster;
      best_same = same;
    }
  }
  return best;
}

void PatternMiner::add(std::string_view line, std::string_view level, size_t step) {
  cut(line);
  if (words_.empty()) return;
  std::vector<uint32_t>& candidates = by_shape_[shape_hash(level)];
  Cluster* cluster = closest(candidates);
  if (cluster == nullptr) {
    if (clusters_.size() == kClustersMax || candidates.size() == kCandidatesMax) {
      ++overflow_;
      return;
    }
    candidates.push_back(static_cast<uint32_t>(clusters_.size()));
    cluster = &clusters_.emplace_back();
    cluster->words.assign(words_.begin(), words_.end());
    cluster->gaps.assign(gaps_.begin(), gaps_.end());
    cluster->level = level;
    cluster->counts.resize(step_count_);
  }
  for (size_t i = 0; i < words_.size(); ++i) {
    if (cluster->words[i] != words_[i]) cluster->words[i] = kVaries;
  }
  ++cluster->counts[step];
  ++cluster->total;
}

std::vector<PatternMiner::Pattern> PatternMiner::finish() const {
  std::map<std::pair<std::string, std::string>, Pattern> merged;
  for (const Cluster& cluster : clusters_) {
    std::string text;
    for (size_t i = 0; i < cluster.words.size(); ++i) text += cluster.gaps[i] + cluster.words[i];
    text += cluster.gaps.back();
    // Two captures may not touch: "<_><_>" says no more than "<_>".
    for (size_t at = 0; (at = text.find("<_><_>", at)) != std::string::npos;) text.erase(at, 3);
    Pattern& pattern = merged[{text, cluster.level}];
    pattern.text = text;
    pattern.level = cluster.level;
    pattern.counts.resize(step_count_);
    for (size_t i = 0; i < step_count_; ++i) pattern.counts[i] += cluster.counts[i];
    pattern.total += cluster.total;
  }
  std::vector<Pattern> patterns;
  for (auto& [key, pattern] : merged) patterns.push_back(std::move(pattern));
  std::stable_sort(patterns.begin(), patterns.end(),
                   [](const Pattern& a, const Pattern& b) { return a.total > b.total; });
  return patterns;
}

}  // namespace obelisk::logql
