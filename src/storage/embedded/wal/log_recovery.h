#pragma once
// Reads a write-ahead log after a start: every frame that verifies, in sequence order, is handed to a sink.
// What does not verify is one of two things (see segment_format.h):
// * a torn tail: nothing written later was durable; the log ends there, as after any power loss;
// * damage: frames that were once durable are gone. The intact ones after it are recovered, the loss is
// counted and
//   reported by sequence; nothing is skipped in silence.
// A recovered segment is synced before anything depends on it. Runs alone, before the log is written.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/disk.h"

namespace obelisk {

struct RecoveredFrame {
  uint64_t sequence = 0;
  std::string_view payload;
  std::shared_ptr<const void> owner;  // keeps the payload's bytes
  uint64_t segment = 0;
  // The parts hold it: handed out for what later frames of its segment may count on.
  bool is_flushed = false;
};

struct LogSegment {
  uint64_t segment = 0;
  std::string path;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;  // first_sequence - 1 when it holds no frame
  uint64_t file_bytes = 0;
};

// Frames from `first` to `last` are lost, found missing in `path` at `offset`.
struct LostFrames {
  uint64_t first = 0;
  uint64_t last = 0;
  std::string path;
  uint64_t offset = 0;
};

struct LogRecovery {
  std::vector<LogSegment> segments;     // in order
  std::vector<std::string> free_paths;  // files that hold nothing and may be recycled
  std::vector<LostFrames> lost;
  uint64_t last_sequence = 0;  // 0 when the log holds no frame
  uint64_t last_segment = 0;   // highest number seen in a file name
  uint64_t frame_count = 0;
};

// Segments that hold nothing beyond `flushed_through` are not handed out: the parts hold them.
Result<LogRecovery> recover_log(Disk& disk, const std::string& directory, uint64_t flushed_through,
                                const std::function<Result<void>(const RecoveredFrame&)>& sink);

}  // namespace obelisk
