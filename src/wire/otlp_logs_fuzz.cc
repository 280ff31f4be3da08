// OTLP logs in protobuf: no crash, sound batches.
#include "base/fuzz_driver.h"
#include "wire/fuzz_check.h"
#include "wire/otlp_logs.h"
#include "wire/otlp_test_messages.h"

using namespace obelisk;
using namespace obelisk::otlp_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto body = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  Result<DecodedLogs> decoded = decode_otlp_logs(std::move(body), UnixNanos{1});
  if (decoded.ok()) check_decoded(decoded->batches);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string record;
  MessageWriter writer(record);
  writer.add_fixed64(1, 5);
  writer.add_enum(2, 9);
  writer.add_string(3, "INFO");
  writer.add_message(5, map_value({key_value("a", array_value({int_value(1), double_value(2)}))}));
  writer.add_message(6, key_value("k", string_value("v")));
  writer.add_fixed32(8, 1);
  writer.add_bytes(9, trace_id(1));
  writer.add_bytes(10, span_id(1));
  writer.add_fixed64(11, 6);
  writer.add_string(12, "event");
  std::string plain;
  MessageWriter(plain).add_message(5, string_value("hello"));
  return {request(resource({key_value("service.name", string_value("shop")), key_value("pid", int_value(1))}),
                  {scope_records(scope("lib", "1"), {record, plain})}),
          request(resource({}), {scope_records(scope("", ""), {plain})})};
}
