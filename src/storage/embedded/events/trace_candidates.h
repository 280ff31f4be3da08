#pragma once
// Which traces a scan by trace has to put together: rows in the range are tested against the required marks,
// or the required relations, and the traces that have them all are handed out, each once. By id, after
// everything was looked at; or, for Order::time_descending, those of the latest row groups first, before
// older ones are read. A relation is tested inside a row group, where a trace lies with the distances to its
// parents: rows whose ancestors are elsewhere count as related. One thread calls; a helper may look at units
// as well (unit_pipeline.h).
#include <optional>
#include <unordered_map>
#include <vector>

#include "storage/embedded/events/scan_read_ahead.h"
#include "storage/embedded/events/unit_pipeline.h"

namespace obelisk {

class TraceCandidates {
 public:
  TraceCandidates(const EventTableView& table, const Scan& scan, Budget& budget, const Cancel& cancel,
                  ReadCounts& counts);

  // At most `count`, sorted; none at the end.
  Result<std::vector<TraceId>> next(size_t count);
  std::optional<int64_t> latest_begin_left() const;

 private:
  // Something that a trace must have: rows with a mark, or rows that are related.
  struct Condition {
    const Expr* rows = nullptr;   // of a relation: the lower ones
    const Expr* upper = nullptr;  // of a relation
    bool direct = false;
  };
  struct Pending {
    int64_t latest_begin = 0;
    TraceId id;
  };

  // A trace with a row that meets the condition of `bit`; it begins at `latest_begin` or before.
  struct Match {
    TraceId id;
    uint64_t bit = 0;
    int64_t latest_begin = 0;
  };
  // What a unit has.
  struct Matches {
    std::vector<Match> traces;
    ReadCounts counts;
  };
  using Pipeline = UnitPipeline<Result<Matches>>;

  Result<void> start();
  Result<void> look_at_next();
  // These are called by helpers too.
  Result<Matches> look_at(const ScanUnit& unit);
  Result<void> look_at_row_group(const ScanUnit& unit, Matches& found);
  void look_at_batch(const ScanUnit& unit, Matches& found) const;
  static Result<RowMask> related_rows(RowGroupReader& reader, const Condition& condition,
                                      const RowMask& inside);
  void add_trace(const Match& match);
  void order_pending();

  const EventTableView& table_;
  const Scan& scan_;
  Budget& budget_;
  const Cancel& cancel_;
  ReadCounts& counts_;
  BudgetCharge charge_;
  const bool by_time_;
  bool started_ = false;
  std::vector<Condition> conditions_;
  uint64_t all_bits_ = 0;
  std::vector<ScanUnit> units_;
  ScanReadAhead ahead_{units_};
  std::unique_ptr<Pipeline> pipeline_;
  std::unordered_map<TraceId, uint64_t> bits_;  // the conditions that were met
  std::vector<Pending> pending_;                // met all; latest first, or by id
  size_t next_pending_ = 0;
};

}  // namespace obelisk
