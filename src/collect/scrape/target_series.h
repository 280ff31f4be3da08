#pragma once
// What one target's pages become: batches with the target's labels, its series' staleness, and the series
// about the scrape itself. No network and no clock, so it can be tested line by line.
//
// Labels: a page's label that the target has, too, is renamed exported_<name> (again, while that is taken),
// unless honor_labels, where the page's wins. Staleness: a series of the last page that is missing from this
// one gets one sample whose value is the stale marker; a failed scrape and a target that is gone do that to
// all. Series with times of their own are left out of it, as in Prometheus. Exemplars are kept once: clients
// show the same one on every page until they have a new one. Metadata (type, help, unit) is written when it
// changes, and again every kMetadataRepeat so that retention cannot lose it. Of two samples of one series
// with one time on a page the first stays, and the second is counted
// (obelisk_scrape_duplicate_samples_total). A sample with a time of its own that the last page had as well is
// no news.
//
// Labels of known series live in an arena that the batches keep alive, so that a series seen before costs no
// copy; the arena is rebuilt when more than half of it is dead. Not thread safe: one scrape of a target at a
// time.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "model/labels.h"
#include "plan/batch.h"
#include "wire/exposition.h"

namespace obelisk::scrape {

// A NaN that says "this series has ended", by its bits: the same as Prometheus'.
double stale_marker();
bool is_stale_marker(double value);

// About one scrape: the values of the series that Prometheus adds.
struct ScrapeReport {
  bool up = false;
  double duration_seconds = 0;
  size_t samples_scraped = 0;
  size_t samples_kept = 0;  // scrape_samples_post_metric_relabeling
  size_t series_added = 0;
};

class TargetSeries {
 public:
  static constexpr int64_t kMetadataRepeatNanos = 3600 * kNanosPerSecond;

  explicit TargetSeries(Labels target_labels) : target_labels_(std::move(target_labels)) {}

  // Before the first page, and when the configuration changes. Series go on as far as their labels stay the
  // same.
  void set_honor(bool labels, bool timestamps);
  // The rows of a page, and stale markers for what it no longer has. Fills the counts of `report`.
  std::vector<Batch> accept(const Exposition& exposition, UnixNanos time, ScrapeReport& report);
  // The scrape failed, or the target is gone: stale markers for everything.
  std::vector<Batch> end_all(UnixNanos time);
  // up and the others, as one batch.
  Batch report_batch(const ScrapeReport& report, UnixNanos time) const;
  // Stale markers for the series of report_batch: the target is gone.
  Batch end_report(UnixNanos time) const;

  size_t series_count() const { return by_labels_.size(); }

 private:
  struct Series {
    LabelsView labels;  // in labels_arena_
    uint64_t last_page = 0;
    int64_t last_time = INT64_MIN;
    double last_value = 0;
    uint64_t exemplar_hash = 0;
    bool tracked = false;  // its last sample had the scrape's time
  };
  struct Text {
    uint64_t series_key = 0;
    uint64_t last_page = 0;
  };
  struct HashText {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return hash64(text); }
  };

  // The series that a sample of this page belongs to; `added` counts those not known before.
  Series& series_of(const ExpositionSample& sample, size_t& added);
  Series& find_or_add(LabelsView labels, uint64_t& key, size_t& added);
  std::vector<LabelRef> with_target_labels(LabelsView labels);
  LabelsView copy_labels(LabelsView labels);
  void add_exemplar(Series& series, const ExpositionExemplar& exemplar, UnixNanos time,
                    std::vector<Batch>& out, BatchBuilder& rows);
  void add_metadata(const Exposition& exposition, UnixNanos time, BatchBuilder& rows);
  void add_stale_markers(UnixNanos time, BatchBuilder& rows);
  void forget_unseen();
  void rebuild_arena_when_sparse();
  Batch about_scrape(const std::vector<std::pair<std::string_view, double>>& values, UnixNanos time) const;

  const Labels target_labels_;
  bool honor_labels_ = false;
  bool honor_timestamps_ = true;

  uint64_t page_number_ = 0;
  std::shared_ptr<Arena> labels_arena_ = std::make_shared<Arena>();
  size_t live_label_bytes_ = 0;
  std::unordered_map<uint64_t, Series> by_labels_;  // by hash; a collision takes the next free key
  std::unordered_map<std::string, Text, HashText, std::equal_to<>> by_text_;  // how pages write the series
  std::unordered_map<std::string, uint64_t, HashText, std::equal_to<>> metadata_hashes_;  // by family
  std::optional<UnixNanos> metadata_written_;
  std::deque<std::string> renamed_;  // names made by with_target_labels, until its result has been copied
};

}  // namespace obelisk::scrape
