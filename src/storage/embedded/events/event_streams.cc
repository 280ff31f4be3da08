// The streams of a tenant: their label sets, and the values of one label.
#include <algorithm>
#include <functional>
#include <map>

#include "storage/embedded/events/event_scan.h"
#include "storage/embedded/events/scan_units.h"

namespace obelisk {
namespace {

// Calls that have no budget of their own read one row group at a time within this.
constexpr uint64_t kUnitBudgetBytes = 2ull << 30;
// Streams mostly come back with every batch and part: what was found is made distinct when it has doubled.
constexpr size_t kFoundMin = 1024;

// The groups of a row group with a row in the range, as a mask over the runs.
Result<std::vector<uint8_t>> runs_inside(const ScanUnit& unit, const TimeRange& range) {
  const PartContext& context = *unit.context;
  const RowGroupInfo& info = context.part->directory().row_groups[unit.row_group];
  std::vector<uint8_t> found(info.runs.size(), 1);
  bool inside = range.contains({unit.min_time}) && range.contains({unit.max_time});
  if (inside && !context.visible) return found;
  Budget budget(kUnitBudgetBytes);
  ReadCounts counts;
  RowGroupReader reader(context.part, unit.row_group, context.labels, budget, counts);
  OBELISK_TRY(RowMask mask, visible_rows(context, reader, range));
  size_t row = 0;
  for (size_t i = 0; i < info.runs.size(); ++i) {
    found[i] = 0;
    for (size_t end = row + info.runs[i].row_count; row < end; ++row) found[i] |= mask[row];
  }
  return found;
}

class StreamWalk {
 public:
  // What a visited label set lives in, and the set. The same set may be visited several times.
  using Visit = std::function<void(const std::shared_ptr<const void>& owner, LabelsView labels)>;

  StreamWalk(const EventView& view, const Scan& scan, const Cancel& cancel)
      : view_(view), scan_(scan), cancel_(cancel) {}

  Result<void> run(const Visit& visit) {
    // Only the label part of `where` counts, so nothing but time and labels may prune.
    OBELISK_TRY(std::vector<ScanUnit> units,
                list_scan_units(view_.of(scan_.table), scan_.range, Expr(), cancel_));
    for (const ScanUnit& unit : units) {
      OBELISK_CHECK_OK(cancel_.check());
      if (unit.context) {
        OBELISK_CHECK_OK(visit_row_group(unit, visit));
      } else {
        visit_batch(unit.head, visit);
      }
    }
    return {};
  }

 private:
  Result<void> visit_row_group(const ScanUnit& unit, const Visit& visit) {
    const PartContext& context = *unit.context;
    if (&context != context_) start(context);
    const RowGroupInfo& info = context.part->directory().row_groups[unit.row_group];
    bool open = std::any_of(info.runs.begin(), info.runs.end(),
                            [&](const GroupRun& run) { return settled_[run.group] == 0; });
    if (!open) return {};
    OBELISK_TRY(std::vector<uint8_t> with_rows, runs_inside(unit, scan_.range));
    for (size_t i = 0; i < info.runs.size(); ++i) {
      uint32_t group = info.runs[i].group;
      if (with_rows[i] == 0 || settled_[group] != 0) continue;
      settled_[group] = 1;
      visit(context.labels, context.labels->labels(group));
    }
    return {};
  }

  void start(const PartContext& context) {
    context_ = &context;
    std::vector<Decision> decisions =
        decide_sets(settle_labels(scan_.where, *context.labels), *context.labels);
    settled_.assign(context.labels->size(), 0);
    for (uint32_t group = 0; group < settled_.size(); ++group)
      settled_[group] = decisions[group] == Decision::no ? 1 : 0;
  }

  void visit_batch(const HeadBatchPtr& head, const Visit& visit) const {
    const std::vector<ColumnId> times_only;
    BatchPtr batch = head->batch(&times_only);
    const std::vector<int64_t>& times = batch->times();
    for (const Group& group : batch->groups) {
      if (decide_by_labels(scan_.where, group.labels) == Decision::no) continue;
      auto begin = times.begin() + group.first_row;
      bool inside = std::any_of(begin, begin + group.row_count,
                                [&](int64_t time) { return scan_.range.contains({time}); });
      if (inside) visit(head, group.labels);
    }
  }

  const EventView& view_;
  const Scan& scan_;
  const Cancel& cancel_;
  const PartContext* context_ = nullptr;
  std::vector<uint8_t> settled_;  // groups of the part that need no further look
};

template <typename T>
void keep_distinct(std::vector<T>& found) {
  // There may be a million: a set of them would take several times as long and as much memory.
  if (!std::is_sorted(found.begin(), found.end())) std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

}  // namespace

Result<std::vector<Labels>> event_series(const EventView& view, const Scan& scan, const Cancel& cancel) {
  std::vector<Labels> found;
  size_t distinct = 0;
  OBELISK_CHECK_OK(StreamWalk(view, scan, cancel).run([&](const auto&, LabelsView labels) {
    found.push_back(Labels(labels));
    if (found.size() < 2 * distinct + kFoundMin) return;
    keep_distinct(found);
    distinct = found.size();
  }));
  keep_distinct(found);
  if (scan.limit != 0 && found.size() > scan.limit) found.resize(scan.limit);
  return found;
}

namespace {

// What is distinct among the values of one label that were met; views into what owns them.
class DistinctValues {
 public:
  void add(std::string_view value) {
    if (!found_.empty() && found_.back() == value) return;
    found_.push_back(value);
    if (found_.size() < 2 * distinct_ + kFoundMin) return;
    keep_distinct(found_);
    distinct_ = found_.size();
  }
  const std::vector<std::string_view>& sorted() {
    keep_distinct(found_);
    return found_;
  }

 private:
  std::vector<std::string_view> found_;
  size_t distinct_ = 0;
};

// Keeps what views point into.
class Owners {
 public:
  void add(const std::shared_ptr<const void>& owner) {
    if (owners_.empty() || owners_.back() != owner) owners_.push_back(owner);
  }

 private:
  std::vector<std::shared_ptr<const void>> owners_;
};

Result<std::vector<ValueCount>> event_label_names(const EventView& view, const Scan& scan, uint64_t limit,
                                                  const Cancel& cancel) {
  std::map<std::string, DistinctValues, std::less<>> names;
  Owners owners;
  OBELISK_CHECK_OK(StreamWalk(view, scan, cancel).run([&](const auto& owner, LabelsView labels) {
    owners.add(owner);
    for (const LabelRef& label : labels) {
      auto found = names.find(label.name);
      if (found == names.end()) found = names.try_emplace(std::string(label.name)).first;
      found->second.add(label.value);
    }
  }));
  std::vector<ValueCount> counts;
  for (auto& [name, values] : names) {
    if (limit != 0 && counts.size() == limit) break;
    counts.push_back({name, ColumnType::string, values.sorted().size()});
  }
  return counts;
}

}  // namespace

Result<std::vector<ValueCount>> event_label_values(const EventView& view, const Scan& scan,
                                                   std::string_view name, uint64_t limit,
                                                   const Cancel& cancel) {
  if (name.empty()) return event_label_names(view, scan, limit, cancel);
  DistinctValues found;
  Owners owners;
  OBELISK_CHECK_OK(StreamWalk(view, scan, cancel).run([&](const auto& owner, LabelsView labels) {
    std::string_view value = label_value(labels, name);
    if (value.empty()) return;
    owners.add(owner);
    found.add(value);
  }));
  const std::vector<std::string_view>& sorted = found.sorted();
  size_t count = limit == 0 ? sorted.size() : std::min<uint64_t>(sorted.size(), limit);
  std::vector<ValueCount> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i) values.push_back({std::string(sorted[i]), ColumnType::string, 0});
  return values;
}

}  // namespace obelisk
