// OTLP traces in protobuf: no crash, sound batches, and what is encoded again decodes to as many spans.
#include "base/fuzz_driver.h"
#include "wire/fuzz_check.h"
#include "wire/otlp_encode.h"
#include "wire/otlp_test_messages.h"
#include "wire/otlp_traces.h"

using namespace obelisk;
using namespace obelisk::otlp_test;

namespace {

size_t decode(std::string body, std::vector<BatchPtr>& batches) {
  Result<DecodedTraces> decoded = decode_otlp_traces(std::make_shared<const std::string>(std::move(body)));
  if (!decoded.ok()) return 0;
  size_t rows = check_decoded(decoded->batches);
  for (Batch& batch : decoded->batches) batches.push_back(std::make_shared<const Batch>(std::move(batch)));
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<BatchPtr> batches, again;
  size_t rows = decode(std::string(reinterpret_cast<const char*>(data), size), batches);
  if (rows == 0) return 0;
  JsonWriter json;
  write_resource_spans_json(json, batches, OtlpJsonStyle::tempo);
  json.take();
  OBELISK_ASSERT(decode(encode_traces_data(batches), again) == rows);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string rich = span(trace_id(1), span_id(2), "GET /cart", 1'000, 3'500);
  MessageWriter writer(rich);
  writer.add_string(3, "ot=th:8");
  writer.add_bytes(4, span_id(1));
  writer.add_message(9, key_value("s", string_value("text")));
  writer.add_message(9, key_value("i", int_value(-2)));
  writer.add_message(9, key_value("d", double_value(0.5)));
  writer.add_message(9, key_value("b", bool_value(true)));
  writer.add_message(
      9, key_value("a", array_value({string_value("x"), map_value({key_value("k", int_value(1))})})));
  for (int i = 0; i < 2; ++i) {
    std::string event;
    MessageWriter(event).add_fixed64(1, 2'000);
    MessageWriter(event).add_string(2, "exception");
    MessageWriter(event).add_message(3, key_value("k", string_value("v")));
    writer.add_message(11, event);
    std::string link;
    MessageWriter(link).add_bytes(1, trace_id(7));
    MessageWriter(link).add_bytes(2, span_id(8));
    writer.add_message(13, link);
  }
  std::string status;
  MessageWriter(status).add_string(2, "no");
  MessageWriter(status).add_enum(3, 2);
  writer.add_message(15, status);
  writer.add_fixed32(16, 1);
  std::string plain = span(trace_id(1), span_id(3), "b", 1, 2);
  std::string of = resource({key_value("service.name", string_value("shop"))});
  return {request(of, {scope_records(scope("lib", "1"), {rich, plain})}),
          request(of, {scope_records(scope("", ""), {plain, plain, plain})}) + request(resource({}), {})};
}
