#pragma once
// One native histogram of remote write, 1.0 or 2.0 (which has the same fields and a start time). Used by the
// decoders of both inside protobuf::decode_guarded.
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "model/histogram.h"

namespace obelisk {

struct RemoteWriteHistogram {
  int64_t timestamp_ms = 0;
  int64_t start_timestamp_ms = 0;  // 0: unknown; only 2.0 has it
  Histogram histogram;
};

// invalid_argument when it contradicts itself or the schema is unknown (native_histogram_parts.h).
Result<RemoteWriteHistogram> read_remote_write_histogram(std::string_view message);

}  // namespace obelisk
