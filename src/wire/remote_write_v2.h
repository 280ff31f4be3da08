#pragma once
// Prometheus remote write 2.0: an io.prometheus.write.v2.Request (protobuf, already decompressed) to rows of
// samples, exemplars and metadata, as remote_write.h does for 1.0; beyond it, start times of samples and
// histograms. Strings stand once in a table that series name by index. The request is refused when the table
// does not begin with the empty string; a series is rejected whole when its references are odd in number or
// lead outside the table, or for what 1.0 rejects. Metadata becomes one row a family and request: the
// metric's name, for histograms and summaries without _bucket, _sum, _count. Pure function; no allocation a
// sample.
#include "wire/remote_write.h"

namespace obelisk {

Result<DecodedRemoteWrite> decode_remote_write_v2(std::shared_ptr<const std::string> body, UnixNanos now);

}  // namespace obelisk
