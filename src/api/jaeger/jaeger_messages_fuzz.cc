// Requests of Jaeger's gRPC clients and files of sampling strategies: no crash. The first byte chooses the
// decoder.
#include "api/jaeger/jaeger_messages.h"
#include "api/jaeger/sampling_strategies.h"
#include "base/fuzz_driver.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      (void)jaeger::decode_trace_request(message);
      break;
    case 1:
      if (Result<jaeger::FindRequest> request = jaeger::decode_find_request(message); request.ok())
        (void)jaeger::traceql_of(request->conditions);
      break;
    case 2:
      (void)jaeger::decode_operations_request(message);
      break;
    case 3:
      (void)jaeger::decode_dependencies_request(message);
      break;
    case 4:
      (void)jaeger::decode_sampling_request(message);
      break;
    default:
      if (Result<SamplingStrategies> strategies = SamplingStrategies::parse(message, "s"); strategies.ok())
        (void)sampling_strategy_json(strategies->of("shop"));
  }
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      std::string("\0\x0A\x02\x31\x32\x20\x01", 7),
      std::string("\1\x0A\x1E\x0A\x04shop\x1A\x08\x0A\x01k\x12\x03v="
                  "1\x22\x02\x08\x05\x2A\x04\x08\x09\x10\x01\x40\x05",
                  32),
      std::string("\2\x0A\x04shop\x12\x06server", 15),
      std::string("\3\x0A\x02\x08\x01\x12\x02\x08\x02", 9),
      std::string("\4\x0A\x04shop", 7),
      std::string("\5{\"default_strategy\": {\"type\": \"probabilistic\", \"param\": 0.5}}"),
  };
}
