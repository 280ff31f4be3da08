#pragma once
// Prometheus remote write 1.0: a WriteRequest (protobuf, already decompressed) to rows of samples, exemplars
// and metadata. Pure function. Label texts point into the body, which the batches keep alive. Native
// histograms of integers (deltas between buckets) become absolute counts; resolutions above schema 8 are
// reduced. A series is rejected whole, and its samples counted, when it has no name, a label twice, an empty
// label name, or text that is not UTF-8; a single sample when its time does not fit or its histogram
// contradicts itself. Labels are sorted here when the sender did not; empty values are dropped.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "plan/batch.h"

namespace obelisk {

struct DecodedRemoteWrite {
  std::vector<Batch> batches;
  uint64_t rejected_samples = 0;  // with histograms and exemplars
  std::string rejection;          // why the first one was rejected
};

// `now` is the time of metadata rows.
Result<DecodedRemoteWrite> decode_remote_write(std::shared_ptr<const std::string> body, UnixNanos now);

}  // namespace obelisk
