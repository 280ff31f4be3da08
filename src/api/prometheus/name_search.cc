#include "api/prometheus/name_search.h"

#include <algorithm>

#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

constexpr double kPartScore = 0.8;

double score_of_term(std::string_view name, std::string_view term, const NameQuery& query) {
  if (name == term) return 1;
  if (term.empty()) return kPartScore;
  if (name.find(term) != std::string_view::npos) {
    double share = static_cast<double>(term.size()) / static_cast<double>(name.size());
    return kPartScore + (1 - kPartScore) * share;
  }
  double loose = query.algorithm == FuzzyAlgorithm::subsequence ? subsequence_score(name, term)
                                                                : jaro_winkler(name, term);
  return loose > 0 && loose >= query.threshold ? loose * kPartScore : 0;
}

}  // namespace

double score_of(std::string_view name, const NameQuery& query) {
  if (query.terms.empty()) return 1;
  std::string lowered = query.case_sensitive ? std::string() : to_lower(name);
  double best = 0;
  for (const std::string& term : query.terms) {
    best = std::max(best, query.case_sensitive ? score_of_term(name, term, query)
                                               : score_of_term(lowered, to_lower(term), query));
  }
  return best;
}

double subsequence_score(std::string_view name, std::string_view term) {
  if (term.empty()) return 1;
  size_t at = 0;
  size_t first = 0;
  for (size_t i = 0; i < term.size(); ++i) {
    size_t found = name.find(term[i], at);
    if (found == std::string_view::npos) return 0;
    if (i == 0) first = found;
    at = found + 1;
  }
  return static_cast<double>(term.size()) / static_cast<double>(at - first);
}

double jaro_winkler(std::string_view a, std::string_view b) {
  constexpr size_t kPrefixMax = 4;
  constexpr double kPrefixWeight = 0.1;
  // Longer texts than names are: the comparison is quadratic.
  constexpr size_t kLengthMax = 1024;
  a = a.substr(0, kLengthMax);
  b = b.substr(0, kLengthMax);
  if (a.empty() || b.empty()) return a.empty() && b.empty() ? 1 : 0;
  size_t reach = std::max(a.size(), b.size()) / 2;
  reach = reach > 0 ? reach - 1 : 0;
  std::vector<bool> used(b.size());
  std::string common_a;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t from = i > reach ? i - reach : 0;
    size_t to = std::min(b.size(), i + reach + 1);
    for (size_t j = from; j < to; ++j) {
      if (used[j] || a[i] != b[j]) continue;
      used[j] = true;
      common_a += a[i];
      break;
    }
  }
  if (common_a.empty()) return 0;
  std::string common_b;
  for (size_t j = 0; j < b.size(); ++j) {
    if (used[j]) common_b += b[j];
  }
  double common = static_cast<double>(common_a.size());
  double moved = 0;
  for (size_t i = 0; i < common_a.size(); ++i) moved += common_a[i] != common_b[i] ? 0.5 : 0;
  double jaro = (common / static_cast<double>(a.size()) + common / static_cast<double>(b.size()) +
                 (common - moved) / common) /
                3;
  size_t prefix = 0;
  while (prefix < std::min({a.size(), b.size(), kPrefixMax}) && a[prefix] == b[prefix]) ++prefix;
  return jaro + static_cast<double>(prefix) * kPrefixWeight * (1 - jaro);
}

}  // namespace obelisk::prometheus_api
