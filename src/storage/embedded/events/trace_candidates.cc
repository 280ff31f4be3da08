#include "storage/embedded/events/trace_candidates.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <queue>

#include "plan/read_progress.h"
#include "storage/embedded/events/chunk_pruning.h"

namespace obelisk {
namespace {

// What one entry of the map of candidates costs in memory, roughly.
constexpr uint64_t kCandidateBytes = 96;
// So many times the traces asked for may wait while row groups that could hold later ones are looked at: it
// costs less to test a row group than to read a trace of it.
constexpr size_t kWaitingMax = 64;
// Help is asked for when so many units were looked at and as many are left: fewer take less than it takes a
// thread to wake up.
constexpr size_t kUnitsAlone = 4;

// The smallest of the `count` greatest numbers added.
class GreatestOf {
 public:
  explicit GreatestOf(size_t count) : count_(count) {}
  void add(int64_t number) {
    if (numbers_.size() == count_ && number <= numbers_.top()) return;
    numbers_.push(number);
    if (numbers_.size() > count_) numbers_.pop();
  }
  bool full() const { return numbers_.size() == count_; }
  int64_t smallest() const { return numbers_.top(); }

 private:
  const size_t count_;
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> numbers_;
};

// Which of `rows` have an upper row above them, by walking up from each: little where they are few. Nullopt
// when it would take more steps than there are rows.
std::optional<RowMask> walk_up(const ColumnChunk& parents, const RowMask& upper, bool direct,
                               const RowMask& rows) {
  const std::vector<int64_t>& distances = *parents.parent_distances();
  RowMask related(rows.size(), 0);
  size_t steps = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows[row] == 0) continue;
    for (size_t at = row; parents.is_present(at);) {
      if (++steps > rows.size()) return std::nullopt;
      if (distances[at] > 0)
        at -= static_cast<size_t>(distances[at]);
      else
        related[row] = 1;  // its parent is elsewhere
      related[row] |= upper[at];
      if (related[row] != 0 || direct) break;
    }
  }
  return related;
}

}  // namespace

TraceCandidates::TraceCandidates(const EventTableView& table, const Scan& scan, Budget& budget,
                                 const Cancel& cancel, ReadCounts& counts)
    : table_(table),
      scan_(scan),
      budget_(budget),
      cancel_(cancel),
      counts_(counts),
      charge_(budget),
      by_time_(scan.order == Order::time_descending) {}

Result<void> TraceCandidates::start() {
  started_ = true;
  for (const TraceRelation& relation : scan_.require_relations) {
    conditions_.push_back({&scan_.marks[relation.right], &scan_.marks[relation.left],
                           relation.kind == TraceRelation::Kind::child});
  }
  if (conditions_.empty()) {
    for (uint32_t index : scan_.require_marks) conditions_.push_back({&scan_.marks[index], nullptr, false});
  }
  all_bits_ = conditions_.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << conditions_.size()) - 1;
  // A row that meets none of the conditions says nothing, so the scan is for any of them.
  std::vector<Expr> any;
  for (const Condition& condition : conditions_) any.push_back(*condition.rows);
  OBELISK_TRY(units_,
              list_scan_units(table_, scan_.range, any.empty() ? Expr() : Expr::any_of(any), cancel_));
  if (by_time_) {
    std::stable_sort(units_.begin(), units_.end(),
                     [](const ScanUnit& a, const ScanUnit& b) { return a.max_time > b.max_time; });
  }
  pipeline_ = std::make_unique<Pipeline>(units_.size(), [this](size_t unit) {
    ahead_.enter(unit);
    return look_at(units_[unit]);
  });
  return {};
}

Result<std::vector<TraceId>> TraceCandidates::next(size_t count) {
  if (!started_) OBELISK_CHECK_OK(start());
  // A trace that meets one of several conditions may meet the others in any row group.
  bool all_first = !by_time_ || conditions_.size() > 1;
  GreatestOf begins(count);
  size_t added = next_pending_, looked_at = 0;
  std::optional<Pipeline::Helped> help;
  while (!pipeline_->done()) {
    for (; added < pending_.size(); ++added) begins.add(pending_[added].latest_begin);
    bool later_may_come = begins.full() && units_[pipeline_->next_unit()].max_time > begins.smallest();
    bool enough =
        begins.full() && (!later_may_come || pending_.size() - next_pending_ >= count * kWaitingMax);
    if (!all_first && enough) break;
    OBELISK_CHECK_OK(cancel_.check());
    if (++looked_at == kUnitsAlone && pipeline_->next_unit() + kUnitsAlone < units_.size())
      help.emplace(*pipeline_);
    OBELISK_CHECK_OK(look_at_next());
  }
  help.reset();
  order_pending();
  std::vector<TraceId> ids;
  for (; next_pending_ < pending_.size() && ids.size() < count; ++next_pending_)
    ids.push_back(pending_[next_pending_].id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::optional<int64_t> TraceCandidates::latest_begin_left() const {
  if (!by_time_ || !started_) return std::nullopt;
  int64_t latest = std::numeric_limits<int64_t>::min();
  if (!pipeline_->done()) latest = units_[pipeline_->next_unit()].max_time;
  if (next_pending_ < pending_.size()) latest = std::max(latest, pending_[next_pending_].latest_begin);
  return latest;
}

void TraceCandidates::order_pending() {
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(next_pending_));
  next_pending_ = 0;
  std::sort(pending_.begin(), pending_.end(), [&](const Pending& a, const Pending& b) {
    if (by_time_ && a.latest_begin != b.latest_begin) return a.latest_begin > b.latest_begin;
    return a.id < b.id;
  });
}

Result<void> TraceCandidates::look_at_next() {
  OBELISK_TRY(Matches found, pipeline_->take());
  counts_.rows += found.counts.rows;
  counts_.bytes += found.counts.bytes;
  size_t before = bits_.size();
  for (const Match& match : found.traces) add_trace(match);
  return charge_.add((bits_.size() - before) * kCandidateBytes);
}

Result<TraceCandidates::Matches> TraceCandidates::look_at(const ScanUnit& unit) {
  Matches found;
  if (unit.context) {
    OBELISK_CHECK_OK(look_at_row_group(unit, found));
  } else {
    look_at_batch(unit, found);
  }
  return found;
}

Result<void> TraceCandidates::look_at_row_group(const ScanUnit& unit, Matches& matches) {
  const PartContext& context = *unit.context;
  RowGroupReader reader(context.part, unit.row_group, context.labels, budget_, matches.counts);
  reader.note_reads_in(&ahead_);
  OBELISK_TRY(RowMask inside, reader.candidates(scan_.range, context.decisions));
  if (context.visible && any_row(inside)) {
    OBELISK_TRY(inside, reader.evaluate(*context.visible, inside));
  }
  if (!any_row(inside)) return {};
  std::vector<std::pair<RowMask, uint64_t>> found;
  if (conditions_.empty()) found.push_back({inside, 0});
  for (size_t i = 0; i < conditions_.size(); ++i) {
    const Condition& condition = conditions_[i];
    if (decide_by_stats(*condition.rows, context.part->directory(), reader.info()) == Decision::no) continue;
    RowMask rows;
    if (condition.upper != nullptr) {
      OBELISK_TRY(rows, related_rows(reader, condition, inside));
    } else {
      OBELISK_TRY(rows, reader.evaluate(*condition.rows, inside));
    }
    if (any_row(rows)) found.push_back({std::move(rows), uint64_t{1} << i});
  }
  if (found.empty()) return {};
  OBELISK_TRY(std::vector<TraceRun> runs, reader.trace_runs());
  const std::vector<int64_t>* times = nullptr;
  if (by_time_) {
    OBELISK_TRY(times, reader.times());
  }
  for (const auto& [rows, bit] : found) {
    each_marked_run(rows, runs, [&, bit = bit](const TraceRun& run) {
      matches.traces.push_back({run.id, bit, times == nullptr ? unit.max_time : (*times)[run.first_row]});
    });
  }
  return {};
}

Result<RowMask> TraceCandidates::related_rows(RowGroupReader& reader, const Condition& condition,
                                              const RowMask& inside) {
  OBELISK_TRY(RowMask rows, reader.evaluate(*condition.rows, inside));
  if (!any_row(rows)) return rows;
  OBELISK_TRY(const ColumnChunk* parents, reader.parents());
  if (parents == nullptr) return RowMask(rows.size(), 0);  // no row has a parent
  if (parents->parent_distances() == nullptr) return rows;
  OBELISK_TRY(RowMask upper, reader.evaluate(*condition.upper, inside));
  if (std::optional<RowMask> walked = walk_up(*parents, upper, condition.direct, rows))
    return std::move(*walked);
  const std::vector<int64_t>& distances = *parents->parent_distances();
  // Of each row: whether an upper row is above it, as far as that can be told from the rows before it. One
  // whose parent is in another row group, has not come, or lies behind it (distance 0 or less) may be.
  RowMask below(rows.size(), 0);
  for (size_t row = 0; row < rows.size(); ++row) {
    bool here = distances[row] > 0;
    size_t parent = here ? row - static_cast<size_t>(distances[row]) : row;
    uint8_t above = upper[parent] | (condition.direct ? uint8_t{0} : below[parent]);
    below[row] = here ? above : static_cast<uint8_t>(parents->is_present(row));
  }
  for (size_t row = 0; row < rows.size(); ++row) rows[row] &= below[row];
  return rows;
}

void TraceCandidates::look_at_batch(const ScanUnit& unit, Matches& matches) const {
  std::vector<ColumnId> wanted = {fixed_column(column::kTraceId)};
  for (const Condition& condition : conditions_) condition.rows->collect_columns(wanted);
  BatchPtr columns = unit.head->batch(&wanted);
  const Batch& batch = *columns;
  const ColumnData* ids = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  if (ids == nullptr) return;
  matches.counts.rows += batch.row_count;
  note_read({batch.row_count, 0});
  RowMask inside(batch.row_count);
  for (size_t row = 0; row < inside.size(); ++row)
    inside[row] = scan_.range.contains({batch.times()[row]}) ? 1 : 0;
  auto add_rows = [&](const RowMask& rows, uint64_t bit) {
    for (size_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == 0) continue;
      const TraceId& id = ids->trace_ids[row];
      bool again =
          !matches.traces.empty() && matches.traces.back().id == id && matches.traces.back().bit == bit;
      if (!again) matches.traces.push_back({id, bit, batch.times()[row]});
    }
  };
  if (conditions_.empty()) add_rows(inside, 0);
  for (size_t i = 0; i < conditions_.size(); ++i) {
    RowMask rows = evaluate(*conditions_[i].rows, batch);
    for (size_t row = 0; row < rows.size(); ++row) rows[row] &= inside[row];
    add_rows(rows, uint64_t{1} << i);
  }
}

void TraceCandidates::add_trace(const Match& match) {
  if (match.id.is_none()) return;  // belongs to no trace
  auto [it, fresh] = bits_.try_emplace(match.id, 0);
  bool was_complete = !fresh && it->second == all_bits_;
  it->second |= match.bit;
  if (!was_complete && it->second == all_bits_) pending_.push_back({match.latest_begin, match.id});
}

}  // namespace obelisk
