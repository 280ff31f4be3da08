// How groups reach the disk: as they are, or in whole blocks.
#include <algorithm>

#include "base/assert.h"
#include "storage/embedded/wal/write_ahead_log.h"

namespace obelisk {
namespace {

constexpr uint64_t kBlockBytes = BlockWriter::kBlockBytes;
// Zeros are written so far ahead of small groups: one change of the file's metadata for that many bytes, at
// the price of writing them twice until files are recycled, which for larger groups takes longer than it
// saves.
constexpr uint64_t kZeroAheadBytes = 1 << 20;
constexpr uint64_t kZeroedGroupBytesMax = 64 << 10;

}  // namespace

// Makes buffer_ ready for frames that are written in blocks: at the address of a block it begins with what
// the first one holds already. False when they are written as they are.
bool WriteAheadLog::begin_blocks(uint64_t frame_bytes) {
  buffer_.clear();
  bool in_blocks = blocks_ != nullptr && end_of_log_blocks(tail_ + frame_bytes) <= active_bytes_;
  if (!in_blocks) return false;
  OBELISK_ASSERT(tail_block_.size() == tail_ - log_block_of(tail_));
  buffer_.reserve(kBlockBytes +
                  end_of_log_blocks(tail_block_.size() + frame_bytes));  // is not moved from here
  size_t misplaced = reinterpret_cast<uintptr_t>(buffer_.data()) % kBlockBytes;
  buffer_.resize((kBlockBytes - misplaced) % kBlockBytes);
  buffer_.append(tail_block_);
  return true;
}

// `frames` lie at the end of buffer_. Durable when it returns, where requests are answered only then.
Result<void> WriteAheadLog::write_frames(bool in_blocks, std::string_view frames) {
  bool durable = options_.durability == Durability::sync;
  if (in_blocks) {
    auto start = std::chrono::steady_clock::now();
    Result<void> written = write_blocks(frames);
    bool refused = !written.ok() && written.error().code == ErrorCode::unsupported;
    if (!refused) {
      OBELISK_CHECK_OK(written);
      if (!blocks_->blocks_are_durable()) return sync_active();
      note_synced(start);
      return {};
    }
    blocks_ = nullptr;
  }
  OBELISK_CHECK_OK(active_->write_at(tail_, frames));
  return durable ? sync_active() : Result<void>();
}

Result<void> WriteAheadLog::write_blocks(std::string_view frames) {
  const char* begin = frames.data() - tail_block_.size();
  uint64_t offset = log_block_of(tail_), end = end_of_log_blocks(tail_ + frames.size());
  size_t before = static_cast<size_t>(begin - buffer_.data());
  OBELISK_ASSERT(buffer_.capacity() >= before + (end - offset));
  OBELISK_CHECK_OK(zero_ahead(end));
  buffer_.resize(before + (end - offset));
  Result<void> written = blocks_->write_blocks(offset, std::string_view(begin, end - offset));
  if (!written.ok() && written.error().code != ErrorCode::unsupported &&
      written.error().code != ErrorCode::no_space && blocks_->blocks_are_durable()) {
    break_log(written.error().message);  // as a failed sync: nobody knows what it concerns
  }
  return written;
}

// Before blocks up to `end` are written for the first time, those after them too are.
Result<void> WriteAheadLog::zero_ahead(uint64_t end) {
  alignas(kBlockBytes) static char zeros[kZeroAheadBytes];  // never written to
  if (end <= written_through_ || end - written_through_ > kZeroedGroupBytesMax) return {};
  OBELISK_ASSERT(written_through_ >= end_of_log_blocks(tail_));
  uint64_t ahead = std::min(written_through_ + kZeroAheadBytes, log_block_of(active_bytes_));
  if (ahead <= end) return {};
  OBELISK_CHECK_OK(blocks_->write_blocks(written_through_, {zeros, ahead - written_through_}));
  written_through_ = ahead;
  return {};
}

// `frames` were written at tail_.
void WriteAheadLog::note_tail(std::string_view frames) {
  uint64_t end = tail_ + frames.size();
  if (log_block_of(end) > tail_) {
    tail_block_.assign(frames.substr(log_block_of(end) - tail_));
  } else {
    tail_block_.append(frames);
  }
  tail_ = end;
  written_through_ = std::max(written_through_, end_of_log_blocks(end));
}

}  // namespace obelisk
