#include "api/loki/delete_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "base/yaml.h"

namespace obelisk::loki {
namespace {

constexpr const char* kPath = "log_deletes.json";
constexpr uint64_t kBytesMax = 16u << 20;
constexpr auto kTick = std::chrono::seconds(1);
constexpr int64_t kNanosPerDay = 86'400 * kNanosPerSecond;

Result<DeleteRequest> parse_request(const YamlNode& node) {
  DeleteRequest request;
  std::string begin, end, created;
  YamlMap map(node, kPath, "delete request");
  map.required_string("id", request.id);
  map.required_string("tenant", request.tenant);
  map.required_string("query", request.query);
  map.required_string("begin", begin);
  map.required_string("end", end);
  map.required_string("created", created);
  map.boolean("processed", request.processed);
  std::string erasure;
  map.string("erasure", erasure);
  OBELISK_CHECK_OK(map.finish());
  std::optional<int64_t> from = parse_int64(begin), to = parse_int64(end), at = parse_int64(created);
  if (!from || !to || !at) return yaml_error(kPath, node, "a time is no number");
  request.range = {{*from}, {*to}};
  request.created_at = {*at};
  if (!erasure.empty()) {
    std::optional<int64_t> id = parse_int64(erasure);
    if (!id || *id < 0) return yaml_error(kPath, node, "an erasure is no number");
    request.erasure = EraseReport{{}, static_cast<uint64_t>(*id), 0};
  }
  return request;
}

}  // namespace

Result<std::unique_ptr<DeleteService>> DeleteService::open(Disk& disk, Reader& reader, Writer& writer,
                                                           const Clock& clock, Options options) {
  std::unique_ptr<DeleteService> service(new DeleteService(disk, reader, writer, clock, std::move(options)));
  OBELISK_CHECK_OK(service->load());
  return service;
}

DeleteService::~DeleteService() {
  stop();
}

Result<void> DeleteService::load() {
  OBELISK_TRY(bool there, disk_.exists(kPath));
  if (!there) return {};
  OBELISK_TRY(std::string text, read_file(disk_, kPath, kBytesMax));
  OBELISK_TRY(YamlNode root, parse_yaml(text, kPath));
  std::string last;
  std::vector<DeleteRequest> requests;
  YamlMap map(root, kPath, "delete requests");
  map.required_string("last_number", last);
  map.list("requests", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(DeleteRequest request, parse_request(item));
    requests.push_back(std::move(request));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  MutexLock lock(mutex_);
  requests_ = std::move(requests);
  last_number_ = static_cast<uint64_t>(parse_int64(last).value_or(0));
  return {};
}

Result<void> DeleteService::save() {
  JsonWriter out;
  out.begin_object().field("last_number", last_number_).key("requests").begin_array();
  for (const DeleteRequest& request : requests_) {
    out.begin_object().field("id", request.id).field("tenant", request.tenant).field("query", request.query);
    out.field("begin", request.range.begin.value).field("end", request.range.end.value);
    out.field("created", request.created_at.value).field("processed", request.processed);
    if (request.erasure) out.field("erasure", request.erasure->id);
    out.end_object();
  }
  out.end_array().end_object();
  return replace_file(disk_, kPath, out.take());
}

void DeleteService::start() {
  thread_ = std::thread([this] { run(); });
}

void DeleteService::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DeleteService::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) lock.wait_for(wake_, kTick);
      if (stopping_) return;
    }
    run_due();
  }
}

Result<std::string> DeleteService::add(const Tenant& tenant, const std::string& query,
                                       const TimeRange& range) {
  OBELISK_TRY(Scan checked, lines_of(tenant, query, range));
  (void)checked;
  MutexLock lock(mutex_);
  if (requests_.size() >= kRequestsMax) {
    auto oldest =
        std::find_if(requests_.begin(), requests_.end(), [](auto& request) { return request.processed; });
    if (oldest == requests_.end()) {
      return make_error(ErrorCode::overloaded,
                        fmt::format("{} delete requests wait to be carried out", kRequestsMax));
    }
    requests_.erase(oldest);
  }
  DeleteRequest request;
  request.tenant = tenant;
  request.query = query;
  request.range = range;
  request.created_at = clock_.now();
  ++last_number_;
  request.id =
      fmt::format("{:08x}", static_cast<uint32_t>(hash64(fmt::format("{} {}", tenant, last_number_))));
  std::string id = request.id;
  requests_.push_back(std::move(request));
  if (Result<void> saved = save(); !saved.ok()) {
    requests_.pop_back();
    return saved.error();
  }
  wake_.notify_all();
  return id;
}

std::vector<DeleteRequest> DeleteService::requests(const Tenant& tenant) const {
  MutexLock lock(mutex_);
  std::vector<DeleteRequest> own;
  for (const DeleteRequest& request : requests_) {
    if (request.tenant == tenant) own.push_back(request);
  }
  return own;
}

Result<void> DeleteService::cancel(const Tenant& tenant, const std::string& id, bool force) {
  MutexLock running(run_mutex_);  // not while it is carried out
  MutexLock lock(mutex_);
  auto found = std::find_if(requests_.begin(), requests_.end(), [&](const DeleteRequest& request) {
    return request.tenant == tenant && request.id == id;
  });
  if (found == requests_.end())
    return make_error(ErrorCode::not_found, "could not find delete request with given id");
  if ((found->erasure || found->processed) && !force) {
    return make_error(ErrorCode::invalid_argument,
                      "deletion of request which is in process or already processed is not allowed");
  }
  std::vector<DeleteRequest> before = requests_;
  requests_.erase(found);
  Result<void> saved = save();
  if (!saved.ok()) requests_ = std::move(before);
  return saved;
}

Result<Scan> DeleteService::lines_of(const Tenant& tenant, std::string_view query, const TimeRange& range) {
  OBELISK_TRY(Snapshot at, reader_.snapshot(tenant));
  Scan scan;
  scan.tenant = tenant;
  scan.table = Table::logs;
  scan.range = range;
  OBELISK_TRY(std::vector<ColumnInfo> columns, reader_.columns(at, scan));
  return deletion_of(tenant, query, range, columns);
}

Result<void> DeleteService::carry_out(DeleteRequest& request) {
  if (!request.erasure) {
    OBELISK_TRY(Scan what, lines_of(request.tenant, request.query, request.range));
    OBELISK_TRY(request.erasure, writer_.erase(what));
  }
  OBELISK_TRY(request.processed, writer_.is_erased(request.tenant, *request.erasure));
  return {};
}

void DeleteService::run_due() {
  static Counter& done = counter("obelisk_log_deletes_total", "Delete requests that were carried out.");
  static Counter& failed =
      counter("obelisk_log_delete_failures_total", "Attempts at a delete request that failed.");
  MutexLock running(run_mutex_);
  UnixNanos now = clock_.now();
  std::vector<DeleteRequest> due;
  {
    MutexLock lock(mutex_);
    for (const DeleteRequest& request : requests_) {
      if (!request.processed && now - request.created_at >= options_.cancel_period_nanos)
        due.push_back(request);
    }
  }
  for (DeleteRequest& request : due) {
    bool was_erased = request.erasure.has_value();
    Result<void> carried = carry_out(request);
    if (!carried.ok()) failed.add();
    if (request.erasure && !was_erased) done.add();
    bool changed = (request.erasure && !was_erased) || request.processed;
    MutexLock lock(mutex_);
    for (DeleteRequest& own : requests_) {
      if (own.id != request.id) continue;
      std::string error = carried.ok() ? "" : carried.error().to_string();
      if (!error.empty() && error != own.error) log_error("logs", "delete request " + own.id + ": " + error);
      own.error = error;
      own.erasure = request.erasure;
      own.processed = request.processed;
    }
    if (!changed) continue;
    // A crash before this is durable only makes the erasure happen once more.
    if (Result<void> saved = save(); !saved.ok())
      log_error("logs", "delete requests: " + saved.error().to_string());
  }
  run_retention(now);
}

void DeleteService::run_retention(UnixNanos now) {
  for (size_t i = 0; i < options_.retention.size(); ++i) {
    const RetentionRule& rule = options_.retention[i];
    int64_t until = (now.value - rule.period_nanos) / kNanosPerDay * kNanosPerDay;
    if (auto last = retained_until_.find(i); last != retained_until_.end() && last->second >= until) continue;
    Result<Scan> what =
        lines_of(rule.tenant, rule.selector, {{std::numeric_limits<int64_t>::min()}, {until}});
    Result<EraseReport> report = what.ok() ? writer_.erase(*what) : Result<EraseReport>(what.error());
    if (report.ok()) {
      retained_until_[i] = until;
      retention_faults_.erase(i);
      continue;
    }
    // Tried again every second, told once.
    std::string fault = report.error().to_string();
    if (std::exchange(retention_faults_[i], fault) != fault)
      log_error("logs", fmt::format("retention of {}: {}", rule.selector, fault));
  }
}

}  // namespace obelisk::loki
