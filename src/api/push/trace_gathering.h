#pragma once
// Small requests of spans that come at about the same time are decoded, logged and stored as one: a request
// of a few rows costs mostly what a batch, a column and an entry of the log cost, whatever their number of
// rows. Every request is answered for itself, when the rows of all are durable. They are put together only
// where there is nothing to say about any of them; as soon as one is malformed or has a span that is refused,
// each is taken alone, as if it had come alone, and so are the next kAloneAfterRefusal requests of that
// tenant, so that a sender of bad requests does not have those of its tenant decoded twice for long.
//
// Who is gathered: requests of one tenant whose handlers run on one network thread. How long: senders that
// are answered together come back one after the other, so that a request waits for as many as were under way
// together a moment ago, as long as the next one comes within the time that the last answer took, kWaitMax at
// most. When they do not come, the next request does not wait for them. A sender that is alone never waits.
//
// Bounds: kBytesMax in requests that wait for each other, a tenant (they are charged as bodies that are being
// received); kTenantsMax tenants, those beyond are not gathered.
//
// Threads: add() on network threads, which each have their own gathering; answers are given there too.
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "ingest/intake.h"
#include "model/tenant.h"

namespace obelisk {

class IoLoop;
class Pipeline;

// One request for spans, whose answer is still owed.
class TraceRequest {
 public:
  virtual ~TraceRequest() = default;
  // ExportTraceServiceRequest in protobuf.
  virtual const std::shared_ptr<const std::string>& body() const = 0;
  // It was decoded with others: finish() follows, which needs no body.
  virtual void forget_body() = 0;
  // Decodes, stores and answers it without others. Either this or finish() is called, once.
  virtual void take_alone() = 0;
  // All its spans were stored, or none.
  virtual void finish(const Result<IntakeOutcome>& outcome) = 0;
};
using TraceRequestPtr = std::shared_ptr<TraceRequest>;

class TraceGathering {
 public:
  static constexpr size_t kBytesMax = 128
                                      << 10;  // what is decoded while nothing else is read from the network
  static constexpr size_t kTenantsMax = 64;
  static constexpr size_t kAloneAfterRefusal = 64;
  static constexpr int64_t kWaitMaxNanos = 1'000'000;

  explicit TraceGathering(Pipeline& pipeline);
  ~TraceGathering();  // after the network threads have ended

  // Sees to it that the request is answered. Not on a network thread, or a large one: alone, at once.
  void add(const Tenant& tenant, TraceRequestPtr request) EXCLUDES(mutex_);

 private:
  class OfLoop;

  Pipeline& pipeline_;
  Mutex mutex_;
  std::unordered_map<IoLoop*, std::unique_ptr<OfLoop>> loops_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
