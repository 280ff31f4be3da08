#pragma once
// Finds the patterns of log lines: what stays the same from line to line, with `<_>` where it varies. After
// Drain (He et al., ICWS 2017), a clustering that looks at every line once.
//
// A line is cut into words and what stands between them. Words with a digit vary by definition. Lines whose
// separators, number of words and first word agree are compared with the clusters found so far, and join
// the most similar one when at least kSimilarityMin of their words agree; where they differ, the cluster's
// word becomes `<_>`. A pattern matches all lines of its cluster as `|>` would.
// Bounds: a line is compared with at most kCandidatesMax clusters; lines are looked at up to kLineBytesMax
// and kWordsMax words, what follows is `<_>`; at most kClustersMax clusters (lines that would begin another
// are counted in `overflow`); the samples of a cluster are one count a step. Not thread safe.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace obelisk::logql {

class PatternMiner {
 public:
  static constexpr size_t kLineBytesMax = 3000;  // longer lines are documents rather than messages
  static constexpr size_t kWordsMax = 200;
  static constexpr size_t kClustersMax = 2000;
  static constexpr size_t kCandidatesMax = 200;  // what one line is compared with
  static constexpr double kSimilarityMin = 0.5;

  struct Pattern {
    std::string text;
    std::string level;             // as given with the lines
    std::vector<uint64_t> counts;  // lines a step
    uint64_t total = 0;
  };

  explicit PatternMiner(size_t step_count) : step_count_(step_count) {}

  // One line of the step with that index (< step_count). Lines of different levels never share a pattern.
  void add(std::string_view line, std::string_view level, size_t step);
  uint64_t overflow() const { return overflow_; }
  // The most frequent first. Patterns that came out the same are one.
  std::vector<Pattern> finish() const;

 private:
  struct Cluster {
    std::vector<std::string> words;  // "<_>" where they vary
    std::vector<std::string> gaps;   // before each word, and behind the last
    std::string level;
    std::vector<uint64_t> counts;
    uint64_t total = 0;
  };

  void cut(std::string_view line);
  uint64_t shape_hash(std::string_view level) const;
  Cluster* closest(const std::vector<uint32_t>& candidates);

  const size_t step_count_;
  std::vector<Cluster> clusters_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_shape_;
  uint64_t overflow_ = 0;
  // Of the line at hand.
  std::vector<std::string_view> words_;
  std::vector<std::string_view> gaps_;
};

}  // namespace obelisk::logql
