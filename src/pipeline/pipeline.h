#pragma once
// What received telemetry passes between decoding and the intake: taps that derive metrics from spans
// (span_metrics.h, service_graph.h) see each accepted request, and their series are written back on a timer.
// Thread safe.
#include <functional>
#include <memory>
#include <vector>

#include "ingest/intake.h"

namespace obelisk {

// Sees the spans of every request that was stored. Called from the thread that completed the request; must be quick.
class SpanTap {
 public:
  virtual ~SpanTap() = default;
  virtual void observe(const Tenant& tenant, const Batch& spans) = 0;
};

class Pipeline {
 public:
  explicit Pipeline(Intake& intake) : intake_(intake) {}
  // Before the first write.
  void add_span_tap(std::shared_ptr<SpanTap> tap) { taps_.push_back(std::move(tap)); }
  // As Intake::write; taps see what was accepted.
  void write(const Tenant& tenant, std::vector<Batch> batches, Intake::Done done);

 private:
  Intake& intake_;
  std::vector<std::shared_ptr<SpanTap>> taps_;
};

}  // namespace obelisk
