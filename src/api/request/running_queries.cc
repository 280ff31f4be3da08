#include "api/request/running_queries.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/request/context.h"

namespace obelisk {
namespace {

bool is_query_id(std::string_view id) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !id.empty() && id.size() <= RunningQueries::kIdBytesMax &&
         id.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

std::string_view query_language_of(std::string_view path) {
  if (path.starts_with("/loki/") || path.starts_with("/api/prom/")) return "logql";
  if (path.starts_with("/api/v1/")) return "promql";
  if (path.starts_with("/api/") || path.starts_with("/tempopb.")) return "traceql";
  return "";
}

Result<std::shared_ptr<QueryRun>> RunningQueries::enter(std::unique_ptr<QueryRun> run, QueryText about) {
  if (!about.id.empty() && !is_query_id(about.id)) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("X-Obelisk-Query-Id: 1 to {} of letters, digits, - and _", kIdBytesMax));
  }
  about.text.resize(std::min(about.text.size(), QueryText::kTextBytesMax));
  MutexLock lock(mutex_);
  for (const auto& [number, entry] : entries_) {
    if (about.id.empty() || entry.about.id != about.id || entry.tenant != run->tenant) continue;
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("X-Obelisk-Query-Id: the query {} still runs", about.id));
  }
  uint64_t number = next_number_++;
  if (about.id.empty()) about.id = fmt::format("server.{}", number);  // no client can choose one with a dot
  Entry& entry = entries_[number];
  entry.tenant = run->tenant;
  entry.about = std::move(about);
  entry.begun = std::chrono::steady_clock::now();
  std::shared_ptr<QueryRun> shared(run.release(), [registry = shared_from_this(), number](QueryRun* ended) {
    registry->leave(number);
    delete ended;
  });
  entry.run = shared;
  return shared;
}

std::vector<RunningQuery> RunningQueries::list(const Tenant& tenant) const {
  std::vector<RunningQuery> queries;
  // Declared before the lock: whoever is the last owner of a run removes its entry, which locks again.
  std::vector<std::shared_ptr<QueryRun>> runs;
  MutexLock lock(mutex_);
  auto now = std::chrono::steady_clock::now();
  for (const auto& [number, entry] : entries_) {
    std::shared_ptr<QueryRun> run = entry.tenant == tenant ? entry.run.lock() : nullptr;
    if (!run) continue;
    queries.push_back({entry.about.id, entry.tenant, entry.about.path, entry.about.text,
                       std::chrono::duration<double>(now - entry.begun).count(), run->progress->read(),
                       run->progress->priced(), run->budget.used_bytes()});
    runs.push_back(std::move(run));
  }
  return queries;
}

bool RunningQueries::cancel(const Tenant& tenant, std::string_view id) {
  std::shared_ptr<QueryRun> run;  // before the lock, as in list()
  MutexLock lock(mutex_);
  for (const auto& [number, entry] : entries_) {
    if (entry.tenant == tenant && entry.about.id == id) run = entry.run.lock();
  }
  if (!run) return false;
  run->cancel.cancel();
  return true;
}

void RunningQueries::leave(uint64_t number) {
  MutexLock lock(mutex_);
  entries_.erase(number);
}

}  // namespace obelisk
