#pragma once
// The queries that are being run: listed with what they have read, and cancelled by id. A query is entered by
// begin_query (context.h) and leaves by itself when its QueryRun goes away, so nothing can be forgotten here.
// Bounded by the worker threads of the server: only what has begun is entered, not what waits in a queue.
// Thread safe; list() and cancel() take microseconds, so that they may be answered while every worker is
// busy.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "model/tenant.h"
#include "plan/read_progress.h"

namespace obelisk {

struct QueryRun;

// What a request says about its query.
struct QueryText {
  std::string id;    // the client's, from the header X-Obelisk-Query-Id; "": the registry gives one
  std::string path;  // "/api/v1/query_range"
  std::string text;  // the first kTextBytesMax bytes; "" for requests without a query
  static constexpr size_t kTextBytesMax = 4096;
};

// "promql", "logql", "traceql" by the API that was asked; "" for the others.
std::string_view query_language_of(std::string_view path);

struct RunningQuery {
  std::string id;
  Tenant tenant;
  std::string path;
  std::string text;
  double elapsed_seconds = 0;
  ReadCount read;
  ReadCount priced;
  uint64_t memory_bytes = 0;  // of rows and intermediate values, as the budget counts them
};

class RunningQueries : public std::enable_shared_from_this<RunningQueries> {
 public:
  static constexpr size_t kIdBytesMax = 64;

  // Takes the run over; the pointer that comes back removes the entry when the last owner lets go. Error:
  // invalid_argument for an id that is not 1 to kIdBytesMax of [A-Za-z0-9_-], or that a query of the same
  // tenant has which still runs.
  Result<std::shared_ptr<QueryRun>> enter(std::unique_ptr<QueryRun> run, QueryText about);
  // Those of one tenant, the oldest first.
  std::vector<RunningQuery> list(const Tenant& tenant) const;
  // False when no query of the tenant has this id.
  bool cancel(const Tenant& tenant, std::string_view id);

 private:
  struct Entry {
    std::weak_ptr<QueryRun> run;
    QueryText about;
    Tenant tenant;
    std::chrono::steady_clock::time_point begun;
  };
  void leave(uint64_t number);

  mutable Mutex mutex_;
  std::map<uint64_t, Entry> entries_ GUARDED_BY(mutex_);
  uint64_t next_number_ GUARDED_BY(mutex_) = 1;
};

}  // namespace obelisk
