#include "wire/foreign/jaeger.h"

#include <protozero/pbf_writer.hpp>

#include "wire/foreign/test_span_rows.h"
#include "wire/foreign/thrift_test_writer.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

std::shared_ptr<const std::string> body(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

void expect_whole_span(const DecodedTraces& decoded) {
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_EQ(batch.row_count, 1u);
  EXPECT_EQ(fixed(batch, column::kTraceId, 0), "00000000000000010000000000000002");
  EXPECT_EQ(span_hex(batch, column::kSpanId, 0), "fffffffffffffffb");
  EXPECT_EQ(span_hex(batch, column::kParentSpanId, 0), "0000000000000008");
  EXPECT_EQ(fixed(batch, column::kName, 0), "charge");
  EXPECT_EQ(batch.times()[0], 1'000'000'000);
  EXPECT_EQ(fixed(batch, column::kDuration, 0), "250000");
  EXPECT_EQ(fixed(batch, column::kKind, 0), "2");
  EXPECT_EQ(fixed(batch, column::kStatusCode, 0), "2");
  EXPECT_EQ(attribute(batch, "span.kind", 0), "(absent)");
  EXPECT_EQ(attribute(batch, "amount", 0), "12.500000");
  EXPECT_EQ(attribute(batch, "retries", 0), "-3");
  EXPECT_EQ(attribute(batch, "raw", 0), std::string("\0\1", 2));
  EXPECT_EQ(service(batch, 0), "shop");
  EXPECT_EQ(cell(batch, Scope::resource, "hostname", 0), "node-1");
  std::vector<SpanEventView> events = read_span_events(batch, 0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "declined");
  ASSERT_EQ(events[0].attributes.size(), 1u);
  EXPECT_EQ(events[0].attributes[0].key, "code");
  EXPECT_EQ(events[0].attributes[0].value.integer, 51);
  std::vector<SpanLinkView> links = read_span_links(batch, 0);
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0].span_id.to_hex(), "0000000000000009");
}

TEST(JaegerThrift, EveryFieldInBothProtocols) {
  for (ThriftProtocol protocol : {ThriftProtocol::compact, ThriftProtocol::binary}) {
    for (bool process_last : {false, true}) {
      ThriftTestWriter batch(protocol);
      write_jaeger_batch(batch, process_last);
      expect_whole_span(decoded_or_fail(decode_jaeger_thrift_batch(protocol, body(batch.bytes()))));
    }
    ThriftTestWriter call(protocol);
    call.message("emitBatch");
    call.begin_struct();
    call.structure(1);
    write_jaeger_batch(call);
    call.end_struct();
    expect_whole_span(decoded_or_fail(decode_jaeger_agent_message(protocol, body(call.bytes()))));
  }
}

// Every prefix of a good body must be refused, not read past its end.
TEST(JaegerThrift, TornBodiesAreErrors) {
  for (ThriftProtocol protocol : {ThriftProtocol::compact, ThriftProtocol::binary}) {
    ThriftTestWriter batch(protocol);
    write_jaeger_batch(batch);
    for (size_t size = 0; size < batch.bytes().size(); ++size) {
      EXPECT_FALSE(decode_jaeger_thrift_batch(protocol, body(batch.bytes().substr(0, size))).ok()) << size;
    }
  }
}

TEST(JaegerThrift, OtherCallsSayWhatIsSupported) {
  ThriftTestWriter call(ThriftProtocol::compact);
  call.message("emitNothing");
  Result<DecodedTraces> decoded = decode_jaeger_agent_message(ThriftProtocol::compact, body(call.bytes()));
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::unsupported);
  EXPECT_NE(decoded.error().message.find("emitBatch"), std::string::npos);
}

TEST(JaegerThrift, AgentsTakeZipkinsSpansToo) {
  for (ThriftProtocol protocol : {ThriftProtocol::compact, ThriftProtocol::binary}) {
    ThriftTestWriter call(protocol);
    call.message("emitZipkinBatch");
    call.begin_struct();
    call.list_of_structs(1, 2);
    write_zipkin_span(call);
    write_zipkin_span(call);
    call.end_struct();
    DecodedTraces decoded = decoded_or_fail(decode_jaeger_agent_message(protocol, body(call.bytes())));
    ASSERT_EQ(decoded.batches.size(), 1u);
    EXPECT_EQ(decoded.batches[0].row_count, 4u);
    EXPECT_EQ(service(decoded.batches[0], 3), "api");
  }
}

std::string key_value(std::string_view key, int type, const std::function<void(Writer&)>& value) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, key.data(), key.size());
  writer.add_enum(2, type);
  value(writer);
  return out;
}

std::string seconds_nanos(int64_t seconds, int32_t nanos) {
  std::string out;
  Writer writer(out);
  writer.add_int64(1, seconds);
  writer.add_int32(2, nanos);
  return out;
}

std::string reference(int span, int type) {
  std::string trace_id(16, '\0'), span_id(8, '\0'), out;
  trace_id[7] = 1;
  trace_id[15] = 2;
  span_id[7] = static_cast<char>(span);
  Writer writer(out);
  writer.add_bytes(1, trace_id);
  writer.add_bytes(2, span_id);
  writer.add_enum(3, type);
  return out;
}

TEST(JaegerProtobuf, EveryField) {
  std::string trace_id(16, '\0'), span_id(8, '\xFF'), span, log, process, batch, request;
  trace_id[7] = 1;
  trace_id[15] = 2;
  span_id[7] = '\xFB';
  Writer(log).add_message(1, seconds_nanos(1, 100'000));
  Writer(log).add_message(2, key_value("event", 0, [](Writer& w) { w.add_string(3, "declined"); }));
  Writer(log).add_message(2, key_value("code", 2, [](Writer& w) { w.add_int64(5, 51); }));
  Writer writer(span);
  writer.add_bytes(1, trace_id);
  writer.add_bytes(2, span_id);
  writer.add_string(3, "charge");
  writer.add_message(4, reference(9, 1));
  writer.add_message(4, reference(8, 0));
  writer.add_message(6, seconds_nanos(1, 0));
  writer.add_message(7, seconds_nanos(0, 250'000));
  writer.add_message(8, key_value("span.kind", 0, [](Writer& w) { w.add_string(3, "server"); }));
  writer.add_message(8, key_value("error", 1, [](Writer& w) { w.add_bool(4, true); }));
  writer.add_message(8, key_value("amount", 3, [](Writer& w) { w.add_double(6, 12.5); }));
  writer.add_message(8, key_value("retries", 2, [](Writer& w) { w.add_int64(5, -3); }));
  writer.add_message(8, key_value("raw", 4, [](Writer& w) { w.add_bytes(7, std::string("\0\1", 2)); }));
  writer.add_message(9, log);
  Writer(process).add_string(1, "shop");
  Writer(process).add_message(2, key_value("hostname", 0, [](Writer& w) { w.add_string(3, "node-1"); }));
  Writer(batch).add_message(1, span);
  Writer(batch).add_message(2, process);
  Writer(request).add_message(1, batch);
  expect_whole_span(decoded_or_fail(decode_jaeger_post_spans(body(request))));
  EXPECT_FALSE(decode_jaeger_post_spans(body(request.substr(0, request.size() - 1))).ok());
}

}  // namespace
}  // namespace obelisk
