#pragma once
// Loki's push formats to rows of Table::logs (column::kOrigin 0). Pure functions.
//   decode_loki_push_json      {"streams":[{"stream":{...},"values":[["ns","line",{...metadata}]]}]}, and the
//   older
//                              {"streams":[{"labels":"{...}","entries":[{"ts":"RFC 3339","line":"..."}]}]}
//   decode_loki_push_protobuf  logproto.PushRequest, already decompressed
// Every stream gets a service_name label (loki_labels.h), as in Loki, unless the mapping says otherwise.
// Structured metadata are string attributes. Bytes or JSON that are malformed make the whole request an
// Error; a stream without labels or with a label name that is no identifier is rejected, its lines are
// counted, and the rest stays. Strings of protobuf point into the body, which the batches keep alive; those
// of JSON were copied into their arena.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/batch.h"
#include "wire/log_mapping.h"

namespace obelisk {

struct DecodedLokiPush {
  std::vector<Batch> batches;
  uint64_t rejected_lines = 0;
  std::string rejection;  // why the first one was rejected
};

Result<DecodedLokiPush> decode_loki_push_json(std::string_view body,
                                              const LogMapping& mapping = default_log_mapping());
// `owner` keeps `body`.
Result<DecodedLokiPush> decode_loki_push_protobuf(std::string_view body, std::shared_ptr<const void> owner,
                                                  const LogMapping& mapping = default_log_mapping());

}  // namespace obelisk
