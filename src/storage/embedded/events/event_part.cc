#include "storage/embedded/events/event_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "env/read_hint.h"
#include "storage/damage_counter.h"
#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/trace_filter.h"

namespace obelisk {
namespace {

// Chunks with less than this between them are read with one call: of reads that are under way together, one
// costs about as much as this many bytes more of another.
constexpr uint64_t kReadGapBytes = 16 << 10;
// Of all parts together: heads and template numbers take 4 to 6 bytes a row of varied logs, so these are
// those of the eight to twelve million rows read last, which searches then decide without reading them.
constexpr size_t kKnownTextsBytesMax = 48 << 20;
std::atomic<size_t> known_texts_bytes = 0;
// Of all parts together: 60 bytes for a thousand rows, so this is the times of 130 million rows.
constexpr size_t kTimeSkipsBytesMax = 8 << 20;
std::atomic<size_t> time_skips_bytes = 0;

// Of all parts together: trace indexes, at 4 to 5 bytes a trace and row group, and trace filters, at 1.5
// bytes an id, that are kept whole in memory, so that finding a trace reads nothing but its row groups. Of
// others each look-up reads a block.
constexpr size_t kTraceIndexBytesMax = 16 << 20;
std::atomic<size_t> trace_index_bytes = 0;

uint64_t chunk_key(size_t row_group, size_t chunk) {
  return static_cast<uint64_t>(row_group) << 32 | chunk;
}

// Most directories are smaller than this, so one read opens a part.
constexpr uint64_t kOpenReadBytes = 16 << 10;

}  // namespace

Result<std::shared_ptr<EventPart>> EventPart::open(Disk& disk, const std::string& store_directory,
                                                   const std::string& name) {
  std::shared_ptr<EventPart> part(
      new EventPart(disk, store_directory.empty() ? name : store_directory + "/" + name, name));
  OBELISK_TRY(part->file_, disk.open(part->path_, Disk::Mode::read));
  Result<void> read = part->read_directory();
  if (!read.ok()) return part->located(read.error(), 0);
  return part;
}

EventPart::~EventPart() {
  {
    MutexLock lock(heads_mutex_);
    for (const auto& [key, known] : heads_) known_texts_bytes -= known->memory_bytes();
    for (const auto& [row_group, skips] : time_skips_) time_skips_bytes -= skips->memory_bytes();
  }
  trace_index_bytes -= trace_blocks_.size();
  {
    MutexLock lock(filters_mutex_);
    for (const auto& [row_group, filter] : trace_filters_) trace_index_bytes -= filter.size();
  }
  if (!obsolete_) return;
  file_.reset();
  // A file that stays is an orphan that the next start removes.
  if (Result<void> removed = disk_.remove(path_); !removed.ok())
    log_warning("events", removed.error().to_string());
}

Error EventPart::located(const Error& error, uint64_t offset) const {
  if (error.code == ErrorCode::corrupt) damaged_blocks().add();
  return error.with_context(fmt::format("{} at offset {}", path_, offset));
}

Result<void> EventPart::read_directory() {
  OBELISK_TRY(uint64_t file_bytes, file_->size());
  file_bytes_ = file_bytes;
  if (file_bytes < kEventPartHeaderBytes + kEventPartTailBytes)
    return make_error(ErrorCode::corrupt, "shorter than an event part");
  std::string end(std::min(file_bytes, kOpenReadBytes), '\0');
  OBELISK_CHECK_OK(file_->read_at(file_bytes - end.size(), end.size(), end.data()));
  OBELISK_TRY(
      EventPartTail tail,
      parse_event_part_tail(std::string_view(end).substr(end.size() - kEventPartTailBytes), file_bytes));
  uint64_t wanted = tail.directory.length + kEventPartTailBytes;
  if (wanted > end.size()) {
    end.resize(wanted);
    OBELISK_CHECK_OK(file_->read_at(file_bytes - wanted, wanted, end.data()));
  }
  std::string_view stored = std::string_view(end).substr(end.size() - wanted, tail.directory.length);
  OBELISK_TRY(directory_, parse_event_part_directory(stored, tail, file_bytes));
  for (const RowGroupInfo& group : directory_.row_groups) chunk_bytes_ += group.chunk_bytes();
  if (is_scattered()) hint_scattered_reads(*file_);
  return {};
}

Result<std::shared_ptr<const LabelTable>> EventPart::labels() const {
  MutexLock lock(mutex_);
  if (labels_) return labels_;
  std::string bytes(directory_.labels.length, '\0');
  OBELISK_CHECK_OK(file_->read_at(directory_.labels.offset, bytes.size(), bytes.data()));
  Result<std::shared_ptr<const LabelTable>> parsed = LabelTable::parse(bytes, directory_.group_count);
  if (!parsed.ok()) return located(parsed.error(), directory_.labels.offset);
  labels_ = *parsed;
  return labels_;
}

EventPart::ReadRuns EventPart::read_runs(size_t row_group, std::span<const size_t> chunks) const {
  const RowGroupInfo& group = directory_.row_groups[row_group];
  auto info = [&](size_t i) -> const ChunkInfo& { return group.chunks[chunks[i]]; };
  ReadRuns reads;
  reads.by_offset.resize(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) reads.by_offset[i] = i;
  std::sort(reads.by_offset.begin(), reads.by_offset.end(),
            [&](size_t a, size_t b) { return info(a).offset < info(b).offset; });
  for (size_t i = 0; i < reads.by_offset.size(); ++i) {
    const ChunkInfo& chunk = info(reads.by_offset[i]);
    if (reads.runs.empty() || chunk.offset > reads.runs.back().end + kReadGapBytes)
      reads.runs.push_back({chunk.offset, chunk.offset, i, i});
    reads.runs.back().end = chunk.offset + chunk.length;
    reads.runs.back().last = i + 1;
  }
  return reads;
}

Result<bool> EventPart::read_and_wait(uint64_t offset, size_t length, char* out) const {
  size_t got = read_from_memory(*file_, offset, length, out);
  if (got == length) return false;
  OBELISK_CHECK_OK(file_->read_at(offset + got, length - got, out + got));
  return true;
}

Result<EventPart::FetchedChunks> EventPart::fetch_chunks(size_t row_group, std::span<const size_t> chunks,
                                                         bool alone) const {
  const RowGroupInfo& group = directory_.row_groups[row_group];
  ReadRuns reads = read_runs(row_group, chunks);
  FetchedChunks fetched;
  fetched.chunks.resize(chunks.size());
  for (size_t at = 0; at < reads.runs.size(); ++at) {
    const ReadRun& run = reads.runs[at];
    std::shared_ptr<char[]> buffer(new char[run.end - run.begin]);
    if (alone && !is_scattered()) hint_soon_read(*file_, run.begin, run.end - run.begin);
    size_t length = run.end - run.begin, got = read_from_memory(*file_, run.begin, length, buffer.get());
    if (got < length) {
      // All that will be waited for is asked for before the first wait.
      for (size_t next = at + 1; next < reads.runs.size() && !fetched.waited; ++next)
        hint_soon_read(*file_, reads.runs[next].begin, reads.runs[next].end - reads.runs[next].begin);
      fetched.waited = true;
      OBELISK_CHECK_OK(file_->read_at(run.begin + got, length - got, buffer.get() + got));
    }
    for (size_t i = run.first; i < run.last; ++i) {
      const ChunkInfo& chunk = group.chunks[chunks[reads.by_offset[i]]];
      fetched.chunks[reads.by_offset[i]] = {buffer,
                                            {buffer.get() + (chunk.offset - run.begin), chunk.length}};
    }
  }
  return fetched;
}

void EventPart::expect_chunks(size_t row_group, std::span<const size_t> chunks) const {
  for (const ReadRun& run : read_runs(row_group, chunks).runs)
    hint_soon_read(*file_, run.begin, run.end - run.begin);
}

Result<ColumnChunk> EventPart::parse_chunk(size_t row_group, size_t chunk, const StoredChunk& stored,
                                           RowSpan wanted) const {
  const RowGroupInfo& group = directory_.row_groups[row_group];
  const ChunkInfo& info = group.chunks[chunk];
  const PartColumn& column = directory_.columns[info.column];
  std::shared_ptr<const message::KnownTexts> known;
  if (ColumnChunk::may_be_message(stored.bytes, column.type, group.row_count))
    known = known_texts(row_group, chunk);
  Result<ColumnChunk> parsed = ColumnChunk::parse(stored.bytes, stored.owner, column.type, group.row_count,
                                                  known != nullptr ? known->head() : nullptr, wanted);
  if (!parsed.ok()) return located(parsed.error().with_context("column " + column.id.name), info.offset);
  if (parsed->message() == nullptr) return parsed;
  if (known == nullptr) known = keep_texts(row_group, chunk, *parsed->message());
  parsed->message()->set_known(std::move(known));
  return parsed;
}

Result<std::vector<ColumnChunk>> EventPart::read_chunks(size_t row_group,
                                                        std::span<const size_t> chunks) const {
  OBELISK_TRY(FetchedChunks fetched, fetch_chunks(row_group, chunks));
  std::vector<ColumnChunk> read;
  read.reserve(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    OBELISK_TRY(ColumnChunk chunk, parse_chunk(row_group, chunks[i], fetched.chunks[i]));
    read.push_back(std::move(chunk));
  }
  return read;
}

Result<EventPart::ChunkBytes> EventPart::read_chunk_bytes(size_t row_group, size_t chunk) const {
  const ChunkInfo& info = directory_.row_groups[row_group].chunks[chunk];
  std::shared_ptr<char[]> buffer(new char[info.length]);
  OBELISK_TRY(bool waited, read_and_wait(info.offset, info.length, buffer.get()));
  std::string_view bytes(buffer.get(), info.length);
  if (!has_checksum(bytes))
    return located(make_error(ErrorCode::corrupt, "column chunk: checksum mismatch"), info.offset);
  bytes.remove_suffix(8);
  return ChunkBytes{std::move(buffer), bytes, waited};
}

Result<std::string> EventPart::read_stored(size_t row_group) const {
  const RowGroupInfo& group = directory_.row_groups[row_group];
  uint64_t begin = group.chunks.front().offset;
  uint64_t end = group.trace_filter.length > 0 ? group.trace_filter.offset + group.trace_filter.length
                                               : group.chunks.back().offset + group.chunks.back().length;
  std::string bytes(end - begin, '\0');
  OBELISK_CHECK_OK(file_->read_at(begin, bytes.size(), bytes.data()));
  for (const ChunkInfo& chunk : group.chunks) {
    if (!has_checksum(std::string_view(bytes).substr(chunk.offset - begin, chunk.length)))
      return located(make_error(ErrorCode::corrupt, "column chunk: checksum mismatch"), chunk.offset);
  }
  return bytes;
}

std::shared_ptr<const message::KnownTexts> EventPart::known_texts(size_t row_group, size_t chunk) const {
  MutexLock lock(heads_mutex_);
  auto it = heads_.find(chunk_key(row_group, chunk));
  return it == heads_.end() ? nullptr : it->second;
}

// Null when there is no room.
std::shared_ptr<const message::KnownTexts> EventPart::keep_texts(size_t row_group, size_t chunk,
                                                                 const message::MessageBlock& read) const {
  if (known_texts_bytes > kKnownTextsBytesMax) return nullptr;
  auto known =
      std::make_shared<const message::KnownTexts>(read.head(), read.template_planes(), read.raw_count() > 0);
  size_t bytes = known->memory_bytes();
  MutexLock lock(heads_mutex_);
  if (known_texts_bytes + bytes > kKnownTextsBytesMax) return nullptr;
  auto [it, fresh] = heads_.try_emplace(chunk_key(row_group, chunk), std::move(known));
  if (fresh) known_texts_bytes += bytes;
  return it->second;
}

void EventPart::release_unused() const {
  MutexLock lock(heads_mutex_);
  for (const auto& [key, known] : heads_) known->release_unused();
}

std::shared_ptr<const IntegerSkips> EventPart::time_skips(size_t row_group) const {
  MutexLock lock(heads_mutex_);
  auto it = time_skips_.find(row_group);
  return it == time_skips_.end() ? nullptr : it->second;
}

void EventPart::keep_time_skips(size_t row_group, const std::shared_ptr<const IntegerSkips>& skips) const {
  size_t bytes = skips->memory_bytes();
  MutexLock lock(heads_mutex_);
  if (time_skips_bytes + bytes > kTimeSkipsBytesMax) return;
  if (time_skips_.try_emplace(row_group, skips).second) time_skips_bytes += bytes;
}

Result<const std::string*> EventPart::kept_filter(size_t row_group) const {
  auto found = trace_filters_.find(row_group);
  if (found != trace_filters_.end()) return &found->second;
  const Extent& filter = directory_.row_groups[row_group].trace_filter;
  // Of several threads at once some bytes more may be kept.
  if (trace_index_bytes + filter.length > kTraceIndexBytesMax)
    return static_cast<const std::string*>(nullptr);
  std::string bytes(filter.length, '\0');
  OBELISK_CHECK_OK(file_->read_at(filter.offset, filter.length, bytes.data()));
  trace_index_bytes += bytes.size();
  return &trace_filters_.emplace(row_group, std::move(bytes)).first->second;
}

Result<bool> EventPart::may_hold_trace(size_t row_group, uint64_t key) const {
  const Extent& filter = directory_.row_groups[row_group].trace_filter;
  if (filter.length == 0) return false;
  TraceFilterPage page = trace_filter_page(key, filter.length);
  {
    MutexLock lock(filters_mutex_);
    OBELISK_TRY(const std::string* kept, kept_filter(row_group));
    if (kept != nullptr) {
      Result<bool> has =
          trace_filter_has(std::string_view(*kept).substr(page.offset, page.length), page, key);
      if (!has.ok()) return located(has.error(), filter.offset + page.offset);
      return has;
    }
  }
  char bytes[kTraceFilterPageBytes];
  OBELISK_CHECK_OK(file_->read_at(filter.offset + page.offset, page.length, bytes));
  Result<bool> has = trace_filter_has({bytes, page.length}, page, key);
  if (!has.ok()) return located(has.error(), filter.offset + page.offset);
  return has;
}

Result<std::vector<uint32_t>> EventPart::filtered_row_groups(std::span<const uint64_t> keys) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < directory_.row_groups.size(); ++i) {
    bool may_hold = false;
    for (size_t k = 0; k < keys.size() && !may_hold; ++k) {
      OBELISK_TRY(may_hold, may_hold_trace(i, keys[k]));
    }
    if (may_hold) found.push_back(i);
  }
  return found;
}

Result<std::shared_ptr<const TraceIndexDirectory>> EventPart::trace_index() const {
  MutexLock lock(mutex_);
  if (trace_index_) return trace_index_;
  return load_trace_index();
}

void EventPart::prepare_lookups() const {
  const Extent& index = directory_.trace_index;
  {
    MutexLock lock(mutex_);
    if (index.length == 0 || prepared_ || trace_index_ != nullptr) return;
    if (trace_index_bytes + index.length > kTraceIndexBytesMax) return;
    prepared_ = true;  // also when it fails: damage is counted where it is found
    if (!load_trace_index().ok()) return;
  }
  static_cast<void>(labels());
}

Result<std::shared_ptr<const TraceIndexDirectory>> EventPart::load_trace_index() const {
  const Extent& index = directory_.trace_index;
  if (index.length < kTraceIndexTailBytes)
    return located(make_error(ErrorCode::corrupt, "trace index: cut off"), index.offset);
  // Whole in one read when it will be kept, else its end.
  bool keep = trace_index_bytes + index.length <= kTraceIndexBytesMax;
  std::string bytes(keep ? index.length : kTraceIndexTailBytes, '\0');
  OBELISK_CHECK_OK(file_->read_at(index.offset + index.length - bytes.size(), bytes.size(), bytes.data()));
  std::string_view tail = std::string_view(bytes).substr(bytes.size() - kTraceIndexTailBytes);
  Result<uint64_t> directory_bytes = trace_index_directory_bytes(tail, index.length);
  if (!directory_bytes.ok()) return located(directory_bytes.error(), index.offset);
  if (!keep) {
    bytes.resize(*directory_bytes);
    OBELISK_CHECK_OK(file_->read_at(index.offset + index.length - bytes.size(), bytes.size(), bytes.data()));
  }
  Result<TraceIndexDirectory> parsed = parse_trace_index_directory(
      std::string_view(bytes).substr(bytes.size() - *directory_bytes), index.length);
  if (!parsed.ok()) return located(parsed.error(), index.offset);
  if (keep) {
    bytes.resize(bytes.size() - *directory_bytes);
    bytes.shrink_to_fit();
    trace_index_bytes += bytes.size();
    trace_blocks_ = std::move(bytes);
  }
  trace_index_ = std::make_shared<const TraceIndexDirectory>(std::move(*parsed));
  return trace_index_;
}

// The bytes of a block, from memory or read into `buffer`. `index`: of trace_index().
Result<std::string_view> EventPart::trace_index_block(const TraceIndexDirectory& index, size_t number,
                                                      std::string& buffer) const {
  uint64_t begin = index.offsets[number], length = index.offsets[number + 1] - begin;
  if (!trace_blocks_.empty()) return std::string_view(trace_blocks_).substr(begin, length);
  buffer.resize(length);
  OBELISK_CHECK_OK(file_->read_at(directory_.trace_index.offset + begin, length, buffer.data()));
  return std::string_view(buffer);
}

Result<std::shared_ptr<const TraceIndexDirectory>> EventPart::trace_index_directory() const {
  if (directory_.trace_index.length == 0) return std::shared_ptr<const TraceIndexDirectory>();
  return trace_index();
}

Result<std::vector<uint32_t>> EventPart::row_groups_of_traces(std::span<const uint64_t> keys) const {
  std::vector<uint32_t> found;
  if (directory_.table == Table::logs) return filtered_row_groups(keys);
  if (directory_.trace_index.length == 0 || keys.empty()) return found;
  OBELISK_TRY(std::shared_ptr<const TraceIndexDirectory> index, trace_index());
  std::string buffer;
  size_t loaded = index->block_count();  // none
  TraceIndexBlock block;
  for (uint64_t key : keys) {
    auto [begin, end] = index->blocks_with(key);
    for (size_t number = begin; number < end; ++number) {
      if (number != loaded) {
        OBELISK_TRY(std::string_view bytes, trace_index_block(*index, number, buffer));
        Result<TraceIndexBlock> parsed = parse_trace_index_block(bytes, index->entries_of(number));
        if (!parsed.ok())
          return located(parsed.error(), directory_.trace_index.offset + index->offsets[number]);
        block = std::move(*parsed);
        loaded = number;
      }
      auto range = std::equal_range(block.keys.begin(), block.keys.end(), static_cast<int64_t>(key));
      for (auto it = range.first; it != range.second; ++it) {
        int64_t row_group = block.row_groups[static_cast<size_t>(it - block.keys.begin())];
        if (row_group < 0 || static_cast<uint64_t>(row_group) >= directory_.row_groups.size()) {
          return located(make_error(ErrorCode::corrupt, "trace index: row group out of range"),
                         directory_.trace_index.offset);
        }
        found.push_back(static_cast<uint32_t>(row_group));
      }
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Result<std::vector<std::pair<uint64_t, uint32_t>>> EventPart::trace_entries() const {
  std::vector<std::pair<uint64_t, uint32_t>> entries;
  if (directory_.trace_index.length == 0) return entries;
  OBELISK_TRY(std::shared_ptr<const TraceIndexDirectory> index, trace_index());
  std::string read;
  if (trace_blocks_.empty()) {
    read.resize(index->offsets.back());
    OBELISK_CHECK_OK(file_->read_at(directory_.trace_index.offset, read.size(), read.data()));
  }
  std::string_view bytes = trace_blocks_.empty() ? read : trace_blocks_;
  entries.reserve(index->entry_count);
  for (size_t number = 0; number < index->block_count(); ++number) {
    std::string_view stored =
        bytes.substr(index->offsets[number], index->offsets[number + 1] - index->offsets[number]);
    Result<TraceIndexBlock> block = parse_trace_index_block(stored, index->entries_of(number));
    if (!block.ok()) return located(block.error(), directory_.trace_index.offset + index->offsets[number]);
    for (size_t i = 0; i < block->keys.size(); ++i)
      entries.push_back({static_cast<uint64_t>(block->keys[i]), static_cast<uint32_t>(block->row_groups[i])});
  }
  return entries;
}

size_t EventPart::memory_bytes() const {
  size_t total = sizeof(EventPart);
  for (const PartColumn& column : directory_.columns) total += sizeof(PartColumn) + column.id.name.capacity();
  for (const RowGroupInfo& group : directory_.row_groups) {
    total += sizeof(RowGroupInfo) + group.runs.capacity() * sizeof(GroupRun) +
             group.chunks.capacity() * sizeof(ChunkInfo);
  }
  return total;
}

}  // namespace obelisk
