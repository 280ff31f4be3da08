#pragma once
// What a store may compute instead of returning rows: counts, sums, smallest and largest values and
// power-of-two histograms of the rows of a scan, by columns or labels, by steps of time. A language asks with
// Scan::aggregate and calls aggregate_scan (storage/reader.h), which falls back to folding rows where a store
// cannot.
//
// Meaning:
// * Step i holds the rows with time in [first_time + i * step, first_time + (i + 1) * step); rows outside
// every
//   step do not count. Windows longer than the step that slide (LogQL's [5m] at step 1m) are put together by
//   the language from the states of steps that divide both: every state can be merged.
// * A key or value names columns in order of preference: the first one that the row has is its value,
// whatever
//   its type (of one that a row has with several types, the first in the order of ColumnType). A column of
//   Scope::label is the label of the row's stream or series.
// * `value` empty: rows are counted. Else only rows whose value is a number (int64, float64), or with
//   `value_length` a text, count. Not-a-number values count, and are left out of minimum, maximum and
//   histogram.
// * `distinct_spans`: rows with one trace id and span id are one row (which of them, is not said).
// * Histogram bucket e holds values in (2^(e-1), 2^e], e cut to -64..64; 0 goes to -64; negative ones to
// none.
//   That halves and doubles: a quantile is right within a factor of two, interpolated inside.
//
// * `by_pattern`: rows are told apart by the pattern (plan/text_pattern.h) of that column's string, the last
//   part of the key; absent where a row has none.
// * `times`: of every step the first and the last time that a row counted.
// * `fold_excess`: rows of more than groups_max keys are one group more, whose key is empty.
//
// AggregateStates are the answer: one group a distinct key, which states a step. Not thread safe; several can
// be filled in parallel and merged. Bounds: groups_max distinct keys (too_large beyond: an answer nobody
// reads), and memory_bytes() is charged to the query's budget by those who fill them.
#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"
#include "model/labels.h"
#include "plan/columns.h"

namespace obelisk {

struct Aggregate {
  std::vector<std::vector<ColumnId>> by;  // each: the columns of one part of the key
  bool by_all_labels = false;             // and, as the last part, all labels of the row's stream or series
  std::optional<ColumnId> by_pattern;     // and, behind it, the pattern of this column
  std::vector<ColumnId> value;
  bool value_length = false;  // bytes of the text instead of a number
  bool sum = false;
  bool minimum = false;
  bool maximum = false;
  bool histogram = false;

  int64_t first_time = 0;
  int64_t step = std::numeric_limits<int64_t>::max();
  size_t step_count = 1;

  bool distinct_spans = false;
  // Each group keeps at most one row for each of so many equal stretches of the steps: the first one met, or
  // the one with the largest or smallest value.
  enum class Exemplar : uint8_t { first, largest, smallest };
  uint32_t exemplar_slots = 0;
  Exemplar exemplar = Exemplar::first;

  bool times = false;
  size_t groups_max = 1 << 20;
  bool fold_excess = false;

  bool needs_value() const { return !value.empty(); }
  // The step of a time, or step_count when it is in none.
  size_t step_of(int64_t time) const {
    if (time < first_time) return step_count;
    uint64_t index =
        (static_cast<uint64_t>(time) - static_cast<uint64_t>(first_time)) / static_cast<uint64_t>(step);
    return index < step_count ? index : step_count;
  }
  void collect_columns(std::vector<ColumnId>& out) const;  // all it reads, but not labels
};

// One part of a key. `type` tells texts, bytes, AnyValues and trace ids (16 bytes) apart, which are all in
// text.
struct AggregateKeyPart {
  std::variant<std::monostate, bool, int64_t, double, std::string, Labels> value;  // monostate: absent
  ColumnType type = ColumnType::string;
  bool is_absent() const { return value.index() == 0; }
  std::strong_ordering operator<=>(const AggregateKeyPart& other) const;
  bool operator==(const AggregateKeyPart& other) const { return (*this <=> other) == 0; }
};
using AggregateKey = std::vector<AggregateKeyPart>;

struct AggregateExemplar {
  bool found = false;
  int64_t time = 0;
  double value = 0;  // of the row; 0 without Aggregate::value
  TraceId trace_id;
};

class AggregateStates {
 public:
  static constexpr int kExponentMin = -64;
  static constexpr int kExponentMax = 64;

  struct Group {
    AggregateKey key;
    std::vector<uint64_t> counts;      // of every step
    std::vector<int64_t> first_times;  // largest int64 where there is none
    std::vector<int64_t> last_times;   // smallest int64 where there is none
    std::vector<double> sums;
    std::vector<double> minima;                      // infinity where there is none
    std::vector<double> maxima;                      // -infinity where there is none
    std::map<int, std::vector<uint64_t>> histogram;  // exponent -> count of every step
    std::vector<AggregateExemplar> exemplars;        // of every slot
  };

  explicit AggregateStates(const Aggregate& aggregate) : aggregate_(aggregate) {}

  // The number of the group with this key, made when there is none.
  Result<uint32_t> group_of(const AggregateKey& key);
  Group& group(size_t number) { return groups_[number]; }
  const std::vector<Group>& groups() const { return groups_; }
  // Of the group that rows of too many keys share, with fold_excess; null when there are none.
  const Group* excess() const;
  static void note_time(Group& group, size_t step, int64_t time) {
    if (time < group.first_times[step]) group.first_times[step] = time;
    if (time > group.last_times[step]) group.last_times[step] = time;
  }
  // Adds one row to a group. The reference for faster ways.
  void add(Group& group, size_t step, double value) const;
  std::vector<uint64_t>& histogram_of(Group& group, int exponent) const;
  // Whether a row with this value would be the exemplar of the slot.
  bool is_better(const AggregateExemplar& held, double value) const;
  size_t slot_of(size_t step) const { return step * aggregate_.exemplar_slots / aggregate_.step_count; }
  // Takes the states of the same aggregate over other rows.
  Result<void> merge(const AggregateStates& other);
  // Groups sorted by key.
  void sort();
  size_t memory_bytes() const;
  const Aggregate& aggregate() const { return aggregate_; }

 private:
  const Aggregate aggregate_;
  std::vector<Group> groups_;
  std::map<AggregateKey, uint32_t> by_key_;
};

// The exponent of a value's histogram bucket; nullopt for negative values and NaN.
std::optional<int> histogram_exponent(double value);

}  // namespace obelisk
