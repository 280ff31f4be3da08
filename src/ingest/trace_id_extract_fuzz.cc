// The search for ids in lines: what it finds stands in the line.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "base/text.h"
#include "ingest/trace_id_extract.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string line(reinterpret_cast<const char*>(data), size);
  std::string lower = to_lower(line);
  if (std::optional<TraceId> id = find_trace_id(line))
    OBELISK_ASSERT(lower.find(id->to_hex()) != std::string::npos);
  if (std::optional<SpanId> id = find_span_id(line))
    OBELISK_ASSERT(lower.find(id->to_hex()) != std::string::npos);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {R"({"trace_id":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"})",
          "level=info traceID=0AF7651916CD43DD8448EB211C80319C trace.id : "
          "\\\"0af7651916cd43dd8448eb211c80319c\\\""};
}
