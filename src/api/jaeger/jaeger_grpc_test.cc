// Goal: spans as Jaeger's gRPC clients read them, in both versions, and what SDKs are told to sample.
#include <gtest/gtest.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "api/jaeger/jaeger_api.h"
#include "api/request/archive_view.h"
#include "api/request/multi_tenant_reader.h"
#include "api/request/recording_sinks.h"
#include "pipeline/pipeline.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"
#include "wire/foreign/jaeger.h"
#include "wire/foreign/test_span_rows.h"

namespace obelisk {
namespace {

using protozero::pbf_reader;
using protozero::pbf_writer;
using traceql::kTestEpoch;

constexpr std::string_view kTraces = R"(
trace aa
  a shop "POST /orders" 0ms 622ms server span.http.status_code=502 span.ok=false resource.region="eu" error event:retry@5ms event.n=2
    b shop call 10ms 300ms client span.peer.service="stock"
      c stock lookup 37ms 298ms server span.ratio=0.5 parent=b link:aa/a
trace bb
  d shop "GET /health" 10s 1500us server ok
  e shop orphan 10s 1ms internal parent=zz
)";

uint64_t number_field(const std::string& message, uint32_t number) {
  pbf_reader reader(message);
  while (reader.next()) {
    if (reader.tag() == number && reader.wire_type() == protozero::pbf_wire_type::varint)
      return reader.get_uint64();
    if (reader.tag() == number && reader.wire_type() == protozero::pbf_wire_type::fixed64)
      return reader.get_fixed64();
    reader.skip();
  }
  return 0;
}

std::string timestamp(int64_t nanos) {
  std::string out;
  pbf_writer writer(out);
  writer.add_int64(1, nanos / kNanosPerSecond);
  writer.add_int32(2, static_cast<int32_t>(nanos % kNanosPerSecond));
  return out;
}

class JaegerGrpc : public testing::Test {
 protected:
  JaegerGrpc() {
    register_jaeger_grpc(grpc_, context_, archive_);
    register_jaeger_ui_api(router_, context_, archive_, "");
    WriteRequest request;
    request.batches.push_back(traceql::test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  std::shared_ptr<RecordingGrpcSink> call(const std::string& method, std::string message) {
    return call_grpc(grpc_, "/jaeger." + method, std::move(message));
  }
  std::string once(const std::string& method, std::string message) {
    auto sink = call(method, std::move(message));
    EXPECT_EQ(sink->status, GrpcStatus::ok) << sink->text;
    EXPECT_EQ(sink->messages.size(), 1u);
    return sink->messages.empty() ? "" : sink->messages[0];
  }
  static std::string query(const std::string& service, bool with_range = true) {
    std::string inner;
    pbf_writer writer(inner);
    writer.add_string(1, service);
    if (with_range) writer.add_message(4, timestamp(kTestEpoch));
    if (with_range) writer.add_message(5, timestamp(kTestEpoch + 60 * kNanosPerSecond));
    std::string out;
    pbf_writer(out).add_message(1, inner);
    return out;
  }

  HttpResponse http(std::string method, const std::string& target) {
    return answer_of(router_, std::move(method), target, {}, "");
  }

  static constexpr uint64_t kArchiveSpansMax = 4;
  MemoryStore store_;
  MultiTenantReader reader_{store_};
  jaeger::TraceArchive archive_{store_, kArchiveSpansMax};
  ManualClock clock_{{kTestEpoch + 60 * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{reader_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  GrpcRouter grpc_;
  Router router_;
};

TEST_F(JaegerGrpc, ATraceOfVersion2IsWhatJaegersOwnSenderWouldSend) {
  std::string id(16, '\0');
  id[15] = '\xaa';
  std::string request;
  pbf_writer(request).add_bytes(1, id);
  std::string chunk = once("api_v2.QueryService/GetTrace", request);
  // A chunk's spans are those of a Batch without a process of its own: read them back with the decoder.
  std::string batch, post;
  for (const std::string& span : fields(chunk, 1)) pbf_writer(batch).add_message(1, span);
  pbf_writer(post).add_message(1, batch);
  DecodedTraces decoded =
      decoded_or_fail(decode_jaeger_post_spans(std::make_shared<const std::string>(post)));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& rows = decoded.batches[0];
  ASSERT_EQ(rows.row_count, 3u);
  EXPECT_EQ(fixed(rows, column::kName, 0), "POST /orders");
  EXPECT_EQ(fixed(rows, column::kKind, 0), "2");
  EXPECT_EQ(fixed(rows, column::kStatusCode, 0), "2");
  EXPECT_EQ(fixed(rows, column::kDuration, 0), "622000000");
  EXPECT_EQ(attribute(rows, "http.status_code", 0), "502");
  EXPECT_EQ(attribute(rows, "ok", 0), "false");
  EXPECT_EQ(attribute(rows, "ratio", 2), "0.500000");
  EXPECT_EQ(service(rows, 2), "stock");
  EXPECT_EQ(cell(rows, Scope::resource, "region", 0), "eu");
  EXPECT_EQ(span_hex(rows, column::kParentSpanId, 2), span_hex(rows, column::kSpanId, 1));
  EXPECT_EQ(read_span_events(rows, 0).size(), 1u);
  EXPECT_EQ(read_span_links(rows, 2).size(), 1u);
  id[15] = '\x77';
  std::string unknown;
  pbf_writer(unknown).add_bytes(1, id);
  EXPECT_EQ(call("api_v2.QueryService/GetTrace", unknown)->status, GrpcStatus::not_found);
  EXPECT_EQ(call("api_v2.QueryService/GetTrace", "")->status, GrpcStatus::invalid_argument);
}

// Goal: what was archived is found by its id when the store itself has it no more, and nowhere else.
TEST_F(JaegerGrpc, AnArchivedTraceOutlivesTheStored) {
  std::string id(16, '\0');
  id[15] = '\xaa';
  std::string request, unknown;
  pbf_writer(request).add_bytes(1, id);
  id[0] = '\x01';
  pbf_writer(unknown).add_bytes(1, id);
  const std::string whole = once("api_v2.QueryService/GetTrace", request);
  EXPECT_EQ(call("api_v2.QueryService/ArchiveTrace", unknown)->status, GrpcStatus::not_found);
  EXPECT_EQ(once("api_v2.QueryService/ArchiveTrace", request), "");
  EXPECT_EQ(once("api_v2.QueryService/GetTrace", request), whole);  // its spans are there once
  EXPECT_EQ(once("api_v2.QueryService/ArchiveTrace", request), "");
  auto rows = [&] { return *archived_rows(reader_, kDefaultTenant); };
  EXPECT_EQ(rows(), 3u);  // the second time added nothing
  Scan all;
  all.table = Table::spans;
  ASSERT_TRUE(store_.erase(all).ok());
  EXPECT_EQ(once("api_v2.QueryService/GetTrace", request), whole);
  EXPECT_NE(http("GET", "/api/traces/aa").body.find("POST /orders"), std::string::npos);
  EXPECT_NE(http("GET", "/api/traces?traceID=aa").body.find("POST /orders"), std::string::npos);
  EXPECT_EQ(http("GET", "/api/services").body.find("shop"), std::string::npos);
  EXPECT_TRUE(call("api_v2.QueryService/FindTraces", query("shop"))->messages.empty());
  EXPECT_EQ(http("POST", "/api/archive/aa").status, 200);  // is there, though the store has it no more
}

TEST_F(JaegerGrpc, TheUiLearnsWhatIsMissing) {
  std::string body = http("GET", "/api/traces?traceID=aa&traceID=77").body;
  EXPECT_NE(body.find(R"("total":1)"), std::string::npos);
  EXPECT_NE(
      body.find(
          R"("errors":[{"code":404,"msg":"trace not found","traceID":"00000000000000000000000000000077"}])"),
      std::string::npos)
      << body;
  EXPECT_EQ(http("GET", "/api/traces?traceID=xyz").status, 400);
}

TEST_F(JaegerGrpc, TheUiOpensFilesOfOtlp) {
  auto transformed = [&](std::string body) {
    return answer_of(router_, "POST", "/api/transform", {}, std::move(body));
  };
  HttpResponse response = transformed(R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
    "value":{"stringValue":"filed"}}]},"scopeSpans":[{"spans":[
    {"traceId":"0000000000000000000000000000000b","spanId":"0000000000000001","name":"one","startTimeUnixNano":"1000","endTimeUnixNano":"3000"},
    {"traceId":"0000000000000000000000000000000c","spanId":"0000000000000002","name":"two","startTimeUnixNano":"1000","endTimeUnixNano":"3000"}]}]}]})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_NE(response.body.find(R"("total":2)"), std::string::npos);
  EXPECT_NE(response.body.find(R"("serviceName":"filed")"), std::string::npos);
  EXPECT_EQ(http("GET", "/api/traces/b").status, 404);  // not stored
  EXPECT_EQ(transformed("{").status, 400);
}

TEST_F(JaegerGrpc, TheArchiveIsBoundedAndCanBeEmptied) {
  EXPECT_EQ(http("POST", "/api/archive/aa").body,
            R"({"data":[],"total":0,"limit":0,"offset":0,"errors":null})");
  HttpResponse full = http("POST", "/api/archive/bb");
  EXPECT_EQ(full.status, 413) << full.body;
  EXPECT_NE(full.body.find("archive_spans_max"), std::string::npos);
  EXPECT_EQ(http("POST", "/api/archive/xyz").status, 400);
  EXPECT_EQ(http("POST", "/api/archive/77").status, 404);
  EXPECT_EQ(http("DELETE", "/api/archive/bb").status, 404);
  EXPECT_EQ(http("DELETE", "/api/archive/aa").status, 200);
  EXPECT_EQ(http("DELETE", "/api/archive/aa").status, 404);
  EXPECT_EQ(http("GET", "/api/traces/aa").status, 200);  // the store has it still
  EXPECT_EQ(http("POST", "/api/archive/bb").status, 200);
}

TEST_F(JaegerGrpc, ArchivesAreOfOneTenant) {
  context_.multi_tenancy = true;
  auto as = [&](const std::string& tenant, std::string method, const std::string& target) {
    return answer_of(router_, std::move(method), target, {{"x-scope-orgid", tenant}}, "").status;
  };
  WriteRequest request;
  request.tenant = "one";
  request.batches.push_back(traceql::test_batch(kTraces));
  ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  EXPECT_EQ(as("two", "POST", "/api/archive/aa"), 404);
  EXPECT_EQ(as("one", "POST", "/api/archive/aa"), 200);
  EXPECT_EQ(as("one|two", "POST", "/api/archive/aa"), 400);
  EXPECT_EQ(as("one/archive", "GET", "/api/traces/aa"), 400);
  Scan all;
  all.tenant = "one";
  all.table = Table::spans;
  ASSERT_TRUE(store_.erase(all).ok());
  EXPECT_EQ(as("one", "GET", "/api/traces/aa"), 200);
  EXPECT_EQ(as("two", "GET", "/api/traces/aa"), 404);
  EXPECT_EQ(as("two|one", "GET", "/api/traces/aa"), 200);
}

TEST_F(JaegerGrpc, Version3GivesOtlp) {
  std::string request;
  pbf_writer(request).add_string(1, "aa");
  std::string data = once("api_v3.QueryService/GetTrace", request);
  Result<DecodedTraces> decoded = decode_otlp_traces(std::make_shared<const std::string>(data));
  ASSERT_TRUE(decoded.ok());
  size_t rows = 0;
  for (const Batch& batch : decoded->batches) rows += batch.row_count;
  EXPECT_EQ(rows, 3u);
}

TEST_F(JaegerGrpc, SearchesOfBothVersions) {
  EXPECT_EQ(call("api_v2.QueryService/FindTraces", query("shop"))->messages.size(), 2u);
  EXPECT_EQ(call("api_v2.QueryService/FindTraces", query("stock", false))->messages.size(), 1u)
      << "two days by default";
  EXPECT_EQ(call("api_v3.QueryService/FindTraces", query("shop"))->messages.size(), 2u);
  EXPECT_EQ(call("api_v3.QueryService/FindTraces", query("shop", false))->status,
            GrpcStatus::invalid_argument);
  auto none = call("api_v3.QueryService/FindTraces", query("nobody"));
  EXPECT_EQ(none->status, GrpcStatus::ok);
  EXPECT_TRUE(none->messages.empty());
  // Tags and durations, and a filter that is not ignored.
  std::string tag, inner, request;
  pbf_writer tag_writer(tag);
  tag_writer.add_string(1, "http.status_code");
  tag_writer.add_string(2, "502");
  pbf_writer writer(inner);
  writer.add_message(3, tag);
  writer.add_message(6, timestamp(500 * kNanosPerMilli));
  writer.add_int32(8, 5);
  pbf_writer(request).add_message(1, inner);
  EXPECT_EQ(call("api_v2.QueryService/FindTraces", request)->messages.size(), 1u);
  writer.add_message(4, timestamp(kTestEpoch));
  writer.add_message(5, timestamp(kTestEpoch + 60 * kNanosPerSecond));
  writer.add_message(10, std::string("\x0a\x06"
                                     "exists"));
  std::string filtered;
  pbf_writer(filtered).add_message(1, inner);
  auto refused = call("api_v3.QueryService/FindTraces", filtered);
  EXPECT_EQ(refused->status, GrpcStatus::invalid_argument);
  EXPECT_NE(refused->text.find("filter cannot be combined"), std::string::npos) << refused->text;
  EXPECT_EQ(call("api_v3.QueryService/FindTraces", "\x0a\xff")->status, GrpcStatus::invalid_argument);
}

// exists(attr http.status_code), alone.
TEST_F(JaegerGrpc, AStructuredFilterFindsTraces) {
  auto with = [](const std::string& op) {
    std::string attribute, expression, filter, inner, request;
    pbf_writer(attribute).add_string(1, "http.status_code");
    pbf_writer(expression).add_message(1, attribute);
    pbf_writer call_writer(filter);
    call_writer.add_string(1, op);
    call_writer.add_message(2, expression);
    pbf_writer writer(inner);
    writer.add_message(4, timestamp(kTestEpoch));
    writer.add_message(5, timestamp(kTestEpoch + 60 * kNanosPerSecond));
    writer.add_message(10, filter);
    pbf_writer(request).add_message(1, inner);
    return request;
  };
  auto found = call("api_v3.QueryService/FindTraces", with("exists"));
  EXPECT_EQ(found->status, GrpcStatus::ok) << found->text;
  EXPECT_EQ(found->messages.size(), 1u);
  auto unknown = call("api_v3.QueryService/FindTraces", with("resembles"));
  EXPECT_EQ(unknown->status, GrpcStatus::invalid_argument);
  EXPECT_NE(unknown->text.find("unknown operator"), std::string::npos) << unknown->text;
}

TEST_F(JaegerGrpc, ListsAndDependenciesAndSummaries) {
  EXPECT_EQ(fields(once("api_v2.QueryService/GetServices", ""), 1),
            (std::vector<std::string>{"shop", "stock"}));
  EXPECT_EQ(fields(once("api_v3.QueryService/GetServices", ""), 1),
            (std::vector<std::string>{"shop", "stock"}));
  std::string request;
  pbf_writer writer(request);
  writer.add_string(1, "shop");
  writer.add_string(2, "server");
  std::string v2 = once("api_v2.QueryService/GetOperations", request);
  EXPECT_EQ(fields(v2, 1), (std::vector<std::string>{"GET /health", "POST /orders"}));
  EXPECT_EQ(field(fields(v2, 2).at(0), 2), "server");
  EXPECT_EQ(field(fields(once("api_v3.QueryService/GetOperations", request), 1).at(1), 1), "POST /orders");
  EXPECT_EQ(call("api_v3.QueryService/GetOperations", "")->status, GrpcStatus::invalid_argument);
  std::string range;
  pbf_writer range_writer(range);
  range_writer.add_message(1, timestamp(kTestEpoch));
  range_writer.add_message(2, timestamp(kTestEpoch + 60 * kNanosPerSecond));
  for (const std::string version : {"api_v2", "api_v3"}) {
    std::string edge = field(once(version + ".QueryService/GetDependencies", range), 1);
    EXPECT_EQ(field(edge, 1), "shop");
    EXPECT_EQ(field(edge, 2), "stock");
    EXPECT_EQ(number_field(edge, 3), 1u);
  }
  std::vector<std::string> found = fields(once("api_v3.QueryService/FindTraceSummaries", query("shop")), 1);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(field(found[0], 1), "000000000000000000000000000000bb");
  EXPECT_EQ(number_field(found[0], 8), 1u) << "an orphan";
  EXPECT_EQ(field(found[1], 3), "POST /orders");
  EXPECT_EQ(number_field(found[1], 6), 3u);
  EXPECT_EQ(number_field(found[1], 7), 1u);
  EXPECT_EQ(number_field(found[1], 4), static_cast<uint64_t>(kTestEpoch));
  EXPECT_EQ(fields(found[1], 9).size(), 2u);
}

TEST(JaegerSampling, StrategiesOfAFile) {
  Result<SamplingStrategies> parsed = SamplingStrategies::parse(R"({
  "default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": [{"operation": "/health", "type": "probabilistic", "param": 0}]},
  "service_strategies": [
    {"service": "shop", "type": "ratelimiting", "param": 5},
    {"service": "pay", "type": "probabilistic", "param": 0.8, "operation_strategies": [{"operation": "op", "type": "probabilistic", "param": 0.2}]}]})",
                                                                "s.json");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(sampling_strategy_json(SamplingStrategies().of("x")),
            R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}})");
  EXPECT_EQ(
      sampling_strategy_json(parsed->of("shop")),
      R"({"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5},"operationSampling":)"
      R"({"defaultSamplingProbability":1,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":)"
      R"([{"operation":"/health","probabilisticSampling":{"samplingRate":0}}]}})");
  std::string message = sampling_strategy_protobuf(parsed->of("pay"));
  EXPECT_EQ(number_field(message, 1), 0u);
  EXPECT_EQ(fields(field(message, 4), 3).size(), 2u);
  EXPECT_EQ(field(fields(field(message, 4), 3).at(0), 1), "op");
  auto refused = [](std::string_view text) {
    return SamplingStrategies::parse(text, "s.json").error().message;
  };
  EXPECT_NE(refused(R"({"default_strategy": {"type": "sometimes", "param": 1}})").find("s.json:1"),
            std::string::npos);
  EXPECT_FALSE(
      SamplingStrategies::parse(R"({"default_strategy": {"type": "probabilistic", "param": 2}})", "s").ok());
  EXPECT_FALSE(SamplingStrategies::parse(R"({"defaults": {}})", "s").ok());
}

}  // namespace
}  // namespace obelisk
