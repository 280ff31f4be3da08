#pragma once
// Folds the patterns of log lines that are alike into fewer: what stays the same from line to line, with
// `<_>` where it varies. After Drain (He et al., ICWS 2017), a clustering that looks at every line once.
//
// Words with a digit vary by definition (plan/text_pattern.h). Lines whose separators, number of words and
// first word agree are compared with the clusters found so far, and join the most similar one when at least
// kSimilarityMin of their words agree; where they differ, the cluster's word becomes `<_>`. A pattern matches
// all lines of its cluster as `|>` would.
// Bounds: a line is compared with at most kCandidatesMax clusters; at most kClustersMax clusters
// (the samples of a cluster are one count a step); lines that would begin another
// one are in others(), and so are lines without a word. Not thread safe.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plan/text_pattern.h"

namespace obelisk::logql {

class PatternMiner {
 public:
  static constexpr size_t kClustersMax = 2000;
  static constexpr size_t kCandidatesMax = 200;  // what one line is compared with
  static constexpr double kSimilarityMin = 0.5;

  struct Pattern {
    std::string text;
    std::string level;             // as given with the lines
    std::vector<uint64_t> counts;  // lines a step
    uint64_t total = 0;
  };

  explicit PatternMiner(size_t step_count) : step_count_(step_count), others_(step_count) {}

  // One line of the step with that index (< step_count). Lines of different levels never share a pattern.
  void add(std::string_view line, std::string_view level, size_t step);
  // Lines of one pattern (plan/text_pattern.h): how many in every step.
  void add_pattern(std::string_view pattern, std::string_view level, std::span<const uint64_t> counts);
  // Lines of which nothing more is known.
  void add_others(std::span<const uint64_t> counts);

  // Lines a step that are in no pattern.
  const std::vector<uint64_t>& others() const { return others_; }
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

  uint64_t shape_hash(std::string_view level) const;
  Cluster* closest(const std::vector<uint32_t>& candidates);
  // The cluster of the words at hand; null when there is no room for another.
  Cluster* join_cluster(std::string_view level);

  const size_t step_count_;
  std::vector<Cluster> clusters_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_shape_;
  std::vector<uint64_t> others_;
  PatternWords cut_;  // of the line at hand
};

}  // namespace obelisk::logql
