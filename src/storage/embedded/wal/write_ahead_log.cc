#include "storage/embedded/wal/write_ahead_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/self_metrics.h"
#include "base/wake_batch.h"
#include "codec/checksum.h"
#include "storage/embedded/wal/segment_format.h"

namespace obelisk {
namespace {

// The write buffer is given back when idle and larger than this.
constexpr size_t kIdleBufferBytes = 256 << 10;

// Requests with so many bytes are worth a sync of their own; smaller ones wait for others.
constexpr uint64_t kCompanyBytesMax = 128 << 10;
constexpr auto kCompanyWaitMax = std::chrono::milliseconds(1);

Counter& synced_total() {
  static Counter& metric = counter("obelisk_wal_syncs_total", "Syncs of the write-ahead log.");
  return metric;
}

Error too_large(const LogEntry& entry) {
  return make_error(ErrorCode::too_large,
                    fmt::format("a request of {} MiB; at most {} MiB are logged at once",
                                entry.bytes().size() >> 20, kFramePayloadBytesMax >> 20));
}

}  // namespace

WriteAheadLog::WriteAheadLog(Disk& disk, LogOptions options, LogSink& sink)
    : disk_(disk), options_(std::move(options)), sink_(sink) {}

Result<std::unique_ptr<WriteAheadLog>> WriteAheadLog::open(Disk& disk, LogOptions options,
                                                           const LogRecovery& recovery,
                                                           uint64_t last_sequence, LogSink& sink) {
  std::unique_ptr<WriteAheadLog> log(new WriteAheadLog(disk, std::move(options), sink));
  log->next_sequence_ = std::max(last_sequence, recovery.last_sequence) + 1;
  log->next_segment_ = recovery.last_segment + 1;
  log->durable_through_ = log->next_sequence_ - 1;
  log->last_logged_ = recovery.last_sequence;
  {
    MutexLock lock(log->segments_mutex_);
    log->segments_ = recovery.segments;
    log->free_paths_ = recovery.free_paths;
  }
  log->thread_ = std::thread([raw = log.get()] { raw->run(); });
  return log;
}

WriteAheadLog::~WriteAheadLog() {
  stop();
}

void WriteAheadLog::submit(LogEntry entry) {
  Error refusal = make_error(ErrorCode::unavailable, "the store is shutting down");
  if (entry.bytes().size() > kFramePayloadBytesMax) return entry.done(too_large(entry));
  bool accepted = false, wakes = false;
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      if (queue_.empty() || queued_bytes_ + entry.queued_bytes() <= options_.queue_bytes_max) {
        queued_bytes_ += entry.queued_bytes();
        queue_.push_back(std::move(entry));
        accepted = true;
        wakes = queue_.size() >= wakes_at_ || queued_bytes_ >= kCompanyBytesMax;
      } else {
        refusal = make_error(ErrorCode::overloaded,
                             fmt::format("{} MiB wait to be logged, try again", queued_bytes_ >> 20));
      }
    }
  }
  // Without the lock, which the log's thread would wait for as the first thing it does.
  if (wakes) changed_.notify_one();
  if (accepted) return;
  if (refusal.code == ErrorCode::overloaded) {
    counter("obelisk_wal_overloaded_total", "Requests refused because the log's queue was full.").add();
  }
  entry.done(refusal);  // NOLINT(bugprone-use-after-move): moved only when it was accepted
}

void WriteAheadLog::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WriteAheadLog::run() {
  for (;;) {
    std::vector<LogEntry> group = take_group();
    if (group.empty()) break;
    close_retired();
    write_group(group);
    {
      MutexLock lock(mutex_);
      senders_ = group.size() + queue_.size();
    }
    group.clear();
    sync_if_due();
    sink_.wait_for_room();
  }
  if (unsynced_ && !broken_) {
    if (Result<void> synced = sync_active(); !synced.ok()) log_error("wal", synced.error().to_string());
  }
}

// Waits for requests; empty when stopping. Syncs what waits for its interval in the meantime.
std::vector<LogEntry> WriteAheadLog::take_group() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      auto idle_deadline = std::chrono::steady_clock::now() +
                           std::chrono::milliseconds(unsynced_ && options_.durability == Durability::interval
                                                         ? options_.sync_interval_ms
                                                         : 1000);
      while (queue_.empty() && !stopping_) {
        if (!broken_ && active_is_retired()) break;
        bool has_work_when_idle = (unsynced_ && options_.durability == Durability::interval) ||
                                  buffer_.capacity() > kIdleBufferBytes;
        if (!has_work_when_idle) {
          lock.wait(changed_);
        } else if (!lock.wait_for(changed_, idle_deadline - std::chrono::steady_clock::now())) {
          break;
        }
      }
      if (!queue_.empty()) {
        await_company(lock);
        std::vector<LogEntry> group;
        uint64_t bytes = 0;
        while (!queue_.empty() &&
               (group.empty() || bytes + queue_.front().queued_bytes() <= options_.group_bytes_max)) {
          bytes += queue_.front().queued_bytes();
          group.push_back(std::move(queue_.front()));
          queue_.pop_front();
        }
        queued_bytes_ -= bytes;
        return group;
      }
      if (stopping_) return {};
    }
    sync_if_due();
    close_retired();
    if (buffer_.capacity() > kIdleBufferBytes) buffer_ = std::string();
  }
}

// Senders that were answered together come back together, one after the other as their requests are decoded.
// As long as another one comes within the time of a sync, the group waits for the next; when none does, it
// does not wait any more, and neither does the group after it.
void WriteAheadLog::await_company(MutexLock& lock) {
  bool pays = options_.durability == Durability::sync && queued_bytes_ < kCompanyBytesMax && !stopping_;
  if (!pays || queue_.size() >= senders_) return;
  auto now = std::chrono::steady_clock::now();
  const auto end = now + kCompanyWaitMax;
  size_t seen = 0;
  wakes_at_ = senders_;
  while (queue_.size() < senders_ && queue_.size() > seen && now < end) {
    seen = queue_.size();
    const auto deadline = std::min<std::chrono::steady_clock::time_point>(now + last_sync_, end);
    while (queue_.size() < senders_ && queued_bytes_ < kCompanyBytesMax && !stopping_) {
      if (!lock.wait_for(changed_, deadline - std::chrono::steady_clock::now())) break;
    }
    if (queued_bytes_ >= kCompanyBytesMax || stopping_) break;
    now = std::chrono::steady_clock::now();
  }
  wakes_at_ = 1;
}

// The bytes of the entry's frame in this segment.
uint64_t WriteAheadLog::frame_bytes_of(LogEntry& entry, uint64_t segment) {
  if (entry.encoded_for != segment) sink_.encode(entry, segment);
  entry.encoded_for = segment;
  return frame_bytes(entry.bytes().size());
}

// Encodes an entry for the active segment, or begins the next one for it.
Result<void> WriteAheadLog::make_room_for(LogEntry& entry, uint64_t& bytes) {
  if (broken_) return *broken_;
  if (active_) {
    bytes = frame_bytes_of(entry, next_segment_ - 1);
    if (entry.bytes().size() <= kFramePayloadBytesMax && tail_ + bytes <= active_bytes_) return {};
  }
  bytes = frame_bytes_of(entry, next_segment_);
  if (entry.bytes().size() > kFramePayloadBytesMax) return too_large(entry);
  return open_segment(std::max(options_.segment_bytes, kSegmentHeaderBytes + bytes));
}

void WriteAheadLog::write_group(std::vector<LogEntry>& group) {
  size_t begin = 0;
  while (begin < group.size()) {
    // As many as fit into the active segment, at least one (which gets a segment of its own size when it
    // must).
    uint64_t bytes = 0;
    Result<void> written = make_room_for(group[begin], bytes);
    bool concerns_all = !written.ok() && written.error().code != ErrorCode::too_large;
    size_t end = concerns_all ? group.size() : begin + 1;
    if (written.ok()) {
      for (; end < group.size(); ++end) {
        bytes += frame_bytes_of(group[end], next_segment_ - 1);
        if (tail_ + bytes > active_bytes_) break;
      }
      written = write_run(group, begin, end);
    }
    if (!written.ok()) {
      // What was encoded after them may count on them.
      sink_.forget_encoded();
      for (size_t i = end; i < group.size(); ++i) group[i].encoded_for = 0;
      counter("obelisk_wal_refused_total", "Requests refused because the log could not be written.")
          .add(end - begin);
      for (size_t i = begin; i < end; ++i) group[i].done(written.error());
    }
    begin = end;
  }
}

// Writes, syncs, applies and answers group[begin, end). After an error nothing of them is in the log.
Result<void> WriteAheadLog::write_run(std::vector<LogEntry>& group, size_t begin, size_t end) {
  if (broken_) return *broken_;
  uint64_t segment = next_segment_ - 1, frames_bytes = 0;
  for (size_t i = begin; i < end; ++i) frames_bytes += frame_bytes(group[i].bytes().size());
  bool in_blocks = begin_blocks(frames_bytes);
  size_t frames_at = buffer_.size();
  for (size_t i = begin; i < end; ++i) {
    append_frame(buffer_, segment, next_sequence_ + (i - begin), durable_through_, group[i].bytes(),
                 group[i].payload_checksum);
  }
  OBELISK_ASSERT(buffer_.size() == frames_at + frames_bytes);
  std::string_view frames(buffer_.data() + frames_at, frames_bytes);
  if (Result<void> written = write_frames(in_blocks, frames); !written.ok()) {
    cut_tail(written.error());
    return broken_ ? *broken_ : written.error();
  }
  note_tail(frames);
  uint64_t first = next_sequence_;
  next_sequence_ += end - begin;
  last_logged_ = next_sequence_ - 1;
  if (options_.durability == Durability::sync) {
    durable_through_ = next_sequence_ - 1;
  } else {
    unsynced_ = true;
  }
  {
    MutexLock lock(segments_mutex_);
    segments_.back().last_sequence = next_sequence_ - 1;
  }
  for (size_t i = begin; i < end; ++i) sink_.apply(first + (i - begin), group[i]);
  sink_.publish(next_sequence_ - 1);
  {
    // Small requests are answered by one wake-up; what follows a large one may take a while.
    std::optional<WakeBatch> together;
    if (frames_bytes < kCompanyBytesMax) together.emplace();
    for (size_t i = begin; i < end; ++i) group[i].done(LogPosition{first + (i - begin)});
  }
  static Counter& written_frames = counter("obelisk_wal_frames_total", "Requests written to the log.");
  static Counter& bytes = counter("obelisk_wal_written_bytes_total", "Bytes written to the log.");
  written_frames.add(end - begin);
  bytes.add(frames_bytes);
  return {};
}

// Removes what a failed write left behind the last good frame, durably: a refused request must not come back
// after a crash. When that fails too the log is broken.
void WriteAheadLog::cut_tail(const Error& cause) {
  written_through_ = std::min(written_through_, end_of_log_blocks(tail_));
  Result<void> cut = active_->truncate(tail_);
  if (cut.ok()) cut = active_->sync();
  if (cut.ok()) {
    unsynced_ = false;
    durable_through_ = next_sequence_ - 1;
    // The space above was given back with the cut. Take it again if it is there; if not, the next write says
    // so.
    if (!active_->allocate(active_bytes_).ok()) active_bytes_ = std::max(active_bytes_, tail_);
    return;
  }
  break_log(
      fmt::format("\"{}\", and cutting off what was written failed: {}", cause.message, cut.error().message));
}

void WriteAheadLog::break_log(const std::string& cause) {
  if (broken_) return;
  broken_ = make_error(ErrorCode::io,
                       "the write-ahead log does not know what is on the disk and accepts nothing until the "
                       "server is restarted: " +
                           cause);
  log_error("wal", broken_->message);
}

Result<void> WriteAheadLog::sync_active() {
  auto start = std::chrono::steady_clock::now();
  if (Result<void> synced = active_->sync(); !synced.ok()) {
    // The kernel may have dropped the pages, and with them requests that were answered before. Only when
    // every answered request was synced before and the disk is full can the log go on by cutting off the
    // rest.
    bool recoverable = options_.durability == Durability::sync && synced.error().code == ErrorCode::no_space;
    if (!recoverable) break_log(synced.error().message);
    return synced;
  }
  note_synced(start);
  return {};
}

void WriteAheadLog::note_synced(std::chrono::steady_clock::time_point start) {
  static LatencyHistogram& latency =
      latency_histogram("obelisk_wal_sync_seconds", "Duration of a sync of the log.");
  last_sync_ = std::chrono::steady_clock::now() - start;
  latency.observe_seconds(std::chrono::duration<double>(last_sync_).count());
  synced_total().add();
  unsynced_ = false;
  durable_through_ = next_sequence_ - 1;
}

void WriteAheadLog::sync_if_due() {
  if (!unsynced_ || options_.durability != Durability::interval || broken_) return;
  Result<void> synced = sync_active();  // a failure breaks the log, and that is logged there
  (void)synced;
}

// The next request gets a segment of its own.
void WriteAheadLog::close_retired() {
  if (!active_is_retired() || broken_) return;
  if (unsynced_ && !sync_active().ok()) return;  // broken now, or tried again
  active_.reset();
  MutexLock lock(segments_mutex_);
  has_active_ = false;
}

Result<void> WriteAheadLog::open_segment(uint64_t bytes) {
  if (active_ && unsynced_) OBELISK_CHECK_OK(sync_active());  // requests are lost only from the end
  OBELISK_CHECK_OK(disk_.create_directories(options_.directory));
  std::string path = options_.directory + "/" + segment_file_name(next_segment_);
  // The number is used up even when this fails: a header that did reach the disk must not meet a second one.
  uint64_t segment = next_segment_++;
  bool was_used = false;
  Result<std::unique_ptr<File>> file = create_file(path, bytes, was_used);
  if (!file.ok()) {
    active_.reset();
    Result<void> removed = disk_.remove(path);
    if (!removed.ok()) log_warning("wal", removed.error().to_string());
    MutexLock lock(segments_mutex_);
    creating_ = 0;
    if (!removed.ok() && was_used) leaving_paths_.push_back(path);
    return file.error();
  }
  active_ = std::move(*file);
  active_bytes_ = bytes;
  tail_ = kSegmentHeaderBytes;
  blocks_ = options_.durability == Durability::sync ? dynamic_cast<BlockWriter*>(active_.get()) : nullptr;
  unsynced_ = false;
  MutexLock lock(segments_mutex_);
  segments_.push_back({segment, path, next_sequence_, next_sequence_ - 1, bytes});
  creating_ = 0;
  has_active_ = true;
  return {};
}

// A recycled or fresh file of `bytes` with a synced header. `was_used`: what is at the path holds old
// requests.
Result<std::unique_ptr<File>> WriteAheadLog::create_file(const std::string& path, uint64_t bytes,
                                                         bool& was_used) {
  std::string recycled;
  {
    MutexLock lock(segments_mutex_);
    if (active_) {
      has_active_ = false;
    }
    creating_ = next_segment_ - 1;
    if (!free_paths_.empty()) {
      recycled = free_paths_.back();
      free_paths_.pop_back();
    }
  }
  if (!recycled.empty()) {
    if (Result<void> renamed = disk_.rename(recycled, path); !renamed.ok()) {
      MutexLock lock(segments_mutex_);
      leaving_paths_.push_back(recycled);
      return renamed.error();
    }
    was_used = true;
  }
  OBELISK_TRY(std::unique_ptr<File> file,
              disk_.open(path, recycled.empty() ? Disk::Mode::create_new : Disk::Mode::open_existing));
  OBELISK_CHECK_OK(file->allocate(bytes));
  tail_block_ = encode_segment_header({next_segment_ - 1, next_sequence_, last_logged_});
  OBELISK_CHECK_OK(file->write_at(0, tail_block_));
  written_through_ = recycled.empty() ? BlockWriter::kBlockBytes : log_block_of(bytes);
  OBELISK_CHECK_OK(file->sync());
  OBELISK_CHECK_OK(disk_.sync_directory(options_.directory));
  return file;
}

uint64_t WriteAheadLog::queued_bytes() const {
  MutexLock lock(mutex_);
  return queued_bytes_;
}

uint64_t WriteAheadLog::segment_bytes_total() const {
  MutexLock lock(segments_mutex_);
  uint64_t total = 0;
  for (const LogSegment& segment : segments_) total += segment.file_bytes;
  return total;
}

}  // namespace obelisk
