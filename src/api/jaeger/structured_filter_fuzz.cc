// Structured filters in both encodings (the first byte chooses): no crash, and what is accepted is a
// condition that TraceQL takes.
#include "api/jaeger/structured_filter.h"
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "query/traceql/parser.h"
#include "query/traceql/validate.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Result<jaeger::FilterNode> filter =
      data[0] % 2 == 0 ? jaeger::filter_of_json(text) : jaeger::filter_of_protobuf(text);
  if (!filter.ok()) return 0;
  Result<std::string> condition = jaeger::condition_of_filter(*filter);
  if (!condition.ok()) return 0;
  std::string query = "{ " + *condition + " }";
  if (query.size() <= traceql::kQueryBytesMax) OBELISK_ASSERT(traceql::prepare(query).ok());
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      std::string("\0", 1) +
          R"({"op":"and","args":[{"call":{"op":"eq","args":[{"attr":{"key":"a b\"","level":"span"}},{"scalar":{"value":"5"}}]}},)"
          R"({"call":{"op":"not_in","args":[{"field":{"name":"kind","level":"span"}},{"list":{"values":["server"]}}]}}]})",
      std::string("\0", 1) +
          R"({"op":"or","args":[{"call":{"op":"regex","args":[{"attr":{"key":"a"}},{"scalar":{"value":"x|y"}}]}},)"
          R"({"call":{"op":"fulltext","args":[{"attr":{"key":"t"}},{"list":{"values":["one","two"]}}]}}]})",
      std::string("\0", 1) +
          R"({"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"1.5s"}}]})",
      std::string("\0", 1) +
          R"({"op":"lte","args":[{"attr":{"key":"a"}},{"field":{"name":"status","level":"span"}}]})",
      std::string("\1\x0A\x06"
                  "exists\x12\x05\x0A\x03\x0A\x01x",
                  16),
  };
}
