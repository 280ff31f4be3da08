#include "storage/embedded/events/repeated_lines.h"

#include <algorithm>
#include <set>

#include "storage/embedded/events/row_group_reader.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

bool run_before(const LineRun& a, const LineRun& b) {
  if (a.stream != b.stream) return a.stream < b.stream;
  if (a.min_time != b.min_time) return a.min_time < b.min_time;
  return a.source < b.source;
}

}  // namespace

const std::vector<uint32_t>* RepeatedLines::of(const EventPart& part, uint32_t row_group) const {
  auto it = rows_.find({&part, row_group});
  return it == rows_.end() ? nullptr : &it->second;
}

const std::vector<uint32_t>* RepeatedLines::of(const HeadBatch& batch) const {
  auto it = rows_.find({&batch, 0});
  return it == rows_.end() ? nullptr : &it->second;
}

class RepeatedLinesFinder {
 public:
  // `visible`: one a part, or none for all rows.
  RepeatedLinesFinder(const std::vector<EventPartPtr>& parts, const VisibleParts& visible,
                      const std::vector<HeadBatchPtr>& head, Budget& budget, const Cancel& cancel)
      : budget_(budget), cancel_(cancel) {
    for (size_t number = 0; number < parts.size(); ++number) {
      const EventPartPtr& part = parts[number];
      for (uint32_t i = 0; i < part->directory().row_groups.size(); ++i)
        sources_.push_back({part, i, nullptr, visible.empty() ? nullptr : visible[number]});
    }
    first_batch_ = static_cast<uint32_t>(sources_.size());
    for (const HeadBatchPtr& batch : head) sources_.push_back({nullptr, 0, batch, nullptr});
  }

  Result<std::vector<LineRun>> runs_of_parts() {
    std::vector<LineRun> runs;
    for (uint32_t i = 0; i < first_batch_; ++i) {
      OBELISK_CHECK_OK(cancel_.check());
      OBELISK_CHECK_OK(add_row_group(i, runs));
      readers_.clear();
    }
    return runs;
  }

  std::vector<LineRun> runs_of_head() const {
    std::vector<LineRun> runs;
    for (uint32_t i = first_batch_; i < sources_.size(); ++i) add_batch(i, runs);
    std::sort(runs.begin(), runs.end(), run_before);
    return runs;
  }

  // `runs` sorted. `of_head`: only what concerns a run of the head.
  Result<void> find(const std::vector<LineRun>& runs, bool of_head, RepeatedLines& out) {
    for (size_t begin = 0; begin < runs.size();) {
      // Runs of one stream, each overlapping one before it.
      int64_t latest = runs[begin].max_time, low = INT64_MAX, high = INT64_MIN;
      bool concerned = false, alone = true;
      size_t end = begin;
      for (; end < runs.size() && runs[end].stream == runs[begin].stream; ++end) {
        const LineRun& run = runs[end];
        if (end > begin) {
          if (run.min_time > latest) break;
          alone = false;
          low = std::min(low, run.min_time);
          high = std::max(high, std::min(run.max_time, latest));
        }
        if (run.may_repeat) {
          alone = false;
          low = std::min(low, run.min_time);
          high = std::max(high, run.max_time);
        }
        concerned = concerned || run.source >= first_batch_;
        latest = std::max(latest, run.max_time);
      }
      if (!alone && (concerned || !of_head)) {
        OBELISK_CHECK_OK(cancel_.check());
        OBELISK_CHECK_OK(compare(std::span(runs).subspan(begin, end - begin), low, high, out));
      }
      begin = end;
    }
    for (auto& [source, rows] : out.rows_) {
      std::sort(rows.begin(), rows.end());
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    }
    return {};
  }

 private:
  struct Source {
    EventPartPtr part;
    uint32_t row_group = 0;
    HeadBatchPtr batch;
    std::shared_ptr<const Expr> visible;
  };
  struct Row {
    int64_t time = 0;
    uint32_t source = 0;
    uint32_t row = 0;
  };
  struct Opened {
    std::unique_ptr<RowGroupReader> reader;
    std::optional<RowTimes> times;
  };

  Result<Opened*> open(uint32_t source) {
    if (auto it = readers_.find(source); it != readers_.end()) return &it->second;
    const Source& from = sources_[source];
    OBELISK_TRY(std::shared_ptr<const LabelTable> labels, from.part->labels());
    Opened opened;
    opened.reader =
        std::make_unique<RowGroupReader>(from.part, from.row_group, std::move(labels), budget_, counts_);
    OBELISK_TRY(opened.times, opened.reader->row_times());
    return &readers_.emplace(source, std::move(opened)).first->second;
  }

  Result<void> add_row_group(uint32_t source, std::vector<LineRun>& runs) {
    OBELISK_TRY(Opened * opened, open(source));
    RowTimes& times = *opened->times;
    const RowGroupInfo& info = opened->reader->info();
    uint32_t row = 0;
    for (const GroupRun& group : info.runs) {
      LineRun run{opened->reader->label_table()->hash(group.group),
                  0,
                  0,
                  source,
                  row,
                  row + static_cast<uint32_t>(group.row_count),
                  info.has_repeated_spans};
      row = run.end_row;
      run.min_time = times.at(run.first_row);
      run.max_time = times.at(run.end_row - 1);
      for (uint32_t i = run.first_row; !times.ascending() && i < run.end_row; ++i) {
        run.min_time = std::min(run.min_time, times.at(i));
        run.max_time = std::max(run.max_time, times.at(i));
        run.may_repeat = true;
      }
      runs.push_back(run);
    }
    return {};
  }

  void add_batch(uint32_t source, std::vector<LineRun>& runs) const {
    const std::vector<ColumnId> none;
    BatchPtr batch = sources_[source].batch->batch(&none);  // times and streams
    const std::vector<int64_t>& times = batch->times();
    for (const Group& group : batch->groups) {
      if (group.row_count == 0) continue;
      LineRun run{group.labels_hash,
                  times[group.first_row],
                  times[group.first_row],
                  source,
                  group.first_row,
                  group.first_row + group.row_count,
                  false};
      for (uint32_t row = run.first_row + 1; row < run.end_row; ++row) {
        run.may_repeat = run.may_repeat || times[row] <= run.max_time;
        run.min_time = std::min(run.min_time, times[row]);
        run.max_time = std::max(run.max_time, times[row]);
      }
      runs.push_back(run);
    }
  }

  // Rows of the runs, which are of one stream, with times from `low` to `high`.
  Result<void> compare(std::span<const LineRun> runs, int64_t low, int64_t high, RepeatedLines& out) {
    std::vector<Row> rows;
    for (const LineRun& run : runs) {
      if (run.max_time < low || run.min_time > high) continue;
      OBELISK_CHECK_OK(add_rows(run, low, high, rows));
    }
    BudgetCharge charge(budget_);
    OBELISK_CHECK_OK(charge.add(rows.capacity() * sizeof(Row)));
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      if (a.time != b.time) return a.time < b.time;
      return a.source != b.source ? a.source < b.source : a.row < b.row;
    });
    std::vector<Row> same;  // rows whose time others have too
    for (size_t i = 0; i < rows.size(); ++i) {
      bool with_before = i > 0 && rows[i - 1].time == rows[i].time;
      bool with_next = i + 1 < rows.size() && rows[i + 1].time == rows[i].time;
      if (with_before || with_next) same.push_back(rows[i]);
    }
    constexpr size_t kLinesAtOnce = 16 << 10;
    for (size_t begin = 0; begin < same.size();) {
      size_t end = std::min(same.size(), begin + kLinesAtOnce);
      while (end < same.size() && same[end].time == same[end - 1].time) ++end;
      OBELISK_CHECK_OK(compare_lines(std::span(same).subspan(begin, end - begin), out));
      begin = end;
    }
    // The next stream lies in the same row groups, more or less.
    constexpr size_t kReadersMax = 256;
    if (readers_.size() > kReadersMax) readers_.clear();
    return {};
  }

  Result<void> add_rows(const LineRun& run, int64_t low, int64_t high, std::vector<Row>& rows) {
    const Source& source = sources_[run.source];
    if (source.batch != nullptr) {
      const std::vector<ColumnId> none;
      BatchPtr batch = source.batch->batch(&none);
      const std::vector<int64_t>& times = batch->times();
      for (uint32_t row = run.first_row; row < run.end_row; ++row) {
        if (times[row] >= low && times[row] <= high) rows.push_back({times[row], run.source, row});
      }
      return {};
    }
    OBELISK_TRY(Opened * opened, open(run.source));
    RowTimes& times = *opened->times;
    uint32_t row = run.first_row;
    if (times.ascending()) row = static_cast<uint32_t>(times.first_not_before(row, run.end_row, low));
    for (; row < run.end_row; ++row) {
      int64_t time = times.at(row);
      if (time > high && times.ascending()) break;
      if (time >= low && time <= high) rows.push_back({time, run.source, row});
    }
    return {};
  }

  // `rows`: whole sets of rows with one time, by time.
  Result<void> compare_lines(std::span<const Row> rows, RepeatedLines& out) {
    std::vector<Hash128> hashes(rows.size());
    std::vector<uint8_t> is_erased(rows.size());
    std::map<uint32_t, std::vector<std::pair<uint32_t, size_t>>> by_source;  // row, index into rows
    for (size_t i = 0; i < rows.size(); ++i) by_source[rows[i].source].push_back({rows[i].row, i});
    for (auto& [number, wanted] : by_source) {
      std::sort(wanted.begin(), wanted.end());
      BatchPtr batch;
      bool is_batch = sources_[number].batch != nullptr;
      if (is_batch) {
        batch = sources_[number].batch->batch(nullptr);
      } else {
        std::vector<uint32_t> numbers;
        for (const auto& [row, index] : wanted) numbers.push_back(row);
        // Of its own, so that the texts go away with it.
        const Source& source = sources_[number];
        OBELISK_TRY(std::shared_ptr<const LabelTable> labels, source.part->labels());
        RowGroupReader reader(source.part, source.row_group, std::move(labels), budget_, counts_);
        OBELISK_TRY(Batch read, reader.materialise(numbers, nullptr));
        batch = std::make_shared<const Batch>(std::move(read));
      }
      std::vector<uint8_t> visible;
      if (sources_[number].visible != nullptr) visible = evaluate(*sources_[number].visible, *batch);
      for (size_t i = 0; i < wanted.size(); ++i) {
        size_t row = is_batch ? wanted[i].first : i;
        hashes[wanted[i].second] = hash_of_row(*batch, row);
        is_erased[wanted[i].second] = !visible.empty() && visible[row] == 0 ? 1 : 0;
      }
    }
    std::set<std::pair<uint64_t, uint64_t>> seen;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i == 0 || rows[i].time != rows[i - 1].time) seen.clear();
      if (is_erased[i] != 0) continue;
      if (seen.insert({hashes[i].low, hashes[i].high}).second) continue;
      const Source& source = sources_[rows[i].source];
      const void* owner =
          source.batch != nullptr ? static_cast<const void*>(source.batch.get()) : source.part.get();
      out.rows_[{owner, source.row_group}].push_back(rows[i].row);
    }
    return {};
  }

  Budget& budget_;
  const Cancel& cancel_;
  ReadCounts counts_;
  std::vector<Source> sources_;
  uint32_t first_batch_ = 0;
  std::map<uint32_t, Opened> readers_;
};

Result<std::shared_ptr<const RepeatedLinesCache::PartRuns>> RepeatedLinesCache::runs_of(
    const EventPartPtr& part, Budget& budget, const Cancel& cancel) {
  {
    MutexLock lock(mutex_);
    auto it = by_part_.find(part.get());
    if (it != by_part_.end() && it->second->part.lock() == part) return it->second;
  }
  auto found = std::make_shared<PartRuns>();
  found->part = part;
  // Rows of one part that are equal are erased together or not at all.
  RepeatedLinesFinder finder({part}, {}, {}, budget, cancel);
  OBELISK_TRY(found->runs, finder.runs_of_parts());
  std::sort(found->runs.begin(), found->runs.end(), run_before);
  OBELISK_CHECK_OK(finder.find(found->runs, false, found->repeated));
  for (LineRun& run : found->runs) run.may_repeat = false;  // that is known now
  MutexLock lock(mutex_);
  std::erase_if(by_part_, [&](const auto& entry) {
    if (!entry.second->part.expired()) return false;
    runs_held_ -= entry.second->runs.size();
    return true;
  });
  if (runs_held_ + found->runs.size() <= kKnownRunsMax && by_part_.try_emplace(part.get(), found).second) {
    runs_held_ += found->runs.size();
  }
  return std::shared_ptr<const PartRuns>(std::move(found));
}

Result<std::shared_ptr<const RepeatedLinesCache::Known>> RepeatedLinesCache::known_of(
    const std::vector<EventPartPtr>& parts, const VisibleParts& visible, Budget& budget,
    const Cancel& cancel) {
  bool all_visible = std::all_of(visible.begin(), visible.end(), [](auto& rows) { return rows == nullptr; });
  if (all_visible) {
    MutexLock lock(mutex_);
    for (const std::shared_ptr<const Known>& known : known_) {
      bool same = std::equal(
          parts.begin(), parts.end(), known->parts.begin(), known->parts.end(),
          [](const EventPartPtr& a, const std::weak_ptr<const EventPart>& b) { return a == b.lock(); });
      if (same) return known;
    }
  }
  auto known = std::make_shared<Known>();
  auto repeated = std::make_shared<RepeatedLines>();
  uint32_t first_source = 0;
  for (const EventPartPtr& part : parts) {
    OBELISK_TRY(std::shared_ptr<const PartRuns> of_part, runs_of(part, budget, cancel));
    for (LineRun run : of_part->runs) {
      run.source += first_source;
      known->runs.push_back(run);
    }
    repeated->rows_.insert(of_part->repeated.rows_.begin(), of_part->repeated.rows_.end());
    first_source += static_cast<uint32_t>(part->directory().row_groups.size());
  }
  std::sort(known->runs.begin(), known->runs.end(), run_before);
  RepeatedLinesFinder finder(parts, visible, {}, budget, cancel);
  OBELISK_CHECK_OK(finder.find(known->runs, false, *repeated));
  known->repeated = std::move(repeated);
  known->parts.assign(parts.begin(), parts.end());
  if (!all_visible) return std::shared_ptr<const Known>(std::move(known));
  MutexLock lock(mutex_);
  known_.push_front(known);
  size_t runs_held = 0, kept = 0;
  while (kept < known_.size() && kept < kKnownSetsMax) {
    runs_held += known_[kept]->runs.size();
    if (runs_held > kKnownRunsMax) break;
    ++kept;
  }
  known_.resize(kept);
  return std::shared_ptr<const Known>(std::move(known));
}

Result<std::shared_ptr<const RepeatedLines>> RepeatedLinesCache::of(const std::vector<EventPartPtr>& parts,
                                                                    const VisibleParts& visible,
                                                                    const std::vector<HeadBatchPtr>& head,
                                                                    Budget& budget, const Cancel& cancel) {
  OBELISK_TRY(std::shared_ptr<const Known> known, known_of(parts, visible, budget, cancel));
  RepeatedLinesFinder finder(parts, visible, head, budget, cancel);
  std::vector<LineRun> of_head = finder.runs_of_head();
  if (of_head.empty()) return known->repeated;
  // With the runs of the parts that are of the same streams.
  std::vector<LineRun> runs;
  size_t next = 0;
  for (size_t begin = 0; begin < of_head.size();) {
    uint64_t stream = of_head[begin].stream;
    while (next < known->runs.size() && known->runs[next].stream < stream) ++next;
    for (; next < known->runs.size() && known->runs[next].stream == stream; ++next)
      runs.push_back(known->runs[next]);
    for (; begin < of_head.size() && of_head[begin].stream == stream; ++begin) runs.push_back(of_head[begin]);
  }
  std::sort(runs.begin(), runs.end(), run_before);
  auto repeated = std::make_shared<RepeatedLines>(*known->repeated);
  OBELISK_CHECK_OK(finder.find(runs, true, *repeated));
  return std::shared_ptr<const RepeatedLines>(std::move(repeated));
}

}  // namespace obelisk
