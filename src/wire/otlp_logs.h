#pragma once
// OTLP ExportLogsServiceRequest (protobuf) to rows of Table::logs. Pure function.
// Stream labels: the resource attributes that Loki indexes by default, with service_name always there
// (loki_labels.h), or what the mapping says (log_mapping.h); they are not repeated as columns. All other
// resource, scope and record attributes are typed columns. Line: a string body as it is; other kinds as text
// (arrays and maps as JSON). Time: the event's, else the observed, else `now`. A trace or span id of a wrong
// length or all zero counts as not given: losing the line would be worse. A record with a time beyond 2262 or
// more than kOtlpAttributesMax attributes is rejected and counted. Strings point into the body, which the
// batches keep alive. Duplicate keys: as in otlp_traces.h.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "plan/batch.h"
#include "wire/log_mapping.h"

namespace obelisk {

inline constexpr int64_t kLogOriginLoki = 0;  // values of column::kOrigin
inline constexpr int64_t kLogOriginOtlp = 1;

struct DecodedLogs {
  std::vector<Batch> batches;
  uint64_t rejected_records = 0;
  std::string rejection;  // why the first one was rejected
};

Result<DecodedLogs> decode_otlp_logs(std::shared_ptr<const std::string> body, UnixNanos now,
                                     const LogMapping& mapping = default_log_mapping());

}  // namespace obelisk
