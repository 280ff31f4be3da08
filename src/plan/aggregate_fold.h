#pragma once
// Folds rows into AggregateStates, column by column: every part of the key is first reduced to small numbers
// (a dictionary's entry numbers are used as they are), rows then find their group by the combination of
// these. AggregateRows is what a store fills from its own columns; BatchAggregator does it for batches, and
// is what heads, the memory store and rows with a residual use. One thread.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "plan/aggregate.h"
#include "plan/batch.h"
#include "plan/budget.h"
#include "plan/text_pattern.h"

namespace obelisk {

// Rows of one row group or batch. Pointers are borrowed for the call.
struct AggregateRows {
  struct KeyColumn {
    std::vector<uint32_t> numbers;  // of every row, below entries.size(); empty: all rows have entries[0]
    std::vector<AggregateKeyPart> entries;  // distinct
  };

  size_t row_count = 0;
  const uint8_t* mask = nullptr;  // rows that count; null: all
  const int64_t* times = nullptr;
  // When all rows lie in one step: which; times may then be null, but for Aggregate::times.
  std::optional<size_t> step;
  std::vector<KeyColumn> keys;
  const double* values = nullptr;  // with Aggregate::value
};

// Numbers patterns in the order they come: the entries of a key.
class PatternNumbers {
 public:
  explicit PatternNumbers(AggregateRows::KeyColumn& key);
  ~PatternNumbers();
  uint32_t of_text(std::string_view text);
  uint32_t of_skeleton(std::string_view skeleton);
  uint32_t absent();

 private:
  struct Known;
  uint32_t number_of(std::string_view pattern);

  AggregateRows::KeyColumn& key_;
  std::unique_ptr<Known> known_;
  TextPattern pattern_;
  std::optional<uint32_t> absent_;
};

// A row that became the exemplar of a slot; its time and trace id are not known yet.
struct ExemplarRow {
  uint32_t group = 0;
  uint32_t slot = 0;
  uint32_t row = 0;
};

// Adds the rows. The caller gives the exemplars among them their time and trace id: most calls have none, and
// the columns need not be read. A later entry for a slot replaces an earlier one.
Result<void> fold_rows(const AggregateRows& rows, AggregateStates& states,
                       std::vector<ExemplarRow>& exemplars);
void name_exemplar(const ExemplarRow& exemplar, int64_t time, const TraceId& trace_id,
                   AggregateStates& states);

// Spans that were met, each charged to the budget.
class SpanIdentities {
 public:
  explicit SpanIdentities(Budget& budget);
  ~SpanIdentities();
  SpanIdentities(const SpanIdentities&) = delete;
  SpanIdentities& operator=(const SpanIdentities&) = delete;
  // False when the span was there already.
  Result<bool> insert(const TraceId& trace, int64_t span);

 private:
  struct Seen;
  Budget& budget_;
  uint64_t charged_ = 0;
  std::unique_ptr<Seen> seen_;
};

// Folds batches. `where` and the time range are the caller's: rows are given as a mask.
class BatchAggregator {
 public:
  // `spans` null: rows are distinct already (or need not be).
  BatchAggregator(AggregateStates& states, SpanIdentities* spans) : states_(states), spans_(spans) {}
  // `mask` one byte a row. Rows that turn out to be repeated, or without a value, are cleared in it.
  Result<void> add(const Batch& batch, std::vector<uint8_t>& mask);

 private:
  Result<void> drop_repeated(const Batch& batch, std::vector<uint8_t>& mask);
  void read_values(const Batch& batch, std::vector<uint8_t>& mask);

  AggregateStates& states_;
  SpanIdentities* spans_;
  std::vector<double> values_;
  std::vector<ExemplarRow> exemplars_;
};

}  // namespace obelisk
