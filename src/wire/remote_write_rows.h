#pragma once
// Where the decoders of remote write 1.0 and 2.0 put what they read: rows of samples, exemplars and metadata,
// and the count of what was left out. Used inside wire/ only. Not thread safe. Label texts point into the
// body, which the batches keep alive; label lists lie in an arena they share.
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "plan/sample_batch.h"
#include "wire/exposition.h"
#include "wire/remote_write.h"
#include "wire/row_batches.h"

namespace obelisk {

// MetricMetadata.MetricType of 1.0 and Metadata.MetricType of 2.0.
MetricType remote_write_metric_type(int32_t number);

class RemoteWriteRows {
 public:
  RemoteWriteRows(const std::shared_ptr<const std::string>& body, UnixNanos now);

  // Sorts and checks the labels of a series; the reason why they are refused, or nothing. Texts are taken for
  // valid UTF-8.
  static std::string check_labels(std::vector<LabelRef>& labels);

  // The following rows are of this series. The list is copied, its texts are not.
  void begin_series(LabelsView labels, const Hash128& hash);
  // The same without a copy: room for that many labels, at most kLabelRoomMax, valid until the next call, and
  // a series of the first `count` that were put there.
  LabelRef* label_room(size_t count);
  void begin_series_in_room(size_t count, const Hash128& hash);
  void begin_series(LabelsView labels) { begin_series(labels, hash_labels_wide(labels)); }
  // Start 0: unknown.
  void sample(double value, int64_t millis, int64_t start_millis = 0) {
    if (!fits(millis) || !fits(start_millis)) [[unlikely]]
      return reject_time(fits(millis) ? start_millis : millis);
    if (samples_.row_count() >= RowBatches::kRowsMax) [[unlikely]]
      cut();
    samples_.add(millis * kNanosPerMilli, value, start_millis * kNanosPerMilli);
  }
  // A Histogram message.
  void histogram(std::string_view message);
  void exemplar(const std::vector<LabelRef>& labels, double value, int64_t millis);
  void metadata(std::string_view family, MetricType type, std::string_view help, std::string_view unit);
  // Counts samples (with histograms and exemplars) that are left out.
  void reject(std::string reason, uint64_t samples = 1);

  DecodedRemoteWrite finish();

 private:
  struct Shared {
    std::shared_ptr<const std::string> body;
    Arena arena;
  };

  static bool fits(int64_t millis) { return millis <= kMillisMax && millis >= -kMillisMax; }
  static constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli;

  void reject_time(int64_t millis);
  void cut();

  static constexpr size_t kLabelRoomMax = 1024;

  std::shared_ptr<Shared> shared_;
  const UnixNanos now_;
  LabelRef* room_ = nullptr;
  size_t room_left_ = 0;
  SampleBatchBuilder samples_;
  RowBatches exemplars_, metadata_;
  DecodedRemoteWrite result_;
  LabelsView labels_;
  Hash128 hash_;
  bool has_exemplar_group_ = false;
};

}  // namespace obelisk
