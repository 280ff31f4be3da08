#pragma once
// An event part: an immutable set of rows of one table and one day. Opening reads its directory only; row
// groups are read with pread when asked for. Thread safe. A part that was merged or retired is marked
// obsolete and its file removed when the last snapshot lets go of it. Format: docs/formats/event_part.md.
// Written by part_writer.h.
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "codec/integer_skips.h"
#include "env/disk.h"
#include "storage/embedded/events/label_table.h"
#include "storage/embedded/events/part_format.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {

class EventPart {
 public:
  // `name` is the part's name in its store: "spans/20260503/000000000000001f.part".
  static Result<std::shared_ptr<EventPart>> open(Disk& disk, const std::string& store_directory,
                                                 const std::string& name);
  ~EventPart();

  const std::string& name() const { return name_; }
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t chunk_bytes() const { return chunk_bytes_; }  // of all row groups
  // For inspection; null when the part has no trace ids.
  Result<std::shared_ptr<const TraceIndexDirectory>> trace_index_directory() const EXCLUDES(mutex_);
  const EventPartDirectory& directory() const { return directory_; }
  void mark_obsolete() { obsolete_ = true; }

  // Read and verified on first use, then kept.
  Result<std::shared_ptr<const LabelTable>> labels() const EXCLUDES(mutex_);
  // Chunks of a row group, in the order of `chunks` (indexes into RowGroupInfo::chunks). Neighbours are read
  // at once.
  Result<std::vector<ColumnChunk>> read_chunks(size_t row_group, std::span<const size_t> chunks) const;
  // The same in two steps: the bytes as they are stored, unchecked, and a chunk of them.
  struct StoredChunk {
    std::shared_ptr<const char[]> owner;
    std::string_view bytes;
  };
  struct FetchedChunks {
    std::vector<StoredChunk> chunks;
    bool waited = false;  // not all of them were in memory
  };
  // `alone`: nothing near them will be read, so the disk need not read on.
  Result<FetchedChunks> fetch_chunks(size_t row_group, std::span<const size_t> chunks,
                                     bool alone = false) const;
  // Asks the disk for chunks that will be fetched soon, without waiting.
  void expect_chunks(size_t row_group, std::span<const size_t> chunks) const;
  Result<ColumnChunk> parse_chunk(size_t row_group, size_t chunk, const StoredChunk& stored,
                                  RowSpan wanted = {}) const;
  // The bytes of one chunk without its checksum, which was compared. Eight more follow them.
  struct ChunkBytes {
    std::shared_ptr<const char[]> owner;
    std::string_view bytes;
    bool waited = false;  // not all of them were in memory
  };
  Result<ChunkBytes> read_chunk_bytes(size_t row_group, size_t chunk) const;
  // All bytes of a row group, from its first chunk to the end of its trace filter; the checksums of chunks
  // were compared.
  Result<std::string> read_stored(size_t row_group) const;
  // The row groups (ascending, once each) that hold a trace of `keys` (trace_key, ascending); of log parts
  // those that may hold one, by their filters.
  Result<std::vector<uint32_t>> row_groups_of_traces(std::span<const uint64_t> keys) const EXCLUDES(mutex_);
  // Reads what every look-up of a trace needs (trace index, labels), while there is room for it, so that the
  // first one need not. Once; what cannot be read is left to those who ask.
  void prepare_lookups() const EXCLUDES(mutex_);
  // Every (trace_key, row group) of the trace index, sorted.
  Result<std::vector<std::pair<uint64_t, uint32_t>>> trace_entries() const EXCLUDES(mutex_);
  // Whether a row group of a log part may hold a trace with this key. Reads its filter the first time and
  // keeps it where there is room; else reads one page of it.
  Result<bool> may_hold_trace(size_t row_group, uint64_t key) const EXCLUDES(filters_mutex_);
  // What is known of the texts of a chunk, kept from an earlier reading of it; null when it was not read or
  // is not of that coding. `chunk`: index into RowGroupInfo::chunks.
  std::shared_ptr<const message::KnownTexts> known_texts(size_t row_group, size_t chunk) const
      EXCLUDES(heads_mutex_);
  // Lets go of what was made for searches and not used since the last call.
  void release_unused() const EXCLUDES(heads_mutex_);
  // Where the pieces of a row group's time column lie, kept from an earlier decoding of it; only of row
  // groups whose runs ascend by time. Null when it is not kept.
  std::shared_ptr<const IntegerSkips> time_skips(size_t row_group) const EXCLUDES(heads_mutex_);
  void keep_time_skips(size_t row_group, const std::shared_ptr<const IntegerSkips>& skips) const
      EXCLUDES(heads_mutex_);
  size_t memory_bytes() const;

 private:
  EventPart(Disk& disk, std::string path, std::string name)
      : disk_(disk), path_(std::move(path)), name_(std::move(name)) {}

  // Bytes of the file that are read together for some of the chunks asked for.
  struct ReadRun {
    uint64_t begin = 0;
    uint64_t end = 0;
    size_t first = 0;  // of the order by offset
    size_t last = 0;   // behind its last
  };
  struct ReadRuns {
    std::vector<size_t> by_offset;  // indexes into the chunks asked for
    std::vector<ReadRun> runs;
  };

  // Whether a column of a row group is so much smaller than what a disk likes to read on by that reading on
  // costs more than it saves: row groups of spans are a hundredth of those of logs.
  bool is_scattered() const { return directory_.table == Table::spans; }
  Result<void> read_directory();
  ReadRuns read_runs(size_t row_group, std::span<const size_t> chunks) const;
  // False: all of them were in memory.
  Result<bool> read_and_wait(uint64_t offset, size_t length, char* out) const;
  std::shared_ptr<const message::KnownTexts> keep_texts(size_t row_group, size_t chunk,
                                                        const message::MessageBlock& read) const
      EXCLUDES(heads_mutex_);
  // Null when there is no room for it.
  Result<const std::string*> kept_filter(size_t row_group) const REQUIRES(filters_mutex_);
  Result<std::vector<uint32_t>> filtered_row_groups(std::span<const uint64_t> keys) const;
  Result<std::shared_ptr<const TraceIndexDirectory>> trace_index() const EXCLUDES(mutex_);
  Result<std::shared_ptr<const TraceIndexDirectory>> load_trace_index() const REQUIRES(mutex_);
  Result<std::string_view> trace_index_block(const TraceIndexDirectory& index, size_t number,
                                             std::string& buffer) const;
  // Adds the file, and counts a checksum failure.
  Error located(const Error& error, uint64_t offset) const;

  Disk& disk_;
  const std::string path_;
  const std::string name_;
  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  uint64_t chunk_bytes_ = 0;
  EventPartDirectory directory_;
  std::atomic<bool> obsolete_ = false;

  mutable Mutex mutex_;
  mutable std::shared_ptr<const LabelTable> labels_ GUARDED_BY(mutex_);
  mutable std::shared_ptr<const TraceIndexDirectory> trace_index_ GUARDED_BY(mutex_);
  // The blocks of the trace index as they are stored, once the index was asked; empty when there was no room
  // (kTraceIndexBytesMax in event_part.cc). Not changed after trace_index_ was set.
  mutable std::string trace_blocks_;
  mutable bool prepared_ GUARDED_BY(mutex_) = false;

  mutable Mutex filters_mutex_;
  // Trace filters as they are stored, by row group; they count against kTraceIndexBytesMax too.
  mutable std::unordered_map<size_t, std::string> trace_filters_ GUARDED_BY(filters_mutex_);

  mutable Mutex heads_mutex_;
  // By row group and chunk. All parts together keep kKnownTextsBytesMax (event_part.cc).
  mutable std::unordered_map<uint64_t, std::shared_ptr<const message::KnownTexts>> heads_
      GUARDED_BY(heads_mutex_);
  // By row group. All parts together keep kTimeSkipsBytesMax.
  mutable std::unordered_map<size_t, std::shared_ptr<const IntegerSkips>> time_skips_
      GUARDED_BY(heads_mutex_);
};

using EventPartPtr = std::shared_ptr<const EventPart>;

}  // namespace obelisk
