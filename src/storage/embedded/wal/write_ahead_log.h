#pragma once
// The write-ahead log: one for all tenants and tables of an engine. Requests are queued; one thread takes
// everything queued, writes it with one write, syncs once (group commit), hands the requests in sequence
// order to the stores and only then calls their `done`. Submitting is thread safe and never blocks. Where
// several small requests were under way together, as many are waited for as long as one comes within the time
// of the last sync, a millisecond at most in all, so that one sync serves them all.
//
// Promises, by durability:
//   sync      `done` means: survives power loss. The default.
//   interval  `done` means: survives a crash of the process at once, power loss after at most
//   `sync_interval_ms`. off       `done` means: survives a crash of the process; power loss may take up to
//   the last segment.
// In every mode a request is there wholly or not at all, and requests are lost only from the end.
//
// Failures: when the disk is full the requests of the group are refused with no_space, what was written of
// them is cut off and that cut is synced before they are answered; later requests are tried again. When a
// sync fails for another reason, or a cut fails, nobody knows what is on the disk: every request is refused
// with io until the store is opened again. Segment files are preallocated and recycled: overwriting an
// allocated file costs a tenth of growing one. With `sync`, groups are written as whole blocks where the disk
// can (env/block_writer.h), the block that the last group ended in once more; small groups get zeros written
// ahead of them in a fresh file, since the first write of a block costs a change of the file's metadata.
// Format: docs/formats/wal.md. Recovery: log_recovery.h.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "env/block_writer.h"
#include "env/disk.h"
#include "plan/packed_batch.h"
#include "storage/embedded/wal/log_recovery.h"
#include "storage/writer.h"

namespace obelisk {

enum class Durability : uint8_t { sync, interval, off };

struct LogOptions {
  std::string directory = "wal";
  Durability durability = Durability::sync;
  uint32_t sync_interval_ms = 100;
  uint64_t segment_bytes = 64 << 20;
  // Waiting requests; beyond, submit answers overloaded. Large enough for a second of a fast disk.
  uint64_t queue_bytes_max = 128 << 20;
  // One write: long enough to amortise a sync, short enough that it does not delay the next group by much.
  uint64_t group_bytes_max = 16 << 20;
};

// A request on its way through the log.
struct LogEntry {
  Tenant tenant;
  std::vector<BatchPtr> batches;
  std::string payload;  // encode_log_payload; empty: LogSink::encode makes it, or
  std::shared_ptr<const std::string> shared_payload;  // the same, kept by `packed`
  // Batches that are not decoded: they lie in the shared payload and keep it.
  std::vector<std::shared_ptr<const PackedBatch>> packed;
  uint64_t payload_checksum = 0;
  Writer::Done done;
  uint64_t waiting_bytes = 0;       // while it waits and has no payload
  std::shared_ptr<void> sink_data;  // what the sink keeps from encode() to apply()
  uint64_t encoded_for = 0;         // the segment that encode() was called for last

  std::string_view bytes() const { return shared_payload ? *shared_payload : payload; }
  uint64_t queued_bytes() const { return bytes().empty() ? waiting_bytes : bytes().size(); }
};

std::string encode_log_payload(const Tenant& tenant, const std::vector<Batch>& batches);
// A payload by pieces: its head, then each batch as text (codec/varint.h).
void append_log_payload_head(const Tenant& tenant, size_t batch_count, std::string& out);
// The bytes of each batch.
struct LogPayload {
  Tenant tenant;
  std::vector<std::string_view> batches;        // plan/batch_codec.h
  std::vector<std::string_view> sample_frames;  // plan/sample_frame.h
};
Result<LogPayload> decode_log_payload(std::string_view payload);

// What the log calls, from its one thread, in sequence order.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // Makes the payload of an entry that came without one, just before it is written, in the order of the log:
  // it may count on what entries encoded before it for the same segment hold. Called again, for the next
  // segment, when the entry does not fit into this one.
  virtual void encode(LogEntry& entry, uint64_t segment) {
    (void)entry;
    (void)segment;
  }
  // Entries that were encoded did not reach the log: nothing may count on them.
  virtual void forget_encoded() {}
  virtual void apply(uint64_t sequence, LogEntry& entry) = 0;
  // Everything up to `sequence` was applied: make it visible.
  virtual void publish(uint64_t sequence) = 0;
  // Called between groups, with nothing in hand: may wait a moment while the stores have too much in memory.
  virtual void wait_for_room() {}
};

// The block that an offset is in, and where the blocks below an offset end.
constexpr uint64_t log_block_of(uint64_t offset) {
  return offset / BlockWriter::kBlockBytes * BlockWriter::kBlockBytes;
}
constexpr uint64_t end_of_log_blocks(uint64_t offset) {
  return log_block_of(offset + BlockWriter::kBlockBytes - 1);
}

class WriteAheadLog {
 public:
  // Starts behind what recovery found. `last_sequence` is the highest ever given out.
  static Result<std::unique_ptr<WriteAheadLog>> open(Disk& disk, LogOptions options,
                                                     const LogRecovery& recovery, uint64_t last_sequence,
                                                     LogSink& sink);
  ~WriteAheadLog();

  void submit(LogEntry entry) EXCLUDES(mutex_);
  // Finishes what was accepted and syncs; further submissions get unavailable.
  void stop() EXCLUDES(mutex_);
  // Stores hold everything up to `sequence` in synced parts: segments that hold nothing later become free.
  // With `include_active` (after stop) the active one as well.
  void release(uint64_t sequence, bool include_active) EXCLUDES(segments_mutex_);

  // The files there are now are removed, not used again, when what they hold is released; the active one
  // takes no more. For who must know that something is in no file any more: returns what to ask is_retired
  // with.
  uint64_t retire() EXCLUDES(segments_mutex_);
  // Whether all files are gone that there were at that call of retire; the largest number: at any.
  bool is_retired(uint64_t mark) const EXCLUDES(segments_mutex_);

  uint64_t queued_bytes() const EXCLUDES(mutex_);
  uint64_t segment_bytes_total() const EXCLUDES(segments_mutex_);

 private:
  WriteAheadLog(Disk& disk, LogOptions options, LogSink& sink);

  void run();
  std::vector<LogEntry> take_group();
  void await_company(MutexLock& lock) REQUIRES(mutex_);
  void write_group(std::vector<LogEntry>& group);
  uint64_t frame_bytes_of(LogEntry& entry, uint64_t segment);
  Result<void> make_room_for(LogEntry& entry, uint64_t& bytes);
  Result<void> write_run(std::vector<LogEntry>& group, size_t begin, size_t end);
  bool begin_blocks(uint64_t frame_bytes);
  Result<void> write_frames(bool in_blocks, std::string_view frames);
  Result<void> write_blocks(std::string_view frames);
  Result<void> zero_ahead(uint64_t end);
  void note_tail(std::string_view frames);
  void note_synced(std::chrono::steady_clock::time_point start);
  Result<void> open_segment(uint64_t bytes);
  Result<std::unique_ptr<File>> create_file(const std::string& path, uint64_t bytes, bool& was_used);
  Result<void> sync_active();
  void cut_tail(const Error& cause);
  void break_log(const std::string& cause);
  void sync_if_due();
  void remove_leaving() EXCLUDES(segments_mutex_);
  bool active_is_retired() const EXCLUDES(segments_mutex_);
  void close_retired();

  Disk& disk_;
  const LogOptions options_;
  LogSink& sink_;

  mutable Mutex mutex_;
  std::condition_variable changed_;
  std::deque<LogEntry> queue_ GUARDED_BY(mutex_);
  uint64_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  size_t wakes_at_ GUARDED_BY(mutex_) = 1;  // so many waiting requests wake the log's thread

  // Of the log's thread alone.
  std::unique_ptr<File> active_;
  uint64_t active_bytes_ = 0;      // room in the active file
  uint64_t tail_ = 0;              // where the next frame goes
  BlockWriter* blocks_ = nullptr;  // of active_; null where it has none or none is wanted
  std::string tail_block_;         // what the block that tail_ is in holds before it
  uint64_t written_through_ = 0;   // blocks of the active file below this were written before
  uint64_t next_sequence_ = 1;
  uint64_t next_segment_ = 1;
  uint64_t durable_through_ = 0;
  uint64_t last_logged_ =
      0;  // the last sequence in the log, which a power loss may have cut below what was given out
  bool unsynced_ = false;
  std::optional<Error> broken_;
  std::string buffer_;
  std::chrono::nanoseconds last_sync_{0};  // how long it took
  size_t senders_ = 1;                     // requests that were under way together a moment ago

  mutable Mutex segments_mutex_;
  std::vector<LogSegment> segments_
      GUARDED_BY(segments_mutex_);  // the last one is active when active_ is open
  std::vector<std::string> free_paths_ GUARDED_BY(segments_mutex_);
  bool has_active_ GUARDED_BY(segments_mutex_) = false;
  std::vector<std::string> leaving_paths_ GUARDED_BY(segments_mutex_);  // to be removed
  uint64_t creating_ GUARDED_BY(segments_mutex_) = 0;  // the segment that is being made, maybe of a free file
  uint64_t retired_ GUARDED_BY(segments_mutex_) = 0;   // segments up to this one are not used again
  size_t renaming_ GUARDED_BY(segments_mutex_) = 0;    // files that are in none of the lists for a moment

  std::thread thread_;
};

}  // namespace obelisk
