#pragma once
// The narrow waist, reading side: all that query engines and APIs see of a store. Implemented by the embedded
// engine, by the brute-force memory store (the oracle of every query script), and one day by a ClickHouse
// backend.
//
// Use: take a snapshot, plan a scan, open the plan, read batches until null. A reader is thread safe; a
// cursor belongs to one thread at a time. Batches returned by a cursor may outlive it (they hold what they
// point to).
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "plan/batch.h"
#include "plan/budget.h"
#include "plan/scan.h"

namespace obelisk {

// A moment of the store: scans at the same snapshot see the same rows. Holding one keeps files from being
// deleted.
struct Snapshot {
  uint64_t sequence = 0;
  std::shared_ptr<const void> pin;
};

// What a plan is expected to read. Estimates: upper bounds of what the store knows without reading blocks.
struct Cost {
  uint64_t bytes = 0;
  uint64_t rows = 0;
};

// What the store takes over. `residual` is the part of Scan::where it does not apply: the caller evaluates it
// on the rows it gets (plan/expression.h). `ordered` and `limited` say whether order and limit are done; a
// store that leaves a residual does not limit.
struct Plan {
  Snapshot at;
  Scan pushed;
  Expr residual;
  bool ordered = false;
  bool limited = false;
  Cost cost;
  bool aggregated = false;  // pushed.aggregate is done by Reader::aggregate, and there is no residual
};

// Which part of the asked range the answer covers; `complete` false says why.
struct Coverage {
  bool complete = true;
  std::string reason;
  uint64_t rows_read = 0;
  uint64_t bytes_read = 0;
};

class Cursor {
 public:
  virtual ~Cursor() = default;
  // The next batch, or null at the end. After an error the cursor is finished.
  virtual Result<BatchPtr> next() = 0;
  virtual Coverage coverage() const = 0;
  // Of a scan by trace with Order::time_descending: no trace that is still to come begins after this.
  // Nullopt: any may.
  virtual std::optional<int64_t> latest_begin_left() const { return std::nullopt; }
};

struct AggregateAnswer {
  AggregateStates states;
  Coverage coverage;
};

struct ValueCount {
  std::string value;  // strings as they are; other types as text (integers and floats in decimal, true/false)
  ColumnType type = ColumnType::string;
  uint64_t count = 0;  // rows, or series for labels; may be an upper bound
};

struct ColumnInfo {
  ColumnId id;
  ColumnType type = ColumnType::string;
};

// What makes the series of a store, for its operators: which metrics, jobs and labels, since when, and what
// they cost. Bytes are those of samples as they lie in memory and files, without the index.
struct CardinalityQuery {
  TimeRange range;                                             // series with samples inside
  Expr where;                                                  // on labels
  std::vector<std::string> by{std::string(kMetricNameLabel)};  // labels whose values name a group
  uint64_t limit = 10;                                         // of each list, by number of series
};

struct CardinalityReport {
  struct Group {
    std::vector<std::string> values;  // of CardinalityQuery::by, empty where a series lacks the label
    uint64_t series = 0;
    uint64_t samples = 0;
    uint64_t bytes = 0;
    UnixNanos first_seen{};  // of the samples that are stored, not only of those in the range
    UnixNanos last_seen{};
  };
  struct LabelName {
    std::string name;
    uint64_t values = 0;      // distinct
    uint64_t text_bytes = 0;  // of the distinct values
    uint64_t series = 0;      // that have the label
  };
  struct LabelPair {
    std::string name;
    std::string value;
    uint64_t series = 0;
  };
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t label_pairs = 0;  // distinct
  UnixNanos first_seen{};
  UnixNanos last_seen{};
  std::vector<Group> groups;     // most series first
  std::vector<LabelName> names;  // most values first
  std::vector<LabelPair> pairs;  // most series first
};

class Reader {
 public:
  virtual ~Reader() = default;

  virtual Result<Snapshot> snapshot(const Tenant& tenant) = 0;
  virtual Result<Plan> plan(const Snapshot& at, const Scan& scan) = 0;
  virtual Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) = 0;

  // The states of plan.pushed.aggregate. Only of a plan that says `aggregated`; stores that never say so need
  // not have it.
  virtual Result<AggregateAnswer> aggregate(const Plan& plan, Budget& budget, const Cancel& cancel);

  // Distinct label sets of the series or streams with rows in the scan's range that fit the label part of its
  // `where`. Sorted. At most `scan.limit` when it is not 0.
  virtual Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) = 0;
  // Columns (not labels) that occur in the range, sorted by id and type. Other parts of the scan are not
  // looked at.
  virtual Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) = 0;
  // Distinct values of one column in the rows of the scan, most frequent first, at most `limit`; a span that
  // was sent twice counts once. Of a label: those of the label sets of series(), sorted, not counted.
  virtual Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                                 uint64_t limit, const Cancel& cancel) = 0;
  // Of the samples table. Walks every series that fits; unsupported by stores that keep no such thing.
  virtual Result<CardinalityReport> cardinality(const Snapshot& at, const CardinalityQuery& query,
                                                const Cancel& cancel);
  // Of the samples table, as far as it concerns (after_ms, until_ms]. Stores that do not downsample have
  // none.
  virtual Result<TierReport> tiers(const Snapshot& at, int64_t after_ms, int64_t until_ms);
};

// snapshot + plan + open, and the residual applied where the store left one: what most callers want. Rows
// come as the scan asks (order and limit too: done here when the store did not).
Result<std::unique_ptr<Cursor>> open_scan(Reader& reader, const Snapshot& at, const Scan& scan,
                                          Budget& budget, const Cancel& cancel);
// snapshot + plan + aggregate: the states of scan.aggregate, by the store, or by folding its rows where it
// does not do that. Groups are sorted by key.
Result<AggregateAnswer> aggregate_scan(Reader& reader, const Snapshot& at, const Scan& scan, Budget& budget,
                                       const Cancel& cancel);

}  // namespace obelisk
