// Bulk requests: no crash, sound batches, every item accounted for.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "wire/elastic_bulk.h"
#include "wire/fuzz_check.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  auto decoded = decode_elastic_bulk(body, "logs", UnixNanos{1});
  if (!decoded.ok()) return 0;
  check_decoded(decoded->batches);
  uint64_t rows = 0;
  for (const Batch& batch : decoded->batches) rows += batch.row_count;
  OBELISK_ASSERT(rows + decoded->failed_items == decoded->items.size());
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      "{\"create\":{\"_index\":\"a\"}}\n{\"@timestamp\":\"2023-11-14T22:13:21.5Z\",\"message\":\"m\",\"a\":{"
      "\"b\":1}}\n",
      "{\"index\":{}}\n{\"@timestamp\":17,\"service.name\":\"s\",\"t\":[1,{\"x\":null}],\"f\":1.5}\n",
      "{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{}}\n{}\n{\"create\":{}}\n{\"message\":\n"};
}
