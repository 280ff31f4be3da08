#pragma once
// What one target's pages become: batches with the target's labels, its series' staleness, and the series
// about the scrape itself. No network and no clock, so it can be tested line by line.
//
// Labels: a page's label that the target has, too, is renamed exported_<name> (again, while that is taken),
// unless honor_labels, where the page's wins (an empty one on the page removes the target's). Then come the
// metric relabelling rules, and the limits on labels; a series that breaks one, and more samples than
// sample_limit, fail the whole page.
//
// Staleness: a series of the last page that is missing from this one gets one sample whose value is the stale
// marker; a failed scrape and a target that is gone do that to all. Series with times of their own are left
// out of it, as in Prometheus, unless track_timestamps_staleness. Exemplars are kept once: clients show the
// same one on every page until they have a new one. Metadata (type, help, unit) is written when it changes,
// and again every kMetadataRepeat so that retention cannot lose it. Of two samples of one series with one
// time on a page the first stays, and the second is counted (obelisk_scrape_duplicate_samples_total). A
// sample with a time of its own that the last page had as well is no news.
//
// Speed: a series is known by the bytes that spell it on the page, and usually follows the series that it
// followed the last time, so that an unchanged series of a Prometheus text page, of an OpenMetrics page
// without _created lines, or a counter or gauge of a protobuf page, costs one comparison and a number: no
// labels are parsed, hashed, relabelled or copied (accept_text, accept_protobuf). What is not known is
// collected and parsed together. Labels live in an arena that the batches keep alive; it is rebuilt when more
// than half of it is dead. Not thread safe: one scrape of a target at a time.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "collect/relabel/relabel.h"
#include "collect/scrape/stale_marker.h"
#include "model/labels.h"
#include "plan/batch.h"
#include "plan/sample_batch.h"
#include "wire/exposition.h"

namespace obelisk::scrape {

// About one scrape: the values of the series that Prometheus adds.
struct ScrapeReport {
  bool up = false;
  double duration_seconds = 0;
  size_t samples_scraped = 0;
  size_t samples_kept = 0;  // scrape_samples_post_metric_relabeling
  size_t series_added = 0;
  // extra_scrape_metrics; scrape_body_size_bytes is -1 when the body was over its limit.
  bool extra = false;
  double timeout_seconds = 0;
  double sample_limit = 0;
  double body_bytes = 0;
};

// What a page says of a family.
struct FamilyMetadata {
  std::string name;
  std::string_view type;  // "counter" and so on; static text
  std::string help;
  std::string unit;
};

// How pages are read.
struct PageSettings {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  collect::RelabelRules relabel;
  uint64_t sample_limit = 0;  // 0: none, here and below
  uint64_t label_limit = 0;
  uint64_t label_name_bytes = 0;
  uint64_t label_value_bytes = 0;
  ExpositionOptions exposition;
  collect::NameScheme names = collect::NameScheme::utf8;  // legacy: other names refuse the page

  bool operator==(const PageSettings&) const = default;
};

class TargetSeries {
 public:
  static constexpr int64_t kMetadataRepeatNanos = 3600 * kNanosPerSecond;

  explicit TargetSeries(Labels target_labels) : target_labels_(std::move(target_labels)) {}

  // Before the first page, and when the configuration changes. Series go on as far as their labels stay the
  // same.
  void set_settings(PageSettings settings);
  // The rows of a page, and stale markers for what it no longer has. Fills the counts of `report`, also when
  // a limit refuses the page; then, and when it does not parse, the caller ends all series.
  Result<std::vector<Batch>> accept_page(ExpositionFormat format, std::string_view page, UnixNanos time,
                                         ScrapeReport& report);
  // The scrape failed, or the target is gone: stale markers for everything.
  std::vector<Batch> end_all(UnixNanos time);
  // up and the others, as one batch.
  Batch report_batch(const ScrapeReport& report, UnixNanos time) const;
  // Stale markers for the series of report_batch: the target is gone.
  Batch end_report(const ScrapeReport& report, UnixNanos time) const;

  size_t series_count() const { return by_labels_.size(); }
  // The families of the last page that could be read; never null.
  std::shared_ptr<const std::vector<FamilyMetadata>> families() const { return families_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Series {
    LabelsView labels;  // in labels_arena_
    Hash128 hash;       // hash_labels_wide
    uint64_t key = 0;   // in by_labels_
    uint64_t last_page = 0;
    int64_t last_time = INT64_MIN;
    double last_value = 0;
    uint64_t exemplar_hash = 0;
    int64_t exemplar_time = INT64_MIN;  // of the last of several
    bool tracked = false;               // its last sample is one that staleness looks at
    bool live = false;                  // false: the slot is free
  };
  // One spelling of a series on pages.
  struct Text {
    std::string_view spelling;  // in texts_arena_
    uint32_t series = kNone;    // kNone: metric relabelling drops it
    uint32_t next = kNone;      // the text that followed it the last time
    uint64_t last_page = 0;
  };
  struct HashText {
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  // What one page adds up to.
  struct Page;

  // False: nothing of the page counts, it must be parsed as a whole.
  Result<bool> accept_text(ExpositionFormat format, std::string_view page, Page& out);
  template <ExpositionFormat kFormat>
  Result<bool> accept_lines(std::string_view page, Page& out);
  Result<bool> accept_protobuf(std::string_view page, Page& out);
  bool accept_simple_family(std::string_view message, std::string_view name, uint8_t tag, Page& out,
                            std::string& unknown);
  Result<void> accept_whole(ExpositionFormat format, std::string_view page, Page& out);
  static bool is_new(Series& series, const ExpositionExemplar& exemplar);
  Result<void> accept_parsed(const Exposition& exposition, Page& out);
  uint32_t find_text(std::string_view spelling, uint32_t guess) const;
  void follow(uint32_t text, Page& out);
  Series* begin_sample(const Text& text, std::optional<UnixNanos> own_time, double value, Page& out);

  Result<uint32_t> add_text(const ExpositionSample& sample, Page& out);
  Result<uint32_t> find_or_add_series(const Labels& labels, Page& out);
  Labels with_target_labels(LabelsView labels, std::string_view spelling) const;
  Result<void> check_limits(const Labels& labels) const;
  Result<void> check_names(const Labels& labels) const;
  LabelsView copy_labels(LabelsView labels);

  void add_exemplar(Series& series, const ExpositionExemplar& exemplar, UnixNanos time, Page& out);
  void add_metadata(const Exposition& exposition, UnixNanos time, BatchBuilder& rows);
  void add_stale_markers(UnixNanos time, SampleBatchBuilder& rows);
  bool metadata_is_due(UnixNanos time) const;
  void forget_unseen();
  void forget_key(uint64_t gap);
  void forget_texts();
  void rebuild_arenas_when_sparse();
  Batch about_scrape(const ScrapeReport& report, UnixNanos time, bool ended) const;

  const Labels target_labels_;
  PageSettings settings_;

  uint64_t page_number_ = 0;
  std::shared_ptr<Arena> labels_arena_ = std::make_shared<Arena>();
  size_t live_label_bytes_ = 0;
  std::unique_ptr<Arena> texts_arena_ = std::make_unique<Arena>();
  size_t live_text_bytes_ = 0;

  std::vector<Series> series_;
  std::vector<uint32_t> free_series_;
  std::unordered_map<uint64_t, uint32_t> by_labels_;  // by hash; a collision takes the next free key
  std::vector<Text> texts_;
  std::vector<uint32_t> free_texts_;
  std::unordered_map<std::string_view, uint32_t, HashText> by_text_;
  uint32_t first_text_ = kNone;  // what the last page began with
  size_t last_row_count_ = 0;
  bool has_start_lines_ = false;  // the last OpenMetrics page had _created lines

  std::string comments_;  // the comment lines of the last text page, or the family headers of a protobuf page
  ExpositionFormat comments_format_ = ExpositionFormat::prometheus_text;
  std::unordered_map<std::string, uint64_t> metadata_hashes_;  // by family
  std::optional<UnixNanos> metadata_written_;
  std::shared_ptr<const std::vector<FamilyMetadata>> families_ =
      std::make_shared<const std::vector<FamilyMetadata>>();
};

}  // namespace obelisk::scrape
