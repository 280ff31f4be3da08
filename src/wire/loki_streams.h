#pragma once
// Builds rows of logs stream by stream: what the two Loki push decoders share. Used inside wire/ only. Throws
// protobuf::Malformed where row_batches.h does.
#include <memory>
#include <vector>

#include "base/time.h"
#include "wire/loki_push.h"
#include "wire/row_batches.h"

namespace obelisk {

class LokiStreamWriter {
 public:
  LokiStreamWriter(std::shared_ptr<const void> owner, const LogMapping& mapping)
      : batches_(Table::logs, std::move(owner)), mapping_(mapping) {}

  // For texts that rows point to. end_line may begin a new batch with an arena of its own.
  Arena& arena() { return batches_.rows().arena(); }
  // The labels to fill for the next stream; their texts must stay until its last line.
  std::vector<LabelRef>& labels() { return labels_; }
  // After labels() is complete. False: the stream is rejected, and its lines are only counted.
  bool begin_stream();
  void add_line(UnixNanos time, std::string_view line);
  // Belongs to the last line.
  void add_metadata(std::string_view name, std::string_view value);
  // After the line's metadata.
  void end_line();
  // A line of a rejected stream.
  void count_rejected() { ++result_.rejected_lines; }
  bool stream_is_rejected() const { return rejected_; }
  DecodedLokiPush finish();

 private:
  void begin_group();

  RowBatches batches_;
  const LogMapping& mapping_;
  std::vector<LabelRef> labels_;
  bool rejected_ = false;
  DecodedLokiPush result_;
};

}  // namespace obelisk
