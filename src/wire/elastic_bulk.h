#pragma once
// Elasticsearch's _bulk requests to rows of Table::logs (column::kOrigin 0): what Filebeat, Fluent Bit,
// Vector and Logstash send. Newline-delimited JSON: an action ({"create":{}} or {"index":{}}), then its
// document.
//
// A document becomes a line:
// * time: @timestamp (RFC 3339, or a number of milliseconds), else timestamp or time, else `now`;
// * line: message, else msg, log, body or event.original (the first that is a string), else the document;
// * stream labels: `index` (of the action, else of the path), the attributes that Loki indexes by default
//   (service.name, container.name, k8s.pod.name, ...), and service_name as in Loki;
// * every other field is structured metadata: objects flattened with dots, arrays as JSON, null left out.
// A document that cannot be read is an item with an error, and the others are stored. A line that should be
// an action and is none makes the rest of the request unreadable: an Error, as Elasticsearch has it. Bounds:
// kBulkItemsMax items, kBulkDepthMax levels, kBulkFieldsMax fields a document. Pure function.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "plan/batch.h"
#include "wire/log_mapping.h"

namespace obelisk {

inline constexpr size_t kBulkItemsMax = 1'000'000;
inline constexpr int kBulkDepthMax = 64;
inline constexpr size_t kBulkFieldsMax = 1000;  // Elasticsearch's index.mapping.total_fields.limit

struct BulkItem {
  std::string_view action;  // "create" or "index", or what was asked for
  std::string index;
  std::string id;
  std::string error;  // empty: decoded
};

struct DecodedBulk {
  std::vector<Batch> batches;
  std::vector<BulkItem> items;  // in the order of the request
  uint64_t failed_items = 0;
};

// `path_index`: of /{index}/_bulk, used where an action names none.
Result<DecodedBulk> decode_elastic_bulk(std::string_view body, std::string_view path_index, UnixNanos now,
                                        const LogMapping& mapping = default_log_mapping());

}  // namespace obelisk
