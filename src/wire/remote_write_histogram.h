#pragma once
// One native histogram of remote write. Used by remote_write.cc inside protobuf::decode_guarded.
#include <string_view>

#include "base/result.h"
#include "model/histogram.h"

namespace obelisk {

struct RemoteWriteHistogram {
  int64_t timestamp_ms = 0;
  Histogram histogram;
};

// invalid_argument when counts and spans contradict each other or the schema is unknown.
Result<RemoteWriteHistogram> read_remote_write_histogram(std::string_view message);

}  // namespace obelisk
