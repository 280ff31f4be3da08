#pragma once
// The door to the store: every batch, wherever it comes from, passes here on its way to the writer. It checks
// rows against limits, finds trace ids in log lines, counts what it refuses, and hands the rest over as one
// request. Thread safe; never blocks.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "model/tenant.h"
#include "plan/batch.h"
#include "storage/writer.h"

namespace obelisk {

// How many active series of metrics there may be (series_limits.h); 0: any number. A million take some 600 MB
// while they are in memory; one metric or one job may make half of them.
struct SeriesBounds {
  uint64_t per_tenant_max = 1'000'000;
  uint64_t per_metric_max = 500'000;
  uint64_t per_job_max = 500'000;
  // Of single metrics and jobs that differ.
  std::map<std::string, uint64_t, std::less<>> of_metric;
  std::map<std::string, uint64_t, std::less<>> of_job;
};

// Bounds on single rows; the texts of the errors follow Loki's and Prometheus' (reference: logs A5).
struct IntakeLimits {
  size_t line_bytes_max = 256 * 1024;  // Loki's max_line_size
  bool truncate_lines = false;         // longer lines are cut there instead of refused
  bool detect_levels = false;          // log_levels.h
  size_t label_name_bytes_max = 1024;
  size_t label_value_bytes_max = 4096;  // twice Loki's 2048: OTLP resource attributes become label values
  size_t label_count_max = 64;
  size_t attribute_count_max = 1024;                 // OTLP SDKs cap at 128 by default
  int64_t future_nanos_max = 600 * kNanosPerSecond;  // 10 minutes, as Prometheus and Loki
  SeriesBounds series;
  std::map<Tenant, SeriesBounds> tenant_series;  // of tenants that differ, complete
  int64_t series_window_nanos = 3600 * kNanosPerSecond;
};

class DeltaToCumulative;
class Reader;
class MetadataFilter;
class SeriesLimits;

struct IntakeOutcome {
  uint64_t accepted_rows = 0;
  uint64_t rejected_rows = 0;
  // Of the accepted rows, by what remote write 2.0 tells its senders.
  uint64_t accepted_values = 0;
  uint64_t accepted_histograms = 0;
  uint64_t accepted_exemplars = 0;
  std::string message;  // why rows were rejected: the first reason, with how many more; empty when none were
  // Which ones: their numbers over all batches as given, ascending, the first kRejectedNamedMax. Not known
  // for delta samples.
  static constexpr size_t kRejectedNamedMax = 100'000;
  std::vector<uint64_t> rejected;
};

class Intake {
 public:
  using Done = std::function<void(Result<IntakeOutcome>)>;
  Intake(Writer& writer, const Clock& clock, IntakeLimits limits = {});

  // Delta sums go on from what the store has, also after a start. `stored` outlives the intake and reads what
  // the writer wrote. Before the first write.
  void resume_deltas_from(Reader& stored);

  // Rows over a limit are left out and counted; the others are stored together, wholly or not at all. `done`
  // is called once, when they are durable, or with the writer's error. A request without any acceptable row
  // succeeds with accepted_rows 0. Delta samples (column::kTemporality) are stored as cumulative ones
  // (delta_to_cumulative.h); metadata that was stored within the last hour is not stored again, and counts as
  // accepted.
  void write(const Tenant& tenant, std::vector<Batch> batches, Done done);

  // Whether write() would take every row of these batches of spans: a caller that has put the requests of
  // several senders together asks, since the outcome does not say whose rows were left out.
  bool takes_all_spans(const std::vector<Batch>& batches) const;

 private:
  struct Request;
  void prepare(const Tenant& tenant, Batch batch, UnixNanos now, Request& request);

  Writer& writer_;
  const Clock& clock_;
  const IntakeLimits limits_;
  const std::shared_ptr<DeltaToCumulative> deltas_;
  const std::shared_ptr<SeriesLimits> series_;
  const std::shared_ptr<MetadataFilter> metadata_;  // shared with the callbacks of requests under way
};

}  // namespace obelisk
