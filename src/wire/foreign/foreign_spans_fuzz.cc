// Zipkin and Jaeger decoders: no crash, sound batches. The first byte chooses the decoder.
#include "base/fuzz_driver.h"
#include "wire/foreign/jaeger.h"
#include "wire/foreign/thrift_test_writer.h"
#include "wire/foreign/zipkin.h"
#include "wire/fuzz_check.h"

using namespace obelisk;

namespace {

Result<DecodedTraces> decode(uint8_t which, std::shared_ptr<const std::string> body) {
  switch (which % 9) {
    case 0:
      return decode_zipkin_json(std::move(body));
    case 1:
      return decode_zipkin_v1_json(std::move(body));
    case 2:
      return decode_zipkin_protobuf(std::move(body));
    case 3:
      return decode_jaeger_post_spans(std::move(body));
    case 4:
      return decode_jaeger_thrift_batch(ThriftProtocol::compact, std::move(body));
    case 5:
      return decode_jaeger_thrift_batch(ThriftProtocol::binary, std::move(body));
    case 6:
      return decode_jaeger_agent_message(ThriftProtocol::compact, std::move(body));
    case 7:
      return decode_jaeger_agent_message(ThriftProtocol::binary, std::move(body));
    default:
      return decode_zipkin_thrift(std::move(body));
  }
}

std::string batch(ThriftProtocol protocol, bool call) {
  ThriftTestWriter writer(protocol);
  if (call) {
    writer.message("emitBatch");
    writer.begin_struct();
    writer.structure(1);
  }
  write_jaeger_batch(writer);
  if (call) writer.end_struct();
  return writer.bytes();
}

std::string zipkin_span(ThriftProtocol protocol) {
  ThriftTestWriter writer(protocol);
  write_zipkin_span(writer);
  return writer.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto body = std::make_shared<const std::string>(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Result<DecodedTraces> decoded = decode(data[0], std::move(body)); decoded.ok())
    check_decoded(decoded->batches);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      '\0' + std::string(R"([{"traceId":"1","id":"2","kind":"CLIENT","timestamp":5,"duration":7,
         "localEndpoint":{"serviceName":"a","ipv4":"1.2.3.4","port":1},"annotations":[{"timestamp":6,"value":"x"}],
         "tags":{"error":"yes","k":"v"}}])"),
      '\1' + std::string(R"([{"traceId":"1","id":"2","annotations":[{"timestamp":1,"value":"cs",
         "endpoint":{"serviceName":"a"}}],"binaryAnnotations":[{"key":"k","value":1}]}])"),
      '\2' + std::string("\x0A\x1C\x0A\x08\0\0\0\0\0\0\0\1\x1A\x08\0\0\0\0\0\0\0\2\x31\1\0\0\0\0\0\0\0", 30),
      '\3' + std::string("\x0A\x04\x0A\x02\x1A\x00", 6),
      '\4' + batch(ThriftProtocol::compact, false),
      '\5' + batch(ThriftProtocol::binary, false),
      '\6' + batch(ThriftProtocol::compact, true),
      '\7' + batch(ThriftProtocol::binary, true),
      '\10' + std::string("\x0C\0\0\0\1", 5) + zipkin_span(ThriftProtocol::binary),
  };
}
