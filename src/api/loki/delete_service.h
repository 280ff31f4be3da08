#pragma once
// Deletion of log lines: requests by query and time (Loki's delete API), and retention by selector. Both go
// through Writer::erase: what is deleted is gone from answers at once, and from files soon after.
//
// Steps of a request: it is written to log_deletes.json before it is accepted; after the cancel period the
// service's thread erases its lines, which are then in no answer any more; once no file holds them it is
// marked processed. A request that fails stays and is tried again.
// Retention rules run when a new day begins to be older than their period, so that each day is looked at
// once.
//
// What can be deleted by: delete_query.h. A condition on structured metadata is made of the columns that
// there are when it is carried out. Bounds: kRequestsMax requests, the oldest processed ones are forgotten.
// Thread safe.
#include <condition_variable>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/loki/delete_query.h"
#include "base/thread_annotations.h"
#include "env/clock.h"
#include "env/disk.h"
#include "storage/writer.h"

namespace obelisk::loki {

struct DeleteRequest {
  std::string id;
  Tenant tenant;
  std::string query;
  TimeRange range;
  UnixNanos created_at;
  std::optional<EraseReport> erasure;  // it was carried out: its lines are in no answer
  bool processed = false;              // and in no file
  std::string error;                   // of the last attempt
};

struct RetentionRule {
  Tenant tenant;
  std::string selector;  // what deletion_of takes
  int64_t period_nanos = 0;
};

class DeleteService {
 public:
  struct Options {
    int64_t cancel_period_nanos = 0;  // how long a request can be taken back before it is carried out
    std::vector<RetentionRule> retention;
  };
  static constexpr size_t kRequestsMax = 10'000;

  // Reads the requests of before a restart. What it is given must outlive it.
  static Result<std::unique_ptr<DeleteService>> open(Disk& disk, Reader& reader, Writer& writer,
                                                     const Clock& clock, Options options);
  ~DeleteService();
  DeleteService(const DeleteService&) = delete;
  DeleteService& operator=(const DeleteService&) = delete;

  void start();
  void stop();

  // Durable when it returns the request's id.
  Result<std::string> add(const Tenant& tenant, const std::string& query, const TimeRange& range);
  std::vector<DeleteRequest> requests(const Tenant& tenant) const;
  // Takes a request back. One that was carried out is refused; with `force` it is taken off the list.
  Result<void> cancel(const Tenant& tenant, const std::string& id, bool force);
  // Carries out what is due, on the caller's thread. For the thread and tests.
  void run_due();

 private:
  DeleteService(Disk& disk, Reader& reader, Writer& writer, const Clock& clock, Options options)
      : disk_(disk), reader_(reader), writer_(writer), clock_(clock), options_(std::move(options)) {}
  Result<void> load();
  Result<void> save() REQUIRES(mutex_);
  void run();
  void run_retention(UnixNanos now);
  Result<Scan> lines_of(const Tenant& tenant, std::string_view query, const TimeRange& range);
  // One step of a request that is due; nothing is left to do for it when it says processed.
  Result<void> carry_out(DeleteRequest& request);

  Disk& disk_;
  Reader& reader_;
  Writer& writer_;
  const Clock& clock_;
  const Options options_;
  mutable Mutex mutex_;
  std::condition_variable wake_;
  std::vector<DeleteRequest> requests_ GUARDED_BY(mutex_);  // in the order they came
  uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Mutex run_mutex_;                           // held while requests are carried out
  std::map<size_t, int64_t> retained_until_;  // by rule: the time it was last applied to; under run_mutex_
  std::map<size_t, std::string> retention_faults_;  // by rule: what was told last; under run_mutex_
  std::thread thread_;
};

}  // namespace obelisk::loki
