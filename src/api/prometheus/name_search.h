#pragma once
// How well a name matches what someone typed: exactly, as a part, or loosely. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::prometheus_api {

enum class FuzzyAlgorithm : uint8_t { subsequence, jaro_winkler };

struct NameQuery {
  std::vector<std::string> terms;  // any of them; none: everything matches
  double threshold = 0;            // 0..1, what a loose match must score at least
  FuzzyAlgorithm algorithm = FuzzyAlgorithm::subsequence;
  bool case_sensitive = true;
};

// 0 (no match) to 1. A name that is the term scores 1; one that contains it at least 0.8, more the larger the
// part it is; else the loose score, which is below 0.8, when it reaches the threshold.
double score_of(std::string_view name, const NameQuery& query);

// How alike two texts are, 0..1: letters in common at similar places, a common beginning counting more.
double jaro_winkler(std::string_view a, std::string_view b);
// Whether the letters of `term` follow each other in `name`, 0..1 by how close together they stand.
double subsequence_score(std::string_view name, std::string_view term);

}  // namespace obelisk::prometheus_api
