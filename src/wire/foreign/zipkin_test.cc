#include "wire/foreign/zipkin.h"

#include "wire/foreign/foreign_span.h"
#include "wire/foreign/test_span_rows.h"
#include "wire/foreign/thrift_test_writer.h"
#include "wire/protobuf.h"

#include <protozero/pbf_writer.hpp>

namespace obelisk {
namespace {

std::shared_ptr<const std::string> body(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

constexpr const char* kTwoHalves = R"([
 {"traceId":"5af7183fb1d4cf5f","id":"352bff9a74ca9ad2","parentId":"6b221d5bc9e6496c","kind":"CLIENT","name":"get /api",
  "timestamp":1556604172355737,"duration":1431,
  "localEndpoint":{"serviceName":"frontend","ipv4":"192.168.99.1","port":3306},
  "remoteEndpoint":{"serviceName":"backend","ipv6":"::1","port":9000},
  "annotations":[{"timestamp":1556604172356000,"value":"retry \"one\""}],
  "tags":{"http.method":"GET","http.path":"/api","http.status_code":"404","n":7}},
 {"traceId":"5af7183fb1d4cf5f","id":"352bff9a74ca9ad2","parentId":"6b221d5bc9e6496c","kind":"SERVER","shared":true,
  "timestamp":1556604172356000,"duration":900,"localEndpoint":{"serviceName":"backend"},
  "tags":{"error":"no such order"}}])";

TEST(ZipkinJson, BothHalvesOfACall) {
  DecodedTraces decoded = decoded_or_fail(decode_zipkin_json(body(kTwoHalves)));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_EQ(batch.row_count, 2u);
  EXPECT_EQ(fixed(batch, column::kTraceId, 0), "00000000000000005af7183fb1d4cf5f");
  EXPECT_EQ(batch.times()[0], 1556604172355737000);
  EXPECT_EQ(fixed(batch, column::kDuration, 0), "1431000");
  EXPECT_EQ(fixed(batch, column::kKind, 0), "3");
  EXPECT_EQ(fixed(batch, column::kStatusCode, 0), "2") << "a client's 404 is an error";
  EXPECT_EQ(service(batch, 0), "frontend");
  EXPECT_EQ(attribute(batch, "peer.service", 0), "backend");
  EXPECT_EQ(attribute(batch, "network.peer.address", 0), "::1");
  EXPECT_EQ(attribute(batch, "network.peer.port", 0), "9000");
  EXPECT_EQ(attribute(batch, "n", 0), "7");
  std::vector<SpanEventView> events = read_span_events(batch, 0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "retry \"one\"");
  EXPECT_EQ(events[0].time.value, 1556604172356000000);
  // The server half has an id of its own and the client half as its parent.
  EXPECT_EQ(span_hex(batch, column::kSpanId, 0), "352bff9a74ca9ad2");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 1), "352bff9a74ca9ad2");
  EXPECT_NE(span_hex(batch, column::kSpanId, 1), "352bff9a74ca9ad2");
  EXPECT_EQ(fixed(batch, column::kStatusMessage, 1), "no such order");
  EXPECT_EQ(attribute(batch, "error", 1), "(absent)");
}

TEST(ZipkinJson, BadSpansAreCountedAndTheOthersStay) {
  DecodedTraces decoded = decoded_or_fail(decode_zipkin_json(body(
      R"([{"id":"1"},{"traceId":"xyz","id":"1"},{"traceId":"1","id":"2","timestamp":99999999999999999},
          {"traceId":"1-5759e988-bd862e3fe1be46a994272793","id":"3","timestamp":1}])")));
  EXPECT_EQ(decoded.rejected_spans, 3u);
  EXPECT_NE(decoded.rejection.find("traceId"), std::string::npos);
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(fixed(decoded.batches[0], column::kTraceId, 0), "5759e988bd862e3fe1be46a994272793");
  EXPECT_EQ(service(decoded.batches[0], 0), "unknown_service");
}

TEST(ZipkinJson, WhatIsNoListOfSpansIsAnError) {
  for (const char* text : {"", "{", "{}", "[1]", "[[]]", "\"x\""}) {
    EXPECT_FALSE(decode_zipkin_json(body(text)).ok()) << text;
    EXPECT_FALSE(decode_zipkin_v1_json(body(text)).ok()) << text;
  }
  EXPECT_TRUE(decode_zipkin_json(body("[]")).ok());
}

TEST(ZipkinV1Json, OneSpanOfBothHalvesBecomesTwo) {
  DecodedTraces decoded = decoded_or_fail(decode_zipkin_v1_json(body(R"([
   {"traceId":"1","id":"a","name":"get","timestamp":1000,"duration":50,
    "annotations":[
     {"timestamp":1000,"value":"cs","endpoint":{"serviceName":"web"}},
     {"timestamp":1010,"value":"sr","endpoint":{"serviceName":"api"}},
     {"timestamp":1040,"value":"ss","endpoint":{"serviceName":"api"}},
     {"timestamp":1050,"value":"cr","endpoint":{"serviceName":"web"}}],
    "binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"serviceName":"api","ipv4":"10.0.0.2"}},
                         {"key":"http.path","value":"/x"}]},
   {"traceId":"1","id":"b","parentId":"a","name":"work","timestamp":1015,"duration":5,
    "binaryAnnotations":[{"key":"lc","value":"queue","endpoint":{"serviceName":"api"}}]}])")));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_EQ(batch.row_count, 3u);
  EXPECT_EQ(service(batch, 0), "web");
  EXPECT_EQ(fixed(batch, column::kDuration, 0), "50000");
  EXPECT_EQ(attribute(batch, "network.peer.address", 0), "10.0.0.2");
  EXPECT_EQ(service(batch, 1), "api");
  EXPECT_EQ(batch.times()[1], 1'010'000);
  EXPECT_EQ(fixed(batch, column::kDuration, 1), "30000");
  EXPECT_EQ(fixed(batch, column::kKind, 1), "2");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 1), "000000000000000a");
  EXPECT_EQ(attribute(batch, "http.path", 1), "/x");
  EXPECT_EQ(service(batch, 2), "api");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 2), "000000000000000a");
}

TEST(ZipkinThrift, BothHalvesOfACallAndTypedValues) {
  ThriftTestWriter writer(ThriftProtocol::binary);
  write_zipkin_span(writer);
  std::string list = std::string("\x0C\0\0\0\1", 5) + writer.bytes();
  DecodedTraces decoded = decoded_or_fail(decode_zipkin_thrift(body(list)));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_EQ(batch.row_count, 2u);
  EXPECT_EQ(fixed(batch, column::kTraceId, 0), "00000000000000010000000000000002");
  EXPECT_EQ(service(batch, 0), "web");
  EXPECT_EQ(service(batch, 1), "api");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 0), "0000000000000009");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 1), "000000000000000a");
  EXPECT_EQ(batch.times()[1], 1'010'000);
  EXPECT_EQ(fixed(batch, column::kDuration, 0), "50000");
  EXPECT_EQ(fixed(batch, column::kDuration, 1), "30000");
  EXPECT_EQ(attribute(batch, "http.path", 0), "/x");
  EXPECT_EQ(attribute(batch, "http.status", 0), "500");
  EXPECT_EQ(attribute(batch, "ok", 0), "true");
  EXPECT_EQ(attribute(batch, "network.local.address", 0), "10.0.0.2");
  Result<DecodedTraces> torn = decode_zipkin_thrift(body(list.substr(0, list.size() - 9)));
  ASSERT_FALSE(torn.ok());
  EXPECT_NE(torn.error().message.find("read up to byte"), std::string::npos) << torn.error().message;
}

TEST(ZipkinProtobuf, FieldsAndShortTraceIds) {
  using Writer = protozero::pbf_writer;
  std::string endpoint, remote, tag, note, span, list;
  Writer(endpoint).add_string(1, "frontend");
  Writer(remote).add_bytes(2, "\x0A\x00\x00\x01", 4);
  Writer(remote).add_int32(4, 80);
  Writer(tag).add_string(1, "k");
  Writer(tag).add_string(2, "v");
  Writer(note).add_fixed64(1, 5);
  Writer(note).add_string(2, "sent");
  Writer writer(span);
  writer.add_bytes(1, "\0\0\0\0\0\0\0\1", 8);
  writer.add_bytes(3, "\0\0\0\0\0\0\0\2", 8);
  writer.add_enum(4, 3);
  writer.add_string(5, "publish");
  writer.add_fixed64(6, 7);
  writer.add_uint64(7, 9);
  writer.add_message(8, endpoint);
  writer.add_message(9, remote);
  writer.add_message(10, note);
  writer.add_message(11, tag);
  Writer(list).add_message(1, span);
  DecodedTraces decoded = decoded_or_fail(decode_zipkin_protobuf(body(list)));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  EXPECT_EQ(fixed(batch, column::kTraceId, 0), "00000000000000000000000000000001");
  EXPECT_EQ(batch.times()[0], 7000);
  EXPECT_EQ(fixed(batch, column::kDuration, 0), "9000");
  EXPECT_EQ(fixed(batch, column::kKind, 0), "4");
  EXPECT_EQ(attribute(batch, "network.peer.address", 0), "10.0.0.1");
  EXPECT_EQ(attribute(batch, "k", 0), "v");
  Result<DecodedTraces> torn = decode_zipkin_protobuf(body(list.substr(0, list.size() - 3)));
  ASSERT_FALSE(torn.ok());
  EXPECT_NE(torn.error().to_string().find("Zipkin spans"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
