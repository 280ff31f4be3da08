#include "wire/otlp_json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json_writer.h"
#include "wire/otlp_encode.h"
#include "wire/otlp_logs.h"
#include "wire/otlp_traces.h"
#include "wire/shared_files_test.h"

namespace obelisk {
namespace {

DecodedTraces traces_of(std::string_view json) {
  auto body = otlp_json_to_protobuf(OtlpSignal::traces, json);
  EXPECT_TRUE(body.ok()) << body.error().to_string();
  if (!body.ok()) return {};
  Result<DecodedTraces> decoded = decode_otlp_traces(*body);
  EXPECT_TRUE(decoded.ok()) << decoded.error().to_string();
  return decoded.ok() ? std::move(decoded).value() : DecodedTraces{};
}

constexpr std::string_view kSpan = R"({"resourceSpans":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"shop"}}]},"schemaUrl":"x","scopeSpans":[{"scope":{"name":"lib"},"spans":[
  {"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","name":"a","kind":2,
   "startTimeUnixNano":"1000","endTimeUnixNano":2000,"unknownKey":{"deep":[1,2]},"parentSpanId":null,
   "attributes":[{"key":"i","value":{"intValue":"-5"}},{"key":"j","value":{"intValue":6}},
                 {"key":"d","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"aGk="}},
                 {"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}}],
   "status":{"code":2,"message":"no"}}]}]}]})";

TEST(OtlpJson, TracesReadAsProtobufDoes) {
  DecodedTraces decoded = traces_of(kSpan);
  const Batch& batch = decoded.batches.at(0);
  ASSERT_EQ(batch.row_count, 1u);
  EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[0].to_hex(), "5b8efff798038103d269b633813fc60c");
  EXPECT_EQ(SpanId{static_cast<uint64_t>(batch.find_fixed(column::kSpanId)->ints[0])}.to_hex(),
            "eee19b7ec3c1b174");
  EXPECT_EQ(batch.times()[0], 1000);
  EXPECT_EQ(batch.find_fixed(column::kDuration)->ints[0], 1000);
  EXPECT_EQ(batch.find_fixed(column::kStatusCode)->ints[0], 2);
  EXPECT_EQ(batch.find({Scope::attribute, "i"}, ColumnType::int64)->ints[0], -5);
  EXPECT_EQ(batch.find({Scope::attribute, "j"}, ColumnType::int64)->ints[0], 6);
  EXPECT_TRUE(std::isnan(batch.find({Scope::attribute, "d"}, ColumnType::float64)->floats[0]));
  EXPECT_EQ(batch.find({Scope::attribute, "b"}, ColumnType::bytes)->strings[0], "hi");
  EXPECT_NE(batch.find({Scope::attribute, "l"}, ColumnType::any), nullptr);
  EXPECT_EQ(batch.find({Scope::resource, "service.name"})->strings[0], "shop");
}

// What the encoder writes, the decoder reads: the same rows.
TEST(OtlpJson, RoundTripThroughTheEncoder) {
  auto json_of = [](DecodedTraces decoded) {
    std::vector<BatchPtr> batches;
    for (Batch& batch : decoded.batches) batches.push_back(std::make_shared<const Batch>(std::move(batch)));
    JsonWriter out;
    out.begin_object().key("resourceSpans");
    write_resource_spans_json(out, batches, OtlpJsonStyle::otlp);
    out.end_object();
    return out.take();
  };
  std::string first = json_of(traces_of(kSpan));
  EXPECT_EQ(json_of(traces_of(first)), first);
}

TEST(OtlpJson, ErrorsNameThePath) {
  struct Case {
    std::string_view json;
    std::string_view message;
  };
  const Case cases[] = {
      {R"({"resourceSpans":{}})", "resourceSpans: expected an array"},
      {R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xy"}]}]}]})",
       "resourceSpans[0].scopeSpans[0].spans[0].traceId: not hexadecimal"},
      {R"({"resourceSpans":[{"scopeSpans":[{"spans":[{},{"kind":"SPAN_KIND_SERVER"}]}]}]})",
       "spans[1].kind: expected an integer"},
      {R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]})", "startTimeUnixNano: "},
      {R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":3000000000}]}]}]})", "out of range"},
      {R"([1])", "expected an object"},
      {R"({"resourceSpans":[)", "OTLP JSON: "},
      {"", "OTLP JSON: "},
  };
  for (const Case& test : cases) {
    auto body = otlp_json_to_protobuf(OtlpSignal::traces, test.json);
    ASSERT_FALSE(body.ok()) << test.json;
    EXPECT_EQ(body.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(body.error().message.find(test.message), std::string::npos) << body.error().message;
  }
}

TEST(OtlpJson, NestingIsBounded) {
  std::string value = R"({"intValue":1})";
  for (int i = 0; i < 150; ++i) value = R"({"arrayValue":{"values":[)" + value + "]}}";
  std::string json = R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":)" + value + "}]}]}]}";
  auto body = otlp_json_to_protobuf(OtlpSignal::logs, json);
  ASSERT_FALSE(body.ok());
  EXPECT_NE(body.error().message.find("nested deeper"), std::string::npos);
}

// The example requests that the OpenTelemetry project publishes.
TEST(OtlpJson, PublishedExamples) {
  auto folder = shared_folder("conformance/otlp");
  if (!folder) GTEST_SKIP() << "shared conformance files are absent";
  DecodedTraces traces = traces_of(read_whole_file(*folder / "trace.json"));
  ASSERT_EQ(traces.batches.size(), 1u);
  EXPECT_EQ(traces.batches[0].find_fixed(column::kName)->strings[0], "I'm a server span");
  EXPECT_EQ(traces.batches[0].find_fixed(column::kDuration)->ints[0], 1'000'000'000);
  EXPECT_EQ(traces.batches[0].find({Scope::instrumentation, "my.scope.attribute"})->strings[0],
            "some scope attribute");
  for (const char* name : {"logs.json", "events.json"}) {
    auto body = otlp_json_to_protobuf(OtlpSignal::logs, read_whole_file(*folder / name));
    ASSERT_TRUE(body.ok()) << body.error().to_string();
    Result<DecodedLogs> logs = decode_otlp_logs(*body, UnixNanos{1});
    ASSERT_TRUE(logs.ok());
    EXPECT_EQ(logs->batches.at(0).times()[0], 1544712660300000000);
    EXPECT_EQ(Labels(logs->batches[0].groups[0].labels).to_string(), R"({service_name="my.service"})");
  }
}

}  // namespace
}  // namespace obelisk
