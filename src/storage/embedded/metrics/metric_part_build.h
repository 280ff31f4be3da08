#pragma once
// Makes parts: of heads (flush) and of older parts (merge). Both walk the series of their inputs in label
// order. A merge copies blocks as they are stored while they follow each other in time and are full, or full
// enough and not followed by a short one; from the first other one on, and wherever blocks overlap, the
// series is decoded, cleared of superseded samples and cut anew. Work and memory: one pass over the input,
// one series and the index of the result in memory. One thread.
#include <memory>
#include <string>
#include <vector>

#include "storage/embedded/erasure.h"
#include "storage/embedded/metrics/metric_head.h"
#include "storage/embedded/metrics/metric_part.h"
#include "storage/embedded/metrics/metric_part_writer.h"

namespace obelisk {

// What a flush writes: heads in order of arrival, which nobody appends to any more.
struct FrozenHead {
  std::shared_ptr<const MetricHead> samples;
  std::shared_ptr<const MetadataRows> metadata;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  // Of the index, when the head was frozen.
  uint32_t pair_count = 0;
  std::shared_ptr<const SeriesIndex::Ranks> ranks;
};

// Rows that `erasures` take are left out.
Result<void> write_part_of_heads(File& file, const std::vector<FrozenHead>& heads,
                                 const std::vector<ErasurePtr>& erasures = {});
Result<void> write_part_of_parts(File& file, const std::vector<std::shared_ptr<const MetricPart>>& parts,
                                 const std::vector<ErasurePtr>& erasures = {});

}  // namespace obelisk
