#pragma once
// Counts and power-of-two histograms of rows that all lie in one step, by combinations of key numbers: summed
// up in plain arrays, and moved to the states once. What a row costs decides what a query over millions
// costs, so its group, and whether it is an exemplar, are looked at only where a combination is new or a
// value beats what the slot has. One thread; lives for one call of fold_rows().
#include <cstdint>
#include <functional>
#include <vector>

#include "plan/aggregate_fold.h"

namespace obelisk {

class StepFold {
 public:
  // `numbers`: of each row the combination it has, below `combinations`; null: all have 0. `find_group`: of
  // a row.
  StepFold(const AggregateRows& rows, const uint32_t* numbers, size_t combinations,
           std::function<Result<uint32_t>(size_t)> find_group, AggregateStates& states);

  // Whether there is nothing to be made but counts, histograms and exemplars.
  static bool suits(const AggregateRows& rows, const Aggregate& aggregate);
  Result<void> run(std::vector<ExemplarRow>& exemplars);

 private:
  // The buckets of a histogram, and one for what is in none.
  static constexpr size_t kBuckets = AggregateStates::kExponentMax - AggregateStates::kExponentMin + 2;

  template <bool kHistogram>
  Result<void> add_rows(std::vector<ExemplarRow>& exemplars);
  Result<void> look_at(uint32_t row, uint32_t combination, double value, std::vector<ExemplarRow>& exemplars);
  void finish();
  double value_of(size_t row) const { return rows_.values == nullptr ? 0 : rows_.values[row]; }

  const AggregateRows& rows_;
  const uint32_t* const numbers_;
  const std::function<Result<uint32_t>(size_t)> find_group_;
  AggregateStates& states_;
  const size_t cells_;  // counters a group
  const double sign_;   // of values, so that the better exemplar is the larger
  // By combination: a row with more than this is looked at (not-a-number: every one is), and the place of its
  // group.
  std::vector<double> limits_;
  std::vector<uint32_t> places_;
  std::vector<uint32_t> groups_;  // by place
  std::vector<uint32_t> counts_;  // cells_ a place
};

// Takes the row as the exemplar of its slot where it is a better one.
void offer_exemplar(AggregateStates& states, uint32_t group, size_t slot, double value, uint32_t row,
                    std::vector<ExemplarRow>& exemplars);

}  // namespace obelisk
