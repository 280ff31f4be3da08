#pragma once
// Rows of spans that a count must leave out: a span that was sent twice (one trace id and span id) is one
// span, wherever its rows lie. Finding them is cheap because rows are compared only where they can repeat:
// in row groups that say so themselves, and of traces that are in several parts, or in a part and the head
// (trace_overlap.h). Of equal spans the one that is looked at first counts. One thread; lives for one query,
// whose budget it charges for each span it remembers.
#include <map>
#include <memory>
#include <vector>

#include "plan/aggregate_fold.h"
#include "storage/embedded/events/scan_units.h"

namespace obelisk {

class RepeatedSpans {
 public:
  RepeatedSpans(const EventTableView& table, Budget& budget);

  // `units`: what will be looked at. `parts`: all that they are of, in order.
  Result<void> find(const std::vector<ScanUnit>& units, const std::vector<EventPartPtr>& parts);
  // Whether rows of a row group must be compared.
  bool may_repeat(const ScanUnit& unit) const;
  // Clears rows that repeat a span; an empty mask stands for all rows, and stays so when none must be
  // compared.
  Result<void> drop(const ScanUnit& unit, RowGroupReader& reader, RowMask& mask);
  // The spans that were met; every row of the head is to be asked for.
  SpanIdentities& met() { return *met_; }
  // For another pass over the same units.
  void forget_met();

 private:
  bool is_watched(uint64_t key) const;

  const EventTableView& table_;
  Budget& budget_;
  std::unique_ptr<SpanIdentities> met_;
  std::vector<uint64_t> head_keys_;  // of the traces in the head, sorted
  std::shared_ptr<const TraceOverlap> overlap_;
  std::map<const EventPart*, std::vector<uint8_t>> watched_;  // row groups where spans must be compared
};

// The parts of the units, in order.
std::vector<EventPartPtr> parts_of(const std::vector<ScanUnit>& units);

}  // namespace obelisk
