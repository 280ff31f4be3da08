#include "api/loki/tail_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/loki/loki_json.h"
#include "base/hash.h"
#include "base/self_metrics.h"
#include "query/logql/log_query.h"

namespace obelisk::loki {
namespace {

constexpr size_t kEntriesPerMessageMax = 500;
constexpr size_t kMessageBytesMax = 1 << 20;
constexpr auto kPollTimeout =
    std::chrono::seconds(10);  // a tail that reads for longer waits for its next turn

Counter& dropped_counter() {
  static Counter& counter =
      obelisk::counter("obelisk_tail_dropped_entries_total", "Entries that slow tail clients did not get.");
  return counter;
}
Gauge& tails_gauge() {
  static Gauge& gauge = obelisk::gauge("obelisk_tails", "Live tails of log queries.");
  return gauge;
}

struct DroppedEntry {
  Labels labels;
  int64_t time = 0;
};

uint64_t hash_of(const Labels& stream, const logql::LogEntry& entry) {
  return hash64(entry.line, stream.hash() ^ static_cast<uint64_t>(entry.time) * 0x9E3779B97F4A7C15u);
}

}  // namespace

struct TailService::Tail {
  // Fixed after construction.
  TailRequest request;
  // Guards itself.
  std::atomic<bool> ended{false};
  // Guarded by the service's poll_mutex_.
  std::shared_ptr<WebSocket> socket;
  bool started = false;
  UnixNanos floor;                             // nothing before it is shown
  uint64_t sequence = 0;                       // of the store at the last reading
  UnixNanos ready;                             // up to here rows were old enough to be shown
  std::unordered_map<uint64_t, int64_t> seen;  // hash of what was sent -> its time
  std::vector<DroppedEntry> dropped;
  uint64_t dropped_count = 0;  // not reported yet
};

TailService::TailService(Reader& reader, const Clock& clock, int64_t poll_interval_ms)
    : reader_(reader), clock_(clock), poll_interval_ms_(poll_interval_ms) {
  if (poll_interval_ms_ > 0) thread_ = std::thread([this] { run(); });
}

TailService::~TailService() {
  std::vector<std::shared_ptr<Tail>> tails;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    tails.swap(tails_);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const std::shared_ptr<Tail>& tail : tails) {
    if (tail->socket) tail->socket->close(1001, "the server is stopping");
  }
  tails_gauge().add(-static_cast<int64_t>(tails.size()));
}

Result<std::shared_ptr<TailService::Tail>> TailService::reserve(TailRequest request) {
  MutexLock lock(mutex_);
  if (stopping_) return make_error(ErrorCode::unavailable, "the server is stopping");
  size_t ended = std::erase_if(tails_, [](const auto& tail) { return tail->ended.load(); });
  tails_gauge().add(-static_cast<int64_t>(ended));
  auto of_tenant = std::count_if(tails_.begin(), tails_.end(),
                                 [&](const auto& tail) { return tail->request.tenant == request.tenant; });
  if (static_cast<size_t>(of_tenant) >= kTailsPerTenantMax || tails_.size() >= kTailsMax) {
    return make_error(ErrorCode::overloaded,
                      fmt::format("max concurrent tail requests limit exceeded, count > limit ({} > {})",
                                  of_tenant + 1, kTailsPerTenantMax));
  }
  auto tail = std::make_shared<Tail>();
  tail->floor = request.start;
  tail->request = std::move(request);
  tails_.push_back(tail);
  tails_gauge().add(1);
  return tail;
}

void TailService::start(const std::shared_ptr<Tail>& tail, std::shared_ptr<WebSocket> socket) {
  MutexLock polling(poll_mutex_);
  tail->socket = std::move(socket);
}

void TailService::end(Tail& tail) {
  tail.ended = true;
}

size_t TailService::tail_count() const {
  MutexLock lock(mutex_);
  return tails_.size();
}

void TailService::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) lock.wait_for(wake_, std::chrono::milliseconds(poll_interval_ms_));
      if (stopping_) return;
    }
    poll();
  }
}

void TailService::poll() {
  std::vector<std::shared_ptr<Tail>> tails;
  {
    MutexLock lock(mutex_);
    tails = tails_;
  }
  for (const std::shared_ptr<Tail>& tail : tails) {
    MutexLock polling(poll_mutex_);
    if (tail->socket && !tail->ended) poll_one(*tail);
    if (tail->socket && tail->socket->closed()) tail->ended = true;
  }
  MutexLock lock(mutex_);
  size_t ended = std::erase_if(tails_, [](const auto& tail) { return tail->ended.load(); });
  tails_gauge().add(-static_cast<int64_t>(ended));
}

void TailService::poll_one(Tail& tail) {
  Result<Snapshot> at = reader_.snapshot(tail.request.tenant);
  if (!at.ok()) return;  // a store that cannot be read now may be later; queries report the reason
  bool waits_for_age = tail.request.delay_nanos > 0;
  if (tail.started && at->sequence == tail.sequence && !waits_for_age && tail.dropped_count == 0) return;
  Budget budget(256u << 20);
  Cancel cancel(Cancel::Clock::now() + kPollTimeout);
  QueryContext context{reader_, tail.request.tenant, *at, budget, cancel};
  logql::RangeRequest range;
  range.now = clock_.now();
  range.categorise = tail.request.categorise;
  UnixNanos newest = range.now - tail.request.delay_nanos;
  range.end = waits_for_age ? newest + 1 : range.now + kFutureNanos;
  range.start = tail.started ? std::max(tail.floor, tail.ready - kLookbackNanos) : tail.floor;
  if (range.start < range.end) {
    Result<void> read = tail.started ? read_new(context, tail, range) : read_history(context, tail, range);
    if (!read.ok()) return tail.socket->close(1011, read.error().message);
  }
  tail.started = true;
  tail.ready = newest;
  tail.sequence = at->sequence;
  int64_t forgotten = (newest - kLookbackNanos).value;
  std::erase_if(tail.seen, [&](const auto& sent) { return sent.second < forgotten; });
}

Result<void> TailService::read_history(QueryContext& context, Tail& tail, logql::RangeRequest range) {
  range.limit = tail.request.limit;
  OBELISK_TRY(logql::LogqlResult result, logql::run_log_query(context, tail.request.selector, range));
  // Cut at the limit: older entries must not come up as new ones.
  if (result.entry_count == range.limit) {
    tail.floor = range.end;
    for (const logql::LogStream& stream : result.streams)
      tail.floor = std::min(tail.floor, UnixNanos{stream.entries.back().time});
  }
  for (logql::LogStream& stream : result.streams) std::reverse(stream.entries.begin(), stream.entries.end());
  send_fresh(tail, std::move(result.streams));
  return {};
}

Result<void> TailService::read_new(QueryContext& context, Tail& tail, logql::RangeRequest range) {
  range.direction = logql::Direction::forward;
  range.limit = kPageEntriesMax;
  for (;;) {
    OBELISK_TRY(logql::LogqlResult page, logql::run_log_query(context, tail.request.selector, range));
    bool more = page.entry_count == range.limit;
    UnixNanos last = range.start;
    for (const logql::LogStream& stream : page.streams)
      last = std::max(last, UnixNanos{stream.entries.back().time});
    send_fresh(tail, std::move(page.streams));
    if (!more) return {};
    // The next page begins with the last instant again, whose entries may have been cut; what was sent is
    // known. A page that is all of one instant asks for more of it.
    range.limit = last > range.start ? kPageEntriesMax : range.limit * 2;
    range.start = last;
    context.budget.release(context.budget.used_bytes());
  }
}

void TailService::send_fresh(Tail& tail, std::vector<logql::LogStream> streams) {
  for (logql::LogStream& stream : streams) {
    std::erase_if(stream.entries, [&](const logql::LogEntry& entry) {
      return !tail.seen.emplace(hash_of(stream.labels, entry), entry.time).second;
    });
  }
  std::erase_if(streams, [](const logql::LogStream& stream) { return stream.entries.empty(); });
  if (tail.seen.size() > kSeenMax) {
    UnixNanos last = tail.floor;
    for (const auto& [hash, time] : tail.seen) last = std::max(last, UnixNanos{time} + 1);
    tail.seen.clear();
    tail.floor = last;
  }
  if (!streams.empty() || tail.dropped_count > 0) send(tail, streams);
}

namespace {

// Pieces of the streams that fit one message each.
std::vector<std::vector<logql::LogStream>> in_messages(const std::vector<logql::LogStream>& streams) {
  std::vector<std::vector<logql::LogStream>> messages(1);
  size_t entries = 0, bytes = 0;
  for (const logql::LogStream& stream : streams) {
    bool open = false;
    for (const logql::LogEntry& entry : stream.entries) {
      if (entries > 0 && (entries >= kEntriesPerMessageMax || bytes + entry.line.size() > kMessageBytesMax)) {
        messages.emplace_back();
        entries = bytes = 0;
        open = false;
      }
      if (!open) messages.back().push_back({stream.labels, {}});
      open = true;
      messages.back().back().entries.push_back(entry);
      ++entries;
      bytes += entry.line.size();
    }
  }
  return messages;
}

std::string tail_message(const std::vector<logql::LogStream>& streams,
                         const std::vector<DroppedEntry>& dropped, uint64_t dropped_count, bool categorised) {
  JsonWriter out;
  out.begin_object().key("streams").begin_array();
  for (const logql::LogStream& stream : streams) write_stream(out, stream, categorised);
  out.end_array();
  if (categorised) out.key("encodingFlags").begin_array().value("categorize-labels").end_array();
  if (dropped_count > 0) {
    out.key("dropped_entries").begin_array();
    for (const DroppedEntry& entry : dropped) {
      out.begin_object().key("labels");
      write_labels(out, entry.labels);
      out.field("timestamp", std::to_string(entry.time)).end_object();
    }
    out.end_array().field("dropped_entries_total", dropped_count);
  }
  out.end_object();
  return out.take();
}

}  // namespace

void TailService::send(Tail& tail, const std::vector<logql::LogStream>& streams) {
  for (const std::vector<logql::LogStream>& message : in_messages(streams)) {
    bool sent = tail.socket->send_text(
        tail_message(message, tail.dropped, tail.dropped_count, tail.request.categorise));
    if (sent) {
      tail.dropped.clear();
      tail.dropped_count = 0;
      continue;
    }
    for (const logql::LogStream& stream : message) {
      for (const logql::LogEntry& entry : stream.entries) {
        ++tail.dropped_count;
        dropped_counter().add();
        if (tail.dropped.size() < kDroppedReportedMax) tail.dropped.push_back({stream.labels, entry.time});
      }
    }
  }
}

}  // namespace obelisk::loki
