#pragma once
// What received telemetry passes between decoding and the intake: taps that derive metrics from spans
// (span_metrics.h, service_graph.h) see each accepted request, and their series are written back on a timer
// (derived_metrics_flusher.h).
// Thread safe.
#include <functional>
#include <memory>
#include <vector>

#include "ingest/intake.h"

namespace obelisk {

struct GraphRules;

// Sees the spans of every request that was stored. Called from the threads that write; must be quick.
class SpanTap {
 public:
  virtual ~SpanTap() = default;
  // Takes from spans that are about to be written what it needs (the batch is gone afterwards). The returned
  // function is called once when the request was stored, from any thread, and dropped when it was not. May
  // return none. Rows that the intake leaves out for a limit of their own are among them: the intake only
  // says how many.
  virtual std::function<void()> prepare(const Tenant& tenant, const Batch& spans) = 0;
  // The rules of a tenant's service graph; null: not known here, or as for all.
  virtual std::shared_ptr<const GraphRules> graph_rules(const Tenant&) const { return nullptr; }
};

class Pipeline {
 public:
  explicit Pipeline(Intake& intake) : intake_(intake) {}
  // Before the first write.
  void add_span_tap(std::shared_ptr<SpanTap> tap) { taps_.push_back(std::move(tap)); }
  // As Intake::write; taps see what was accepted, before `done` is called.
  void write(const Tenant& tenant, std::vector<Batch> batches, Intake::Done done);
  // As Intake::takes_all_spans.
  bool takes_all_spans(const std::vector<Batch>& batches) const { return intake_.takes_all_spans(batches); }
  // The first tap's that knows them; null: as for all.
  std::shared_ptr<const GraphRules> graph_rules(const Tenant& tenant) const;

 private:
  std::vector<std::function<void()>> prepare_taps(const Tenant& tenant, const std::vector<Batch>& batches);

  Intake& intake_;
  std::vector<std::shared_ptr<SpanTap>> taps_;
};

}  // namespace obelisk
