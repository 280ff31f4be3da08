#pragma once
// sum() and count() of floats, folded as the series come: no list of them is held, and one series' values
// lend their memory to the next. For operands whose series come with no other labels than the aggregation
// groups by.
//
// Series are added in the order the reference adds them; sums are compensated as its are (model/kahan_sum.h).
// Memory: 24 bytes a group and step. One thread.
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "query/promql/series.h"

namespace obelisk::promql {

// kahan_add() of each value that is present; `seen` of its step becomes all bits.
void add_columns(std::span<const double> values, double* sums, double* compensations, int64_t* seen);
// One to the sums of the steps with a value.
void count_columns(std::span<const double> values, double* sums, int64_t* seen);

class SeriesFold {
 public:
  SeriesFold(bool counts, size_t steps) : counts_(counts), steps_(steps) {}

  // A series without samples yet.
  StepSeries blank(Labels labels);
  // False: it has histograms, which are not for this; nothing was added.
  bool add(StepSeries& series);
  // A series that is not added after all.
  void give_back(StepSeries& series) { spare_ = std::move(series.values); }
  void clear();
  bool empty() const { return groups_.empty(); }
  size_t group_count() const { return groups_.size(); }

  // That everything was added: until it is said, nothing here counts.
  void complete() { is_complete_ = true; }
  bool is_complete() const { return is_complete_; }
  SeriesList finish();

 private:
  struct SeriesGroup {
    Labels labels;
    bool drop_name = false;
  };
  size_t group_of(Labels& labels);

  const bool counts_;
  const size_t steps_;
  bool is_complete_ = false;
  std::vector<SeriesGroup> groups_;
  std::unordered_multimap<uint64_t, size_t> by_hash_;
  size_t last_group_ = 0;  // neighbours are mostly of one group
  // steps_ entries a group, in the order of groups_
  std::vector<double> sums_;
  std::vector<double> compensations_;
  std::vector<int64_t> seen_;
  std::vector<double> spare_;
};

// Where the series of a selector, or of a function of one, go while they are read: into a fold where there is
// one and it can take them, else into a list. What cannot be folded once something was makes them be read
// again.
class SeriesSink {
 public:
  SeriesSink(SeriesFold* fold, SeriesList& list, size_t steps) : fold_(fold), list_(list), steps_(steps) {}

  // Takes the labels.
  StepSeries blank(RawSeries& raw);
  void put(StepSeries& series);
  void give_back(StepSeries& series);
  // What was put does not count: the series come again from the first.
  void restart();
  // Room is asked for in steps of some series.
  bool is_time_to_ask() const { return put_count_ % kAskedFor == 0; }
  uint64_t room_wanted() const { return (folds() ? fold_->group_count() * 3 : list_.size()) + kAskedFor; }

  // Said before a restart() by who cannot do with what a fold keeps.
  void collect() { fold_ = nullptr; }
  // Series came that cannot be folded: they must come again, and are collected then.
  bool must_collect();
  void finish();

 private:
  static constexpr uint64_t kAskedFor = 256;
  bool folds() const { return fold_ != nullptr && !collects_; }

  SeriesFold* fold_;
  SeriesList& list_;
  const size_t steps_;
  bool collects_ = false;  // from the first series on
  bool failed_ = false;
  uint64_t put_count_ = 0;
};

}  // namespace obelisk::promql
