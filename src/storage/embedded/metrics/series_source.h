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

// What a source holds of a series, whatever the range: rows as they arrived, and the bytes of its samples.
struct SeriesFacts {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  int64_t min_time = INT64_MAX;
  int64_t max_time = INT64_MIN;
};

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // Goes to the next series; false at the end.
  virtual Result<bool> next() = 0;
  // Of the current series, valid until next().
  virtual LabelsView labels() const = 0;
  // hash_labels(labels()).
  virtual uint64_t labels_hash() const { return hash_labels(labels()); }
  // What keeps the texts of labels() where they are; null when they go with next().
  virtual std::shared_ptr<const void> labels_owner() const { return nullptr; }
  // No sample of the current series is later.
  virtual int64_t max_time() const { return INT64_MAX; }
  virtual SeriesFacts facts() const = 0;
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

// Some series of a head, in ascending numbers. Construct it under the lock that guards the head; afterwards
// no lock is needed, since the samples have been copied (compressed, as they lie) and the labels of an index
// never change.
class HeadSource : public SeriesSource {
 public:
  HeadSource(std::shared_ptr<const MetricHead> head, const Postings& series, const TimeRange& range,
             bool newest_only = false);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  uint64_t labels_hash() const override { return head_->index()->labels_hash(order_[next_ - 1]); }
  std::shared_ptr<const void> labels_owner() const override { return head_->index(); }
  int64_t max_time() const override { return max_time_; }
  SeriesFacts facts() const override;
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  size_t memory_bytes() const override {
    return records_.capacity() + (numbers_.capacity() + order_.capacity()) * sizeof(uint32_t) +
           ends_.capacity() * sizeof(size_t);
  }
  const MetricHead& head() const { return *head_; }
  // Ranks that were made on the way and that the index lacks; set them under its lock.
  std::shared_ptr<const SeriesIndex::Ranks> sort();

 private:
  std::string_view records_of_current() const;

  std::shared_ptr<const MetricHead> head_;
  std::shared_ptr<const SeriesIndex::Ranks> ranks_;
  std::string records_;
  Postings numbers_;          // ascending
  std::vector<size_t> ends_;  // in records_, of each of numbers_
  Postings order_;            // the same in label order, once sorted
  int64_t max_time_ = INT64_MAX;
  size_t next_ = 0;
  bool sorted_ = false;
  std::vector<LabelRef> labels_;
};

// The same for a head that nobody appends to any more: nothing is copied.
class FrozenHeadSource : public SeriesSource {
 public:
  // `ranks`: of the head's index, taken under its lock.
  FrozenHeadSource(std::shared_ptr<const MetricHead> head, std::shared_ptr<const SeriesIndex::Ranks> ranks,
                   Postings series, bool newest_only = false);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  uint64_t labels_hash() const override { return head_->index()->labels_hash(series_[next_ - 1]); }
  std::shared_ptr<const void> labels_owner() const override { return head_->index(); }
  int64_t max_time() const override { return head_->samples(series_[next_ - 1]).max_time(); }
  SeriesFacts facts() const override;
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  size_t memory_bytes() const override { return series_.capacity() * sizeof(uint32_t); }
  const std::shared_ptr<const SeriesIndex::Ranks>& made_ranks() const { return made_ranks_; }

 private:
  std::shared_ptr<const MetricHead> head_;
  Postings series_;  // in label order
  std::shared_ptr<const SeriesIndex::Ranks> made_ranks_;
  const bool newest_only_;
  size_t next_ = 0;
  std::string records_;  // of the current series
  std::vector<LabelRef> labels_;
};

// Some series of a part. Holds the last pages read.
class PartSource : public SeriesSource {
 public:
  // `newest_only`: read() gives at least the newest row in the range, and may give no more.
  PartSource(std::shared_ptr<const MetricPart> part, Postings series, bool newest_only = false);
  Result<bool> next() override;
  LabelsView labels() const override { return labels_; }
  std::shared_ptr<const void> labels_owner() const override { return texts_.owner(); }
  int64_t max_time() const override { return blocks().back().max_time; }
  SeriesFacts facts() const override;
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
  Result<void> read_newest(const TimeRange& range, Samples& out);
  Result<void> read_data_page(const BlockReference& reference);

  std::shared_ptr<const MetricPart> part_;
  Postings series_;
  const bool newest_only_;
  size_t next_ = 0;
  PartLabelTexts texts_;
  SeriesPage series_page_;
  uint32_t series_page_number_ = UINT32_MAX;
  const SeriesPage::Entry* current_ = nullptr;
  std::vector<LabelRef> labels_;
  std::vector<uint32_t> label_ids_;  // of labels_
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
  // `newest_only`: read() gives at least the newest row in the range, and may give no more.
  explicit SeriesMerger(std::vector<std::unique_ptr<SeriesSource>> sources, bool newest_only = false)
      : sources_(std::move(sources)), newest_only_(newest_only) {}
  Result<bool> next();
  LabelsView labels() const { return current_[0]->labels(); }
  uint64_t labels_hash() const { return current_[0]->labels_hash(); }
  std::shared_ptr<const void> labels_owner() const { return current_[0]->labels_owner(); }
  // The sources that have the current series, in order of arrival.
  const std::vector<SeriesSource*>& current() const { return current_; }
  // All samples of the current series in the range, sorted, of equal times the last to arrive.
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena);
  // The same behind the rows that are there.
  Result<void> append(const TimeRange& range, bool with_payload, Samples& out, Arena& arena);
  uint64_t bytes_read() const;
  // Of what was read so far.
  const ReplacedSamples& replaced() const { return replaced_; }

 private:
  Result<void> read_newest(const TimeRange& range, bool with_payload, Samples& out, Arena& arena);

  std::vector<std::unique_ptr<SeriesSource>> sources_;
  const bool newest_only_;
  std::vector<SeriesSource*> active_;
  std::vector<SeriesSource*> current_;
  Samples newest_;
  ReplacedSamples replaced_;
  bool started_ = false;
};

}  // namespace obelisk
