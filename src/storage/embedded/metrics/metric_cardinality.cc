// What makes the series of a metric store: one walk over the index of every head and part in the range, no
// samples are decoded. Rows that an erasure hides still count until a merge takes them away.
#include "storage/embedded/metrics/metric_store.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/hash.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {
namespace {

constexpr uint64_t kCancelEvery = 4096;

// Keeps the `limit` largest, largest first; equal ones in the order of their names.
template <typename T, typename Size, typename Name>
void keep_largest(std::vector<T>& all, uint64_t limit, Size size, Name name) {
  auto before = [&](const T& a, const T& b) {
    if (size(a) != size(b)) return size(a) > size(b);
    return name(a) < name(b);
  };
  size_t kept = limit == 0 ? all.size() : std::min<size_t>(all.size(), limit);
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept), all.end(), before);
  all.resize(kept);
}

class SeriesCounter {
 public:
  explicit SeriesCounter(const CardinalityQuery& query) : query_(query) {}

  void add(LabelsView labels, const SeriesFacts& facts) {
    ++report_.series;
    report_.samples += facts.rows;
    first_ = std::min(first_, facts.min_time);
    last_ = std::max(last_, facts.max_time);
    std::vector<std::string> key;
    for (const std::string& name : query_.by) key.emplace_back(label_value(labels, name));
    CardinalityReport::Group& group = groups_[key];
    if (group.series++ == 0) {
      group.values = std::move(key);
      group.first_seen = {facts.min_time};
      group.last_seen = {facts.max_time};
    }
    group.samples += facts.rows;
    group.bytes += facts.bytes;
    group.first_seen = std::min(group.first_seen, UnixNanos{facts.min_time});
    group.last_seen = std::max(group.last_seen, UnixNanos{facts.max_time});
    for (const LabelRef& label : labels) {
      auto names = pairs_.find(label.name);
      if (names == pairs_.end()) names = pairs_.try_emplace(std::string(label.name)).first;
      auto value = names->second.find(label.value);
      if (value == names->second.end()) value = names->second.try_emplace(std::string(label.value)).first;
      ++value->second;
    }
  }

  CardinalityReport finish() {
    if (report_.series > 0) {
      report_.first_seen = {first_};
      report_.last_seen = {last_};
    }
    for (auto& [key, group] : groups_) report_.groups.push_back(std::move(group));
    for (const auto& [name, values] : pairs_) {
      CardinalityReport::LabelName& entry = report_.names.emplace_back();
      entry.name = name;
      entry.values = values.size();
      report_.label_pairs += values.size();
      for (const auto& [value, series] : values) {
        entry.text_bytes += value.size();
        entry.series += series;
        report_.pairs.push_back({name, value, series});
      }
    }
    auto series_of = [](const auto& entry) { return entry.series; };
    keep_largest(report_.groups, query_.limit, series_of, [](const auto& group) { return group.values; });
    keep_largest(
        report_.names, query_.limit, [](const auto& name) { return name.values; },
        [](const auto& name) { return name.name; });
    keep_largest(report_.pairs, query_.limit, series_of,
                 [](const auto& pair) { return std::pair(pair.name, pair.value); });
    return std::move(report_);
  }

 private:
  const CardinalityQuery& query_;
  CardinalityReport report_;
  int64_t first_ = INT64_MAX;
  int64_t last_ = INT64_MIN;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  template <typename Value>
  using ByText = absl::flat_hash_map<std::string, Value, TextHash, std::equal_to<>>;

  std::map<std::vector<std::string>, CardinalityReport::Group> groups_;
  ByText<ByText<uint64_t>> pairs_;
};

}  // namespace

Result<CardinalityReport> MetricStore::cardinality(const CardinalityQuery& query,
                                                   const Cancel& cancel) const {
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.range = query.range;
  scan.where = query.where;
  OBELISK_TRY(View selected, view(scan));
  SeriesMerger merger(std::move(selected.sources));
  SeriesCounter counter(query);
  for (uint64_t visited = 0;; ++visited) {
    if (visited % kCancelEvery == 0) OBELISK_CHECK_OK(cancel.check());
    OBELISK_TRY(bool more, merger.next());
    if (!more) return counter.finish();
    if (decide_by_labels(query.where, merger.labels()) == Decision::no) continue;
    SeriesFacts facts;
    bool in_range = false;
    for (SeriesSource* source : merger.current()) {
      SeriesFacts of_source = source->facts();
      facts.rows += of_source.rows;
      facts.bytes += of_source.bytes;
      facts.min_time = std::min(facts.min_time, of_source.min_time);
      facts.max_time = std::max(facts.max_time, of_source.max_time);
      in_range |= of_source.min_time < query.range.end.value && of_source.max_time >= query.range.begin.value;
    }
    if (in_range) counter.add(merger.labels(), facts);
  }
}

}  // namespace obelisk
