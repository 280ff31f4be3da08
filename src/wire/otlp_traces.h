#pragma once
// OTLP ExportTraceServiceRequest (protobuf) to rows of Table::spans. Pure function.
// Strings of the rows point into the body, which the batches keep alive. Usually there is one batch
// (row_batches.h). A span whose ids are malformed or zero, whose times do not fit, or that has more than
// kOtlpAttributesMax attributes is rejected and counted; the rest stays. Bytes that are no protobuf message
// make the whole request an Error. Duplicate attribute keys on a span, which OTLP forbids: of the same type
// the last wins; of different types both stay, each in the column of its type. A span that ends before it
// starts gets duration 0. An attribute without a value is kept as ColumnType::any with no bytes. Strings are
// not checked for UTF-8 (writers of JSON replace what is not).
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/batch.h"

namespace obelisk {

struct DecodedTraces {
  std::vector<Batch> batches;
  uint64_t rejected_spans = 0;
  std::string rejection;  // why the first one was rejected
};

Result<DecodedTraces> decode_otlp_traces(std::shared_ptr<const std::string> body);

// The spans of several requests in shared batches, in their order: what a column costs is paid once for all.
// Only where there is nothing to say about any of them: an Error when one is not OTLP or has a span to
// reject. Each is then to be decoded alone.
Result<std::vector<Batch>> decode_otlp_traces_together(
    std::span<const std::shared_ptr<const std::string>> bodies);

}  // namespace obelisk
