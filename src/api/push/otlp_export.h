#pragma once
// An OTLP export request of any signal: decoding, and the messages of its answers in both encodings.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "plan/batch.h"
#include "wire/log_mapping.h"
#include "wire/otlp_json.h"
#include "wire/otlp_translation.h"

namespace obelisk {

struct DecodedExport {
  std::vector<Batch> batches;
  uint64_t rejected = 0;
  std::string rejection;
};

// `settings` are for metrics; null: the defaults. `log_mapping` is for logs.
Result<DecodedExport> decode_export(OtlpSignal signal, std::shared_ptr<const std::string> body, UnixNanos now,
                                    const OtlpSettings* settings, const LogMapping& log_mapping);

// What was left out of a request that succeeded otherwise. For metrics the intake counts samples, of which a
// data point may have several.
struct PartialSuccess {
  uint64_t rejected = 0;
  std::string message;
};

// Export{Trace,Logs,Metrics}ServiceResponse; without a partial success when nothing was rejected.
std::string export_response_protobuf(const PartialSuccess& partial);
std::string export_response_json(OtlpSignal signal, const PartialSuccess& partial);

// google.rpc.Status, with RetryInfo when retry_seconds is not 0. `code` is a gRPC status code.
std::string rpc_status_protobuf(int code, std::string_view message, int retry_seconds);
std::string rpc_status_json(int code, std::string_view message);

std::string_view otlp_signal_name(OtlpSignal signal);

}  // namespace obelisk
