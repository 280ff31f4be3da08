#include "query/logql/pattern_miner.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/hash.h"

namespace obelisk::logql {

// Lines that can share a pattern have the same one: what stands between the words, how many there are, the
// first word, and the level.
uint64_t PatternMiner::shape_hash(std::string_view level) const {
  uint64_t hash = hash64(level, cut_.words.size());
  for (std::string_view gap : cut_.gaps) hash = hash64(gap, hash);
  return hash64(cut_.words.front(), hash);
}

PatternMiner::Cluster* PatternMiner::closest(const std::vector<uint32_t>& candidates) {
  Cluster* best = nullptr;
  size_t best_same = 0;
  const std::vector<std::string_view>& words = cut_.words;
  for (uint32_t index : candidates) {
    Cluster& cluster = clusters_[index];
    if (cluster.words.size() != words.size()) continue;  // another shape with the same hash
    size_t same = 0;
    for (size_t i = 0; i < words.size(); ++i)
      same += cluster.words[i] == words[i] || cluster.words[i] == kPatternVaries;
    bool close = static_cast<double>(same) >= kSimilarityMin * static_cast<double>(words.size());
    if (close && (best == nullptr || same > best_same)) {
      best = &cluster;
      best_same = same;
    }
  }
  return best;
}

PatternMiner::Cluster* PatternMiner::join_cluster(std::string_view level) {
  if (cut_.words.empty()) return nullptr;
  std::vector<uint32_t>& candidates = by_shape_[shape_hash(level)];
  Cluster* cluster = closest(candidates);
  if (cluster == nullptr) {
    if (clusters_.size() == kClustersMax || candidates.size() == kCandidatesMax) return nullptr;
    candidates.push_back(static_cast<uint32_t>(clusters_.size()));
    cluster = &clusters_.emplace_back();
    cluster->words.assign(cut_.words.begin(), cut_.words.end());
    cluster->gaps.assign(cut_.gaps.begin(), cut_.gaps.end());
    cluster->level = level;
    cluster->counts.resize(step_count_);
  }
  for (size_t i = 0; i < cut_.words.size(); ++i) {
    if (cluster->words[i] != cut_.words[i]) cluster->words[i] = kPatternVaries;
  }
  return cluster;
}

void PatternMiner::add(std::string_view line, std::string_view level, size_t step) {
  cut_.cut_text(line);
  Cluster* cluster = join_cluster(level);
  if (cluster == nullptr) {
    ++others_[step];
    return;
  }
  ++cluster->counts[step];
  ++cluster->total;
}

void PatternMiner::add_pattern(std::string_view pattern, std::string_view level,
                               std::span<const uint64_t> counts) {
  OBELISK_ASSERT(counts.size() == step_count_);
  cut_.cut_pattern(pattern);
  Cluster* cluster = join_cluster(level);
  if (cluster == nullptr) {
    add_others(counts);
    return;
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    cluster->counts[i] += counts[i];
    cluster->total += counts[i];
  }
}

void PatternMiner::add_others(std::span<const uint64_t> counts) {
  OBELISK_ASSERT(counts.size() == step_count_);
  for (size_t i = 0; i < counts.size(); ++i) others_[i] += counts[i];
}

std::vector<PatternMiner::Pattern> PatternMiner::finish() const {
  std::map<std::pair<std::string, std::string>, Pattern> merged;
  for (const Cluster& cluster : clusters_) {
    std::string text = join_pattern(cluster.words, cluster.gaps);
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
