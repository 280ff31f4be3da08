#pragma once
// Series of one head or one part in the order of their labels, and several of them merged: what queries,
// flushes and merges walk over. One thread each.
#include <memory>
#include <vector>

#include "base/time.h"
#include "plan/scan.h"
#include "storage/embedded/metrics/metric_head.h"
#include "storage/embedded/metrics/metric_part.h"
#include "storage/embedded/metrics/samples.h"

namespace obelisk {

class PartSource;

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // Goes to the next series; false at the end.
  virtual Result<bool> next() = 0;
  // Of the current series, valid until next().
  virtual LabelsView labels() const = 0;
  // Appends the current series' samples, in order of arrival, at least those in the range. Histogram bytes go
  // into `arena`. Without `with_payload` only times and start times are wanted.
  virtual Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) = 0;
  // Null when the series does not come from a part.
  virtual PartSource* as_part() { return nullptr; }
  // Bytes of storage read so far.
  virtual uint64_t bytes_read() const { return 0; }
  // Memory that the source holds.
  virtual size_t memory_bytes() const { return 0; }
};

// Some series of a head. Construct it under the lock that guards the head; afterwards no lock is needed,
// since the samples have been copied (compressed, as they lie) and the labels of a head never change.
class HeadSource : public SeriesSource {
 public:
  HeadSource(std::shared_ptr<const MetricHead> head, const Postings& series, const TimeRange& range);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  size_t memory_bytes() const override { return records_.capacity() + views_.capacity() * sizeof(View); }

 private:
  struct View {
    uint32_t series;
    size_t begin;  // in records_
    size_t end;
  };
  std::shared_ptr<const MetricHead> head_;
  std::string records_;
  std::vector<View> views_;
  size_t next_ = 0;
  bool sorted_ = false;
  std::vector<LabelRef> labels_;
};

// The same for a head that nobody appends to any more: nothing is copied.
class FrozenHeadSource : public SeriesSource {
 public:
  FrozenHeadSource(std::shared_ptr<const MetricHead> head, Postings series);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  size_t memory_bytes() const override { return series_.capacity() * sizeof(uint32_t); }

 private:
  std::shared_ptr<const MetricHead> head_;
  Postings series_;  // in label order
  size_t next_ = 0;
  std::string records_;  // of the current series
  std::vector<LabelRef> labels_;
};

// Some series of a part. Holds the last pages read.
class PartSource : public SeriesSource {
 public:
  PartSource(std::shared_ptr<const MetricPart> part, Postings series);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  PartSource* as_part() override { return this; }
  uint64_t bytes_read() const override { return bytes_read_; }

  // For merges: the blocks of the current series, and each as it is stored (without payload if not wanted).
  // Views live until the next call.
  std::span<const BlockReference> blocks() const;
  Result<SampleBlock> stored_block(const BlockReference& reference, bool with_payload);
  const MetricPart& part() const { return *part_; }

 private:
  static constexpr size_t kTimePagesMax = 32;
  struct TimePage {
    uint32_t page;
    std::string bytes;
    std::vector<std::string_view> columns;
  };

  Result<std::string_view> time_column(uint32_t column);

  std::shared_ptr<const MetricPart> part_;
  Postings series_;
  size_t next_ = 0;
  PartLabelTexts texts_;
  SeriesPage series_page_;
  uint32_t series_page_number_ = UINT32_MAX;
  const SeriesPage::Entry* current_ = nullptr;
  std::vector<LabelRef> labels_;
  std::string data_page_;
  uint32_t data_page_number_ = UINT32_MAX;
  std::vector<std::unique_ptr<TimePage>> time_pages_;
  size_t evict_next_ = 0;
  std::string start_times_;  // of the current block: its page may go when the page of its times comes
  uint64_t bytes_read_ = 0;
};

// Several sources, in order of arrival, as one sequence of series.
class SeriesMerger {
 public:
  explicit SeriesMerger(std::vector<std::unique_ptr<SeriesSource>> sources) : sources_(std::move(sources)) {}
  Result<bool> next();
  LabelsView labels() const { return current_[0]->labels(); }
  // The sources that have the current series, in order of arrival.
  const std::vector<SeriesSource*>& current() const { return current_; }
  // All samples of the current series in the range, sorted, of equal times the last to arrive.
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena);
  uint64_t bytes_read() const;

 private:
  std::vector<std::unique_ptr<SeriesSource>> sources_;
  std::vector<SeriesSource*> active_;
  std::vector<SeriesSource*> current_;
  bool started_ = false;
};

}  // namespace obelisk
