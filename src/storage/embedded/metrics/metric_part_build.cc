#include "storage/embedded/metrics/metric_part_build.h"

#include <algorithm>
#include <numeric>

#include "storage/embedded/metrics/series_source.h"

namespace obelisk {
namespace {

// A block shorter than this is merged with its neighbour rather than copied.
constexpr uint32_t kCopyRowsMin = kBlockRows * 3 / 4;

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

// Only pairs of series that have samples: a series whose every row was refused has none.
void add_pairs_in_use(const MetricHead& head, std::vector<LabelRef>& pairs) {
  std::vector<uint8_t> used(head.pair_count());
  for (uint32_t series = 0; series < head.series_count(); ++series) {
    if (head.samples(series).empty()) continue;
    for (uint32_t id : head.label_ids(series)) used[id] = 1;
  }
  for (uint32_t id = 0; id < used.size(); ++id) {
    if (used[id]) pairs.push_back(head.pair(id));
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
  PartMerger(MetricPartWriter& writer, const std::vector<std::shared_ptr<const MetricPart>>& parts)
      : writer_(writer), cutter_(writer), merger_(sources_of(parts)) {}

  Result<void> run() {
    for (;;) {
      OBELISK_TRY(bool more, merger_.next());
      if (!more) return {};
      writer_.begin_series(merger_.labels());
      OBELISK_CHECK_OK(blocks_follow_each_other() ? copy_series() : rewrite_series());
      OBELISK_CHECK_OK(writer_.end_series());
    }
  }

 private:
  static std::vector<std::unique_ptr<SeriesSource>> sources_of(
      const std::vector<std::shared_ptr<const MetricPart>>& parts) {
    std::vector<std::unique_ptr<SeriesSource>> sources;
    for (const auto& part : parts)
      sources.push_back(std::make_unique<PartSource>(part, all_series(part->series_count())));
    return sources;
  }

  bool blocks_follow_each_other() const {
    const BlockReference* last = nullptr;
    for (SeriesSource* source : merger_.current()) {
      for (const BlockReference& block : source->as_part()->blocks()) {
        if (last != nullptr && last->max_time >= block.min_time) return false;
        last = &block;
      }
    }
    return true;
  }

  Result<void> copy_series() {
    samples_.clear();
    Arena arena;
    for (SeriesSource* source : merger_.current()) {
      PartSource& part = *source->as_part();
      for (const BlockReference& reference : part.blocks()) {
        OBELISK_TRY(SampleBlock block, part.stored_block(reference, true));
        if (samples_.size() == 0 && block.row_count >= kCopyRowsMin) {
          OBELISK_CHECK_OK(writer_.add_block(block));
          continue;
        }
        Result<void> decoded = decode_block(block, true, samples_, arena);
        if (!decoded.ok())
          return part.part().locate(decoded.error(), part.part().directory().data_pages[reference.data_page]);
        OBELISK_CHECK_OK(cutter_.write(samples_, false));
      }
    }
    return cutter_.write(samples_, true);
  }

  Result<void> rewrite_series() {
    Arena arena;
    OBELISK_CHECK_OK(merger_.read(kEverything, true, samples_, arena));
    return cutter_.write(samples_, true);
  }

  static constexpr TimeRange kEverything{};

  MetricPartWriter& writer_;
  BlockCutter cutter_;
  SeriesMerger merger_;
  Samples samples_;
};

}  // namespace

Result<void> write_part_of_heads(File& file, const std::vector<FrozenHead>& heads) {
  OBELISK_ASSERT(!heads.empty());
  std::vector<LabelRef> pairs;
  MetadataRows metadata;
  std::vector<std::unique_ptr<SeriesSource>> sources;
  for (const FrozenHead& head : heads) {
    add_pairs_in_use(*head.samples, pairs);
    metadata.add_all(*head.metadata);
    sources.push_back(
        std::make_unique<FrozenHeadSource>(head.samples, all_series(head.samples->series_count())));
  }
  MetricPartWriter writer(file, sorted_unique(std::move(pairs)), heads.front().first_sequence,
                          heads.back().last_sequence);
  BlockCutter cutter(writer);
  SeriesMerger merger(std::move(sources));
  Samples samples;
  for (;;) {
    OBELISK_TRY(bool more, merger.next());
    if (!more) break;
    Arena arena;
    OBELISK_CHECK_OK(merger.read(TimeRange{}, true, samples, arena));
    writer.begin_series(merger.labels());
    OBELISK_CHECK_OK(cutter.write(samples, true));
    OBELISK_CHECK_OK(writer.end_series());
  }
  OBELISK_TRY([[maybe_unused]] uint64_t bytes, writer.finish(metadata));
  return {};
}

Result<void> write_part_of_parts(File& file, const std::vector<std::shared_ptr<const MetricPart>>& parts) {
  OBELISK_ASSERT(!parts.empty());
  std::vector<LabelRef> pairs;
  Arena texts;
  MetadataRows metadata;
  for (const auto& part : parts) {
    OBELISK_CHECK_OK(add_pairs(*part, texts, pairs));
    OBELISK_CHECK_OK(part->read_metadata(metadata));
  }
  MetricPartWriter writer(file, sorted_unique(std::move(pairs)), parts.front()->footer().first_sequence,
                          parts.back()->footer().last_sequence);
  OBELISK_CHECK_OK(PartMerger(writer, parts).run());
  OBELISK_TRY([[maybe_unused]] uint64_t bytes, writer.finish(metadata));
  return {};
}

}  // namespace obelisk
