#include "storage/embedded/wal/log_recovery.h"

#include <algorithm>

#include "base/self_metrics.h"
#include "storage/embedded/wal/segment_format.h"

namespace obelisk {
namespace {

constexpr uint64_t kFirstReadBytes = 256 << 10;

struct OpenSegment {
  LogSegment info;
  bool header_good = false;
  uint64_t follows = 0;
};

class Recovery {
 public:
  Recovery(Disk& disk, const std::string& directory, uint64_t flushed_through,
           const std::function<Result<void>(const RecoveredFrame&)>& sink)
      : disk_(disk), directory_(directory), flushed_through_(flushed_through), sink_(sink) {}

  Result<LogRecovery> run() {
    OBELISK_TRY(std::vector<OpenSegment> segments, list_segments());
    for (size_t i = 0; i < segments.size(); ++i) {
      // The next segment's header says before which sequence this one ends (0: found by reading).
      uint64_t end = 0;
      for (size_t j = i + 1; j < segments.size() && end == 0; ++j) {
        if (segments[j].header_good) end = segments[j].follows + 1;
      }
      OBELISK_CHECK_OK(read_segment(segments[i], end));
    }
    counter("obelisk_wal_damaged_regions_total", "Places where once durable frames of the log were damaged.")
        .add(result_.lost.size());
    counter("obelisk_wal_recovered_frames_total", "Frames read from the write-ahead log at start.")
        .add(result_.frame_count);
    return std::move(result_);
  }

 private:
  Result<std::vector<OpenSegment>> list_segments() {
    OBELISK_TRY(std::vector<std::string> names, disk_.list(directory_));
    std::vector<OpenSegment> segments;
    for (const std::string& name : names) {
      std::string path = directory_ + "/" + name;
      if (name.ends_with(".free")) result_.free_paths.push_back(path);
      auto number = segment_of_file_name(name);
      if (!number) continue;
      result_.last_segment = std::max(result_.last_segment, *number);
      OBELISK_TRY(OpenSegment segment, open_segment(*number, path));
      segments.push_back(std::move(segment));
    }
    return segments;
  }

  Result<OpenSegment> open_segment(uint64_t number, const std::string& path) {
    OpenSegment segment;
    segment.info.segment = number;
    segment.info.path = path;
    OBELISK_TRY(std::unique_ptr<File> file, disk_.open(path, Disk::Mode::read));
    OBELISK_TRY(segment.info.file_bytes, file->size());
    std::string bytes(std::min<uint64_t>(kSegmentHeaderBytes, segment.info.file_bytes), '\0');
    OBELISK_CHECK_OK(file->read_at(0, bytes.size(), bytes.data()));
    Result<SegmentHeader> header = parse_segment_header(bytes);
    if (!header.ok() && header.error().code == ErrorCode::unsupported)
      return header.error().with_context(path);
    // A header of another number is one of the file's earlier life: the crash came before the new header.
    if (header.ok() && header->segment == number) {
      segment.header_good = true;
      segment.info.first_sequence = header->first_sequence;
      segment.follows = header->follows;
    }
    return segment;
  }

  Result<void> read_segment(OpenSegment& segment, uint64_t segment_end) {
    OBELISK_TRY(std::shared_ptr<std::string> bytes, read_bytes(segment, segment_end));
    std::vector<Frame> frames;
    uint64_t used = collect_frames(segment, segment_end, *bytes, frames);
    if (frames.empty() && !segment.header_good) {
      result_.free_paths.push_back(segment.info.path);
      return {};
    }
    segment.info.last_sequence = frames.empty() ? segment.info.first_sequence - 1 : frames.back().sequence;
    if (!segment.header_good) segment.info.first_sequence = frames.front().sequence;
    OBELISK_CHECK_OK(hand_out(segment.info.segment, frames, bytes, used));
    result_.segments.push_back(segment.info);
    return {};
  }

  // The segment's bytes. Of one whose end is known only as much is read as its frames take: after a crash in
  // its youth a segment is mostly empty space. The last one is read whole, since what follows its tail
  // decides what the tail is.
  Result<std::shared_ptr<std::string>> read_bytes(const OpenSegment& segment, uint64_t segment_end) {
    OBELISK_TRY(std::unique_ptr<File> file, disk_.open(segment.info.path, Disk::Mode::open_existing));
    auto bytes = std::make_shared<std::string>();
    uint64_t file_bytes = segment.info.file_bytes;
    bool end_is_known = segment_end != 0 && segment.header_good;
    uint64_t wanted = end_is_known ? std::min(file_bytes, kFirstReadBytes) : file_bytes;
    for (;;) {
      uint64_t have = bytes->size();
      bytes->resize(wanted);
      OBELISK_CHECK_OK(file->read_at(have, wanted - have, bytes->data() + have));
      if (wanted == file_bytes || holds_all_frames(segment, segment_end, *bytes)) break;
      wanted = std::min(file_bytes, wanted * 4);
    }
    OBELISK_CHECK_OK(file->sync());
    return bytes;
  }

  static bool holds_all_frames(const OpenSegment& segment, uint64_t segment_end, std::string_view bytes) {
    uint64_t expected = segment.info.first_sequence;
    for (uint64_t at = kSegmentHeaderBytes; expected < segment_end; ++expected) {
      auto frame = parse_frame(bytes, at, segment.info.segment);
      if (!frame || frame->sequence != expected) return false;
      at = frame->end();
    }
    return true;
  }

  // The segment's frames in order; returns the bytes up to the end of the last one.
  uint64_t collect_frames(const OpenSegment& segment, uint64_t segment_end, std::string_view bytes,
                          std::vector<Frame>& frames) {
    uint64_t at = kSegmentHeaderBytes;
    uint64_t expected = segment.header_good ? segment.info.first_sequence : result_.last_sequence + 1;
    uint64_t known = std::max(result_.last_sequence, flushed_through_);
    if (segment.header_good && segment.follows > known)
      note_loss(known + 1, segment.follows, segment.info.path, 0);
    while (segment_end == 0 || expected < segment_end) {
      auto frame = parse_frame(bytes, at, segment.info.segment);
      if (!frame || frame->sequence < expected)
        frame = after_bad_frame(segment, segment_end, bytes, at, expected);
      if (!frame) break;
      if (frame->sequence > expected) note_loss(expected, frame->sequence - 1, segment.info.path, at);
      frames.push_back(*frame);
      expected = frame->sequence + 1;
      at = frame->end();
    }
    if (segment_end != 0 && expected < segment_end) {
      note_loss(expected, segment_end - 1, segment.info.path, at);
      expected = segment_end;
    }
    result_.last_sequence = std::max(result_.last_sequence, expected - 1);
    return at;
  }

  // At `at` no good frame begins. The next one, when what lies between was once durable; null for a torn
  // tail.
  std::optional<Frame> after_bad_frame(const OpenSegment& segment, uint64_t segment_end,
                                       std::string_view bytes, uint64_t at, uint64_t expected) {
    auto first = find_frame(bytes, at, segment.info.segment, expected);
    if (!first) return std::nullopt;
    if (segment_end != 0) return first->sequence < segment_end ? first : std::nullopt;
    for (auto frame = first; frame; frame = find_frame(bytes, frame->end(), segment.info.segment, expected)) {
      if (frame->durable_through >= expected) return first;
    }
    return std::nullopt;
  }

  void note_loss(uint64_t first, uint64_t last, const std::string& path, uint64_t offset) {
    if (last <= flushed_through_) return;  // the parts hold these
    result_.lost.push_back({std::max(first, flushed_through_ + 1), last, path, offset});
  }

  Result<void> hand_out(uint64_t segment, const std::vector<Frame>& frames,
                        const std::shared_ptr<std::string>& bytes, uint64_t used) {
    result_.frame_count += frames.size();
    if (frames.empty() || frames.back().sequence <= flushed_through_) return {};
    // A segment that was mostly empty space should not be kept in memory by the rows of its first frames.
    std::shared_ptr<const std::string> owner = bytes;
    if (used < bytes->size() / 2) owner = std::make_shared<const std::string>(*bytes, 0, used);
    for (const Frame& frame : frames) {
      std::string_view payload =
          std::string_view(*owner).substr(frame.offset + kFrameHeaderBytes, frame.payload.size());
      OBELISK_CHECK_OK(sink_({frame.sequence, payload, owner, segment, frame.sequence <= flushed_through_}));
    }
    return {};
  }

  Disk& disk_;
  const std::string& directory_;
  const uint64_t flushed_through_;
  const std::function<Result<void>(const RecoveredFrame&)>& sink_;
  LogRecovery result_;
};

}  // namespace

Result<LogRecovery> recover_log(Disk& disk, const std::string& directory, uint64_t flushed_through,
                                const std::function<Result<void>(const RecoveredFrame&)>& sink) {
  return Recovery(disk, directory, flushed_through, sink).run();
}

}  // namespace obelisk
