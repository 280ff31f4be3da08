#pragma once
// Writes one metric part file: series in the order of their labels, each with its blocks in time order, then
// finish().
//
// Steps: header; data pages and time pages as they fill (a time column that occurred before is referred to,
// not written again: all series of a target share theirs); then posting lists, label values, series pages,
// metadata, directory, footer; sync. Memory held: the index (about 30 bytes a series), the dictionary, the
// known time columns (bounded). One thread. A writer that is destroyed before finish() leaves a file without
// footer, which no reader opens. Format: docs/formats/metric_part.md.
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "env/disk.h"
#include "model/labels.h"
#include "storage/embedded/metrics/metadata_rows.h"
#include "storage/embedded/metrics/metric_part_format.h"
#include "storage/embedded/metrics/samples.h"

namespace obelisk {

class MetricPartWriter {
 public:
  // `pairs`: every label pair that will occur, sorted, without duplicates; the views must outlive the writer.
  MetricPartWriter(File& file, std::vector<LabelRef> pairs, uint64_t first_sequence, uint64_t last_sequence);

  // Labels in ascending order from call to call.
  void begin_series(LabelsView labels);
  // Blocks of the series, each later than the one before.
  Result<void> add_block(const SampleBlock& block);
  // A series without blocks is left out.
  Result<void> end_series();
  // The number of bytes of the file, synced.
  Result<uint64_t> finish(const MetadataRows& metadata);

  void set_merges(uint32_t merges) {
    footer_.flags |= std::min(merges, PartFooter::kMergesMax) << PartFooter::kMergesShift;
  }
  const PartFooter& footer() const { return footer_; }

 private:
  // Known time columns beyond this are forgotten; only sharing is lost.
  static constexpr size_t kTimeColumnsKnownMax = 1 << 20;
  static constexpr size_t kWriteBytes = 1 << 20;

  struct TextHash {
    size_t operator()(const std::string& text) const { return hash64(text); }
  };
  struct LabelHash {
    size_t operator()(const LabelRef& label) const { return hash64(label.value, hash64(label.name)); }
  };

  Result<PageReference> write_page(std::string_view payload);
  Result<void> write_out();
  Result<uint32_t> time_column(std::string_view encoded);
  Result<uint32_t> find_time_column(std::string_view encoded);
  Result<void> write_data_page();
  Result<void> write_time_page();
  void close_series_page();
  Result<void> write_label_index();
  Result<void> write_values(PartDirectory::Name& name);

  File& file_;
  std::string buffer_;          // not yet written
  uint64_t buffer_offset_ = 0;  // where it goes

  std::vector<LabelRef> pairs_;
  absl::flat_hash_map<LabelRef, uint32_t, LabelHash, std::equal_to<LabelRef>> pair_ids_;
  std::vector<std::vector<uint32_t>> postings_;

  std::string data_page_;
  std::vector<std::string> time_page_;
  size_t time_page_bytes_ = 0;
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<std::string>> time_columns_;

  std::optional<std::pair<std::string, uint32_t>> last_time_column_;  // series of one sender share it

  SeriesPage series_page_;
  std::vector<std::pair<std::string, uint32_t>> series_pages_;  // packed, with the first series
  uint32_t page_first_series_ = 0;
  std::vector<uint32_t> series_label_ids_;
  std::vector<BlockReference> series_blocks_;

  PartDirectory directory_;
  PartFooter footer_;
};

}  // namespace obelisk
