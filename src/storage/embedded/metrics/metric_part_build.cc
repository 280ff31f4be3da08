#include "storage/embedded/metrics/metric_part_build.h"

#include <algorithm>
#include <numeric>

#include "storage/embedded/metrics/erasing_source.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {
namespace {

// A block shorter than this is merged with its neighbours rather than copied.
constexpr uint32_t kCopyRowsMin = kBlockRows * 3 / 4;

// Full, or nearly so with nothing behind it that would fill it up.
bool is_copied(const BlockReference& block, const BlockReference* next) {
  if (block.row_count >= kBlockRows) return true;
  return block.row_count >= kCopyRowsMin && (next == nullptr || next->row_count >= kCopyRowsMin);
}

std::vector<LabelRef> sorted_unique(std::vector<LabelRef> pairs) {
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

Postings all_series(uint32_t count) {
  Postings all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Only pairs of series that have samples: the index knows others.
void add_pairs_in_use(const FrozenHead& head, std::vector<LabelRef>& pairs) {
  const SeriesIndex& index = *head.samples->index();
  std::vector<uint8_t> used(head.pair_count);
  for (uint32_t series = 0; series < head.samples->series_end(); ++series) {
    if (head.samples->samples(series).empty()) continue;
    for (uint32_t id : index.label_ids(series)) used[id] = 1;
  }
  for (uint32_t id = 0; id < used.size(); ++id) {
    if (used[id]) pairs.push_back(index.pair(id));
  }
}

Result<void> add_pairs(const MetricPart& part, Arena& arena, std::vector<LabelRef>& pairs) {
  for (const PartDirectory::Name& name : part.directory().names) {
    OBELISK_CHECK_OK(part.visit_values(name.name, [&](std::string_view value, const PostingReference&) {
      pairs.push_back({name.name, arena.copy(value)});
    }));
  }
  return {};
}

// Cuts samples into blocks and writes them.
class BlockCutter {
 public:
  explicit BlockCutter(MetricPartWriter& writer) : writer_(writer) {}

  // Writes full blocks from the front; the rest too when `all`.
  Result<void> write(Samples& samples, bool all) {
    size_t first = 0;
    while (first < samples.size()) {
      size_t count = next_block_rows(samples, first);
      bool ended_by_kind = first + count < samples.size();
      if (count < kBlockRows && !ended_by_kind && !all) break;
      encoder_.effort = count < kCopyRowsMin ? IntegerEffort::quick : IntegerEffort::full;
      OBELISK_CHECK_OK(writer_.add_block(encoder_.encode(samples, first, count)));
      first += count;
    }
    if (first == samples.size()) {
      samples.clear();
    } else {
      samples.trim(samples.times[first], INT64_MAX);
    }
    return {};
  }

 private:
  MetricPartWriter& writer_;
  BlockEncoder encoder_;
};

class PartMerger {
 public:
  PartMerger(MetricPartWriter& writer, std::vector<std::unique_ptr<SeriesSource>> sources)
      : writer_(writer), cutter_(writer), merger_(std::move(sources)) {}

  const ReplacedSamples& replaced() const { return merger_.replaced(); }

  Result<void> run() {
    for (;;) {
      OBELISK_TRY(bool more, merger_.next());
      if (!more) return {};
      OBELISK_CHECK_OK(blocks_follow_each_other() ? copy_series() : rewrite_series());
    }
  }

 private:
  bool blocks_follow_each_other() const {
    const BlockReference* last = nullptr;
    for (SeriesSource* source : merger_.current()) {
      if (source->as_part() == nullptr) return false;
      for (const BlockReference& block : source->as_part()->blocks()) {
        if (last != nullptr && last->max_time >= block.min_time) return false;
        last = &block;
      }
    }
    return true;
  }

  Result<void> copy_series() {
    writer_.begin_series(merger_.labels());
    samples_.clear();
    Arena arena;
    blocks_.clear();
    for (SeriesSource* source : merger_.current())
      for (const BlockReference& block : source->as_part()->blocks())
        blocks_.emplace_back(source->as_part(), &block);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      auto [part, reference] = blocks_[i];
      OBELISK_TRY(SampleBlock block, part->stored_block(*reference, true));
      const BlockReference* next = i + 1 < blocks_.size() ? blocks_[i + 1].second : nullptr;
      if (samples_.size() == 0 && is_copied(*reference, next)) {
        OBELISK_CHECK_OK(writer_.add_block(block));
        continue;
      }
      Result<void> decoded = decode_block(block, true, samples_, arena);
      if (!decoded.ok()) {
        const MetricPart& file = part->part();
        return file.locate(decoded.error(), file.directory().data_pages[reference->data_page]);
      }
      OBELISK_CHECK_OK(cutter_.write(samples_, false));
    }
    OBELISK_CHECK_OK(cutter_.write(samples_, true));
    return writer_.end_series();
  }

  // Nothing may be left of it.
  Result<void> rewrite_series() {
    Arena arena;
    OBELISK_CHECK_OK(merger_.read(kEverything, true, samples_, arena));
    if (samples_.size() == 0) return {};
    writer_.begin_series(merger_.labels());
    OBELISK_CHECK_OK(cutter_.write(samples_, true));
    return writer_.end_series();
  }

  static constexpr TimeRange kEverything{};

  MetricPartWriter& writer_;
  BlockCutter cutter_;
  SeriesMerger merger_;
  Samples samples_;
  std::vector<std::pair<PartSource*, const BlockReference*>> blocks_;  // of the series at hand
};

using Sources = std::vector<std::unique_ptr<SeriesSource>>;

Sources sources_of(const std::vector<std::shared_ptr<const MetricPart>>& parts,
                   const std::vector<ErasurePtr>& erasures) {
  Sources sources;
  for (const auto& part : parts) {
    const PartFooter& footer = part->footer();
    sources.push_back(without_erased(std::make_unique<PartSource>(part, all_series(part->series_count())),
                                     erasures, footer.last_sequence, footer.min_time, footer.max_time));
  }
  return sources;
}

Sources sources_of(const std::vector<FrozenHead>& heads, const std::vector<ErasurePtr>& erasures) {
  Sources sources;
  for (const FrozenHead& head : heads) {
    const MetricHead& samples = *head.samples;
    sources.push_back(without_erased(
        std::make_unique<FrozenHeadSource>(head.samples, head.ranks, all_series(samples.series_end())),
        erasures, head.last_sequence, samples.min_time(), samples.max_time()));
  }
  return sources;
}

// With erasures the pairs that stay in use are those of series with rows left: read them all.
Result<void> add_pairs_left(Sources sources, Arena& texts, std::vector<LabelRef>& pairs) {
  SeriesMerger merger(std::move(sources));
  Samples samples;
  std::vector<LabelRef> last;
  for (;;) {
    OBELISK_TRY(bool more, merger.next());
    if (!more) return {};
    Arena unused;
    OBELISK_CHECK_OK(merger.read(TimeRange{}, false, samples, unused));
    if (samples.size() == 0) continue;
    // Neighbours share most of their labels: only the others are copied.
    std::vector<LabelRef> labels;
    for (const LabelRef& label : merger.labels()) {
      auto same = std::find(last.begin(), last.end(), label);
      labels.push_back(same != last.end() ? *same
                                          : LabelRef{texts.copy(label.name), texts.copy(label.value)});
      if (same == last.end()) pairs.push_back(labels.back());
    }
    last = std::move(labels);
  }
}

}  // namespace

Result<void> write_part_of_heads(File& file, const std::vector<FrozenHead>& heads,
                                 const std::vector<ErasurePtr>& erasures) {
  OBELISK_ASSERT(!heads.empty());
  std::vector<LabelRef> pairs;
  Arena texts;
  MetadataRows metadata;
  for (const FrozenHead& head : heads) {
    if (erasures.empty()) add_pairs_in_use(head, pairs);
    metadata.add_all(*head.metadata);
  }
  if (!erasures.empty()) OBELISK_CHECK_OK(add_pairs_left(sources_of(heads, erasures), texts, pairs));
  MetricPartWriter writer(file, sorted_unique(std::move(pairs)), heads.front().first_sequence,
                          heads.back().last_sequence);
  BlockCutter cutter(writer);
  SeriesMerger merger(sources_of(heads, erasures));
  Samples samples;
  for (;;) {
    OBELISK_TRY(bool more, merger.next());
    if (!more) break;
    Arena arena;
    OBELISK_CHECK_OK(merger.read(TimeRange{}, true, samples, arena));
    if (samples.size() == 0) continue;
    writer.begin_series(merger.labels());
    OBELISK_CHECK_OK(cutter.write(samples, true));
    OBELISK_CHECK_OK(writer.end_series());
  }
  OBELISK_TRY([[maybe_unused]] uint64_t bytes, writer.finish(metadata));
  count_replaced(merger.replaced());
  return {};
}

Result<void> write_part_of_parts(File& file, const std::vector<std::shared_ptr<const MetricPart>>& parts,
                                 const std::vector<ErasurePtr>& erasures) {
  OBELISK_ASSERT(!parts.empty());
  std::vector<LabelRef> pairs;
  Arena texts;
  MetadataRows metadata;
  for (const auto& part : parts) {
    if (erasures.empty()) OBELISK_CHECK_OK(add_pairs(*part, texts, pairs));
    OBELISK_CHECK_OK(part->read_metadata(metadata));
  }
  if (!erasures.empty()) OBELISK_CHECK_OK(add_pairs_left(sources_of(parts, erasures), texts, pairs));
  MetricPartWriter writer(file, sorted_unique(std::move(pairs)), parts.front()->footer().first_sequence,
                          parts.back()->footer().last_sequence);
  uint32_t merges = 0;
  for (const auto& part : parts) merges = std::max(merges, part->footer().merges());
  writer.set_merges(merges + 1);
  PartMerger merger(writer, sources_of(parts, erasures));
  OBELISK_CHECK_OK(merger.run());
  OBELISK_TRY([[maybe_unused]] uint64_t bytes, writer.finish(metadata));
  count_replaced(merger.replaced());
  return {};
}

}  // namespace obelisk
