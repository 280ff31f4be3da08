#pragma once
// Live tails: every client that follows a log query over a WebSocket, served by one thread of its own.
//
// Steps of a tail: first the last `limit` entries since `start`, then, every poll_interval_ms, what is new.
// The store is asked only when its sequence has moved. Since rows may arrive after their time (clients send
// in batches), each poll looks back over the last kLookbackNanos and leaves out what was sent already (by a
// hash of stream, time and line). A row that arrives later than that is not shown. With a delay, rows are
// shown when they are that old. A client that reads too slowly loses entries: they are counted, and reported
// to it in dropped_entries. Bounds: kTailsPerTenantMax tails of a tenant, kTailsMax in all; kPageEntriesMax
// entries in memory at a time (more only where one instant has more); kDroppedReportedMax dropped entries
// named in a message; the hashes of the look-back, kSeenMax (beyond that the look-back is given up rather
// than an entry sent twice). Thread safe. The reader and the clock must outlive it; the destructor closes
// every tail.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/request/context.h"
#include "base/thread_annotations.h"
#include "net/websocket.h"
#include "query/logql/engine.h"

namespace obelisk::loki {

struct TailRequest {
  Tenant tenant;
  logql::LogSelector selector;
  UnixNanos start;
  uint64_t limit = 100;
  int64_t delay_nanos = 0;
  bool categorise = false;
};

class TailService {
 public:
  static constexpr int64_t kLookbackNanos = 15 * kNanosPerSecond;
  static constexpr int64_t kFutureNanos = 600 * kNanosPerSecond;  // as far as the intake accepts
  static constexpr size_t kTailsPerTenantMax = 10;                // Loki's max_concurrent_tail_requests
  static constexpr size_t kTailsMax = 100;
  static constexpr uint64_t kPageEntriesMax = 5'000;
  static constexpr size_t kDroppedReportedMax = 100;
  static constexpr size_t kSeenMax = 500'000;

  // `poll_interval_ms` 0: no thread; poll() is called by hand (tests).
  TailService(Reader& reader, const Clock& clock, int64_t poll_interval_ms = 250);
  ~TailService();
  TailService(const TailService&) = delete;
  TailService& operator=(const TailService&) = delete;

  // Error overloaded when there are too many tails already.
  struct Tail;
  Result<std::shared_ptr<Tail>> reserve(TailRequest request);
  // Starts the tail on its connection.
  void start(const std::shared_ptr<Tail>& tail, std::shared_ptr<WebSocket> socket);
  // For the connection's on_close, and when there will be none: the tail ends with the next round. Safe after
  // the service is gone.
  static void end(Tail& tail);

  size_t tail_count() const;
  // One round over all tails.
  void poll();

 private:
  void run();
  void poll_one(Tail& tail);
  Result<void> read_history(QueryContext& context, Tail& tail, logql::RangeRequest range);
  Result<void> read_new(QueryContext& context, Tail& tail, logql::RangeRequest range);
  // Leaves out what was sent before, and sends the rest in time order.
  void send_fresh(Tail& tail, std::vector<logql::LogStream> streams);
  void send(Tail& tail, const std::vector<logql::LogStream>& streams);

  Reader& reader_;
  const Clock& clock_;
  const int64_t poll_interval_ms_;
  mutable Mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Tail>> tails_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  Mutex poll_mutex_;  // held during a round
  std::thread thread_;
};

}  // namespace obelisk::loki
