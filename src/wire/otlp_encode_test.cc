#include "wire/otlp_encode.h"

#include <gtest/gtest.h>

#include "wire/otlp_test_messages.h"
#include "wire/otlp_traces.h"

namespace obelisk {
namespace {

using namespace otlp_test;

std::vector<BatchPtr> decode(const std::string& body) {
  Result<DecodedTraces> result = decode_otlp_traces(std::make_shared<const std::string>(body));
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  std::vector<BatchPtr> batches;
  if (!result.ok()) return batches;
  for (Batch& batch : result->batches) batches.push_back(std::make_shared<const Batch>(std::move(batch)));
  return batches;
}

std::string json_of(const std::vector<BatchPtr>& batches, OtlpJsonStyle style) {
  JsonWriter out;
  write_resource_spans_json(out, batches, style);
  return out.take();
}

std::string sample_request() {
  std::string server = span(trace_id(1), span_id(2), "GET /cart", 1'000, 3'500);
  MessageWriter writer(server);
  writer.add_bytes(4, span_id(1));
  writer.add_message(9, key_value("ok", bool_value(true)));
  writer.add_message(9, key_value("tags", array_value({string_value("a"), int_value(7)})));
  std::string event;
  MessageWriter(event).add_fixed64(1, 2'000);
  MessageWriter(event).add_string(2, "exception");
  writer.add_message(11, event);
  std::string link;
  MessageWriter(link).add_bytes(1, trace_id(7));
  MessageWriter(link).add_bytes(2, span_id(8));
  writer.add_message(13, link);
  std::string status;
  MessageWriter(status).add_string(2, "broken");
  MessageWriter(status).add_enum(3, 2);
  writer.add_message(15, status);
  return request(resource({key_value("service.name", string_value("shop")), key_value("pid", int_value(5))}),
                 {scope_records(scope("lib", "1.2"), {server, span(trace_id(1), span_id(3), "child", 5, 6)}),
                  scope_records(scope("other", ""), {span(trace_id(1), span_id(4), "grandchild", 5, 6)})});
}

// Encoding what was decoded and decoding it again gives the same rows.
TEST(OtlpEncode, ProtobufRoundTrip) {
  std::vector<BatchPtr> batches = decode(sample_request());
  std::vector<BatchPtr> again = decode(encode_traces_data(batches));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0]->row_count, 3u);
  EXPECT_EQ(json_of(again, OtlpJsonStyle::otlp), json_of(batches, OtlpJsonStyle::otlp));
}

TEST(OtlpEncode, OtlpJson) {
  std::string json = json_of(decode(sample_request()), OtlpJsonStyle::otlp);
  EXPECT_EQ(
      json,
      R"([{"resource":{"attributes":[{"key":"pid","value":{"intValue":"5"}},)"
      R"({"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[)"
      R"({"scope":{"name":"lib","version":"1.2"},"spans":[)"
      R"({"traceId":"5b000000000000000000000000000001","spanId":"0000000000000002","parentSpanId":"0000000000000001",)"
      R"("name":"GET /cart","kind":2,"startTimeUnixNano":"1000","endTimeUnixNano":"3500","attributes":[)"
      R"({"key":"ok","value":{"boolValue":true}},)"
      R"({"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"7"}]}}}],)"
      R"("events":[{"timeUnixNano":"2000","name":"exception"}],)"
      R"("links":[{"traceId":"5b000000000000000000000000000007","spanId":"0000000000000008"}],)"
      R"("status":{"message":"broken","code":2}},)"
      R"({"traceId":"5b000000000000000000000000000001","spanId":"0000000000000003","name":"child","kind":2,)"
      R"("startTimeUnixNano":"5","endTimeUnixNano":"6","status":{}}]},)"
      R"({"scope":{"name":"other"},"spans":[)"
      R"({"traceId":"5b000000000000000000000000000001","spanId":"0000000000000004","name":"grandchild","kind":2,)"
      R"("startTimeUnixNano":"5","endTimeUnixNano":"6","status":{}}]}]}])");
}

TEST(OtlpEncode, TempoJsonHasBase64IdsAndEnumNames) {
  std::string json = json_of(decode(sample_request()), OtlpJsonStyle::tempo);
  EXPECT_NE(json.find(R"("spanId":"AAAAAAAAAAI=")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("kind":"SPAN_KIND_SERVER")"), std::string::npos);
  EXPECT_NE(json.find(R"("code":"STATUS_CODE_ERROR")"), std::string::npos);
}

// Spans of one resource that come in two batches are one ResourceSpans again.
TEST(OtlpEncode, RowsOfTwoBatchesAreGrouped) {
  std::vector<BatchPtr> batches = decode(sample_request());
  batches.push_back(decode(sample_request()).at(0));
  std::vector<BatchPtr> again = decode(encode_traces_data(batches));
  EXPECT_EQ(again.at(0)->row_count, 6u);
  std::string json = json_of(batches, OtlpJsonStyle::otlp);
  size_t resources = 0;
  for (size_t at = json.find("\"resource\""); at != std::string::npos; at = json.find("\"resource\"", at + 1))
    ++resources;
  EXPECT_EQ(resources, 1u);
}

}  // namespace
}  // namespace obelisk
