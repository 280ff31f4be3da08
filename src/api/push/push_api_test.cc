#include "api/push/push_api.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <snappy.h>
#include <zlib.h>

#include <optional>
#include <set>

#include "api/push/otlp_export.h"
#include "api/push/push_request.h"
#include "base/self_metrics.h"
#include "net/content_encoding.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"
#include "wire/otlp_test_messages.h"

namespace obelisk {
namespace {

using namespace otlp_test;

constexpr int64_t kNow = 1'700'000'000'000'000'000;

// Takes the answer; must be asked only after it was given.
class RecordingSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int, HttpHeaders) override { FAIL() << "push endpoints do not stream"; }
  void send_chunk(std::string, WriteDone) override { FAIL() << "push endpoints do not stream"; }
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
};

class RecordingGrpcSink : public GrpcSink {
 public:
  void send_message(std::string message, WriteDone) override { messages.push_back(std::move(message)); }
  void send_status(GrpcStatus given, std::string given_text, HttpHeaders given_trailers) override {
    status = given;
    text = std::move(given_text);
    trailers = std::move(given_trailers);
  }
  std::vector<std::string> messages;
  std::optional<GrpcStatus> status;
  std::string text;
  HttpHeaders trailers;
};

// The memory store, which can be told to fail or to keep its callbacks until later.
class SteerableWriter : public Writer {
 public:
  explicit SteerableWriter(Writer& inner) : inner_(inner) {}
  void append(WriteRequest request, Done done) override {
    if (failure) return done(*failure);
    if (hold) {
      held.push_back([this, request = std::make_shared<WriteRequest>(std::move(request)), done] {
        inner_.append(std::move(*request), done);
      });
      return;
    }
    inner_.append(std::move(request), std::move(done));
  }
  std::optional<Error> failure;
  bool hold = false;
  std::vector<std::function<void()>> held;

 private:
  Writer& inner_;
};

class PushApiTest : public testing::Test {
 protected:
  PushApiTest() { register_push_api(router_, grpc_router_, context_); }

  std::shared_ptr<RecordingSink> send(std::string path, std::string content_type, std::string body,
                                      HttpHeaders more = {}) {
    HttpRequest request;
    request.method = "POST";
    request.target = path;
    request.path = path;
    request.headers = std::move(more);
    if (!content_type.empty()) request.headers.emplace_back("content-type", content_type);
    request.body = std::move(body);
    auto sink = std::make_shared<RecordingSink>();
    asked_->route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink;
  }
  HttpResponse post(std::string path, std::string content_type, std::string body, HttpHeaders more = {}) {
    auto sink = send(std::move(path), std::move(content_type), std::move(body), std::move(more));
    EXPECT_TRUE(sink->answer.has_value());
    return sink->answer.value_or(HttpResponse{0, {}, {}});
  }

  std::shared_ptr<RecordingGrpcSink> call(std::string path, std::vector<std::string> messages,
                                          HttpHeaders metadata = {}) {
    GrpcRequest request;
    request.path = std::move(path);
    request.metadata = std::move(metadata);
    request.messages = std::move(messages);
    auto sink = std::make_shared<RecordingGrpcSink>();
    called_->route(std::make_shared<GrpcCall>(std::move(request), sink));
    return sink;
  }

  // Rows of a table for a tenant.
  size_t stored(Table table, const Tenant& tenant = kDefaultTenant) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = table;
    scan.order = Order::time_ascending;  // every row: without an order, lines that were sent again are one
    Budget budget;
    Cancel cancel;
    Result<Snapshot> at = store_.snapshot(tenant);
    if (!at.ok()) return 0;
    auto cursor = open_scan(store_, *at, scan, budget, cancel);
    if (!cursor.ok()) return 0;
    size_t rows = 0;
    while (true) {
      Result<BatchPtr> batch = (*cursor)->next();
      if (!batch.ok() || *batch == nullptr) return rows;
      rows += (*batch)->row_count;
    }
  }

  MemoryStore store_;
  SteerableWriter writer_{store_};
  ManualClock clock_{UnixNanos{kNow}};
  Intake intake_{writer_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 1 << 20, "0.1.0", "test"};
  Router router_;
  GrpcRouter grpc_router_;
  Router* asked_ = &router_;
  GrpcRouter* called_ = &grpc_router_;
};

// The zlib format, which HTTP calls deflate.
std::string zlib_deflate(std::string_view text) {
  std::string out(compressBound(text.size()), '\0');
  uLongf size = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
                     text.size()),
            Z_OK);
  out.resize(size);
  return out;
}

std::string trace_request(bool with_bad_span = false) {
  std::vector<std::string> spans{span(trace_id(1), span_id(1), "a", kNow, kNow + 5)};
  if (with_bad_span) spans.push_back(span("bad", span_id(1), "b", kNow, kNow + 5));
  return request(resource({key_value("service.name", string_value("shop"))}),
                 {scope_records(scope("", ""), spans)});
}

std::string logs_request() {
  std::string record;
  MessageWriter(record).add_fixed64(1, kNow);
  MessageWriter(record).add_message(5, string_value("hello"));
  return request(resource({}), {scope_records(scope("", ""), {record})});
}

constexpr std::string_view kTraceJson =
    R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
    "spanId":"eee19b7ec3c1b174","name":"a","startTimeUnixNano":"1000","endTimeUnixNano":"2000"}]}]}]})";

constexpr const char* kProtobuf = "application/x-protobuf";
constexpr const char* kJson = "application/json";

TEST_F(PushApiTest, OtlpTracesInProtobufAndJson) {
  HttpResponse response = post("/v1/traces", kProtobuf, trace_request());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(find_header(response.headers, "content-type"), kProtobuf);
  response = post("/v1/traces", "application/json; charset=utf-8", std::string(kTraceJson));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  EXPECT_EQ(find_header(response.headers, "content-type"), kJson);
  EXPECT_EQ(stored(Table::spans), 2u);
}

TEST_F(PushApiTest, OtlpPartialSuccess) {
  HttpResponse response = post("/v1/traces", kProtobuf, trace_request(true));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            export_response_protobuf({1, "a trace id is not 16 bytes with one that is not zero"}));
  EXPECT_EQ(stored(Table::spans), 1u);
  response =
      post("/v1/traces", kJson, R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00"}]}]}]})");
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body.find(R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":")"),
            std::string::npos)
      << response.body;
}

TEST_F(PushApiTest, OtlpMalformedBodies) {
  HttpResponse response = post("/v1/traces", kJson, "{");
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(response.body.starts_with(R"({"code":3,"message":"OTLP JSON: )")) << response.body;
  response = post("/v1/logs", kProtobuf, "\x0a\xff");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(find_header(response.headers, "content-type"), kProtobuf);
  EXPECT_EQ(response.body.substr(0, 2), "\x08\x03");
  EXPECT_EQ(post("/v1/traces", "text/plain", "x").status, 415);
  EXPECT_EQ(post("/v1/traces", "", "x").status, 415);
  EXPECT_EQ(post("/v1/traces", kProtobuf, "x", {{"content-encoding", "br"}}).status, 415);
  EXPECT_EQ(post("/v1/traces", kProtobuf, "not gzip", {{"content-encoding", "gzip"}}).status, 400);
  EXPECT_EQ(post("/v1/traces", kProtobuf, std::string(2 << 20, '\0')).status, 413);
  EXPECT_EQ(
      post("/v1/traces", kProtobuf, gzip_compress(std::string(2 << 20, '\0')), {{"content-encoding", "gzip"}})
          .status,
      413);
  EXPECT_EQ(stored(Table::spans), 0u);
}

TEST_F(PushApiTest, OtlpCompressedBodies) {
  EXPECT_EQ(
      post("/v1/traces", kProtobuf, gzip_compress(trace_request()), {{"content-encoding", "gzip"}}).status,
      200);
  std::string snappy_body;
  std::string plain = trace_request();
  snappy::Compress(plain.data(), plain.size(), &snappy_body);
  EXPECT_EQ(post("/v1/traces", kProtobuf, snappy_body, {{"content-encoding", "snappy"}}).status, 200);
  EXPECT_EQ(stored(Table::spans), 2u);
}

TEST_F(PushApiTest, OtlpSaysWhenToTryAgain) {
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  HttpResponse response = post("/v1/traces", kProtobuf, trace_request());
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(find_header(response.headers, "retry-after"), "1");
  writer_.failure = make_error(ErrorCode::no_space, "disk full");
  response = post("/v1/traces", kJson, std::string(kTraceJson));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(find_header(response.headers, "retry-after"), "30");
  EXPECT_EQ(response.body, R"({"code":14,"message":"disk full"})");
}

// Tempo's ingestion limits: every way in for spans draws on one bucket of the tenant, other signals do not.
TEST_F(PushApiTest, SpansOverTheRateOfATenant) {
  const uint64_t bytes = trace_request().size();
  auto rates = std::make_shared<SpanRates>(clock_, SpanRateOptions{{bytes, 2 * bytes}, {}});
  Router router;
  GrpcRouter grpc;
  register_push_api(router, grpc, context_, rates);
  asked_ = &router;
  called_ = &grpc;
  EXPECT_EQ(post("/v1/traces", kProtobuf, trace_request()).status, 200);
  EXPECT_EQ(post("/v1/traces", kProtobuf, trace_request()).status, 200);
  HttpResponse refused = post("/v1/traces", kProtobuf, trace_request());
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(find_header(refused.headers, "retry-after"), "1");
  EXPECT_NE(refused.body.find("RATE_LIMITED: ingestion rate limit"), std::string::npos);
  EXPECT_NE(refused.body.find("google.rpc.RetryInfo"), std::string::npos);
  EXPECT_EQ(
      post("/v1/traces", kJson, std::string(kTraceJson)).body.find(R"({"code":8,"message":"RATE_LIMITED)"),
      0u);
  const std::string method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  auto call_refused = call(method, {trace_request()});
  EXPECT_EQ(call_refused->status, GrpcStatus::resource_exhausted);
  EXPECT_FALSE(find_header(call_refused->trailers, "grpc-status-details-bin").empty());
  std::string zipkin = R"([{"traceId":"aa","id":"1","timestamp":1699999990000000}])";
  HttpResponse zipkin_refused = post("/api/v2/spans", kJson, zipkin);
  EXPECT_EQ(zipkin_refused.status, 429);
  EXPECT_EQ(find_header(zipkin_refused.headers, "retry-after"), "1");
  EXPECT_EQ(call("/jaeger.api_v2.CollectorService/PostSpans", {std::string(100, 'x')})->status,
            GrpcStatus::resource_exhausted);
  EXPECT_EQ(post("/v1/logs", kProtobuf, logs_request()).status, 200);
  EXPECT_EQ(stored(Table::spans), 2u);
  clock_.advance(kNanosPerSecond);
  EXPECT_EQ(call(method, {trace_request()})->status, GrpcStatus::ok);
  EXPECT_EQ(stored(Table::spans), 3u);
}

// What is larger than the burst can never be taken: nobody is told to try again.
TEST_F(PushApiTest, SpansLargerThanTheBurst) {
  Router router;
  GrpcRouter grpc;
  asked_ = &router;
  called_ = &grpc;
  register_push_api(router, grpc, context_,
                    std::make_shared<SpanRates>(clock_, SpanRateOptions{{20, 30}, {}}));
  HttpResponse refused = post("/v1/traces", kProtobuf, trace_request());
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(find_header(refused.headers, "retry-after"), "");
  EXPECT_NE(refused.body.find("burst_size_bytes"), std::string::npos);
  auto call_refused = call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", {trace_request()});
  EXPECT_EQ(call_refused->status, GrpcStatus::resource_exhausted);
  EXPECT_TRUE(find_header(call_refused->trailers, "grpc-status-details-bin").empty());
  EXPECT_EQ(stored(Table::spans), 0u);
}

// No answer before the store says that the rows are durable.
TEST_F(PushApiTest, AnswersOnlyWhenDurable) {
  writer_.hold = true;
  auto sink = send("/v1/traces", kProtobuf, trace_request());
  auto grpc = call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", {trace_request()});
  EXPECT_FALSE(sink->answer.has_value());
  EXPECT_FALSE(grpc->status.has_value());
  for (auto& release : writer_.held) release();
  ASSERT_TRUE(sink->answer.has_value());
  EXPECT_EQ(sink->answer->status, 200);
  EXPECT_EQ(grpc->status, GrpcStatus::ok);
}

std::string metrics_request() {
  std::string point;
  MessageWriter(point).add_fixed64(3, kNow);
  MessageWriter(point).add_double(4, 1);
  std::string gauge;
  MessageWriter(gauge).add_message(1, point);
  std::string metric;
  MessageWriter(metric).add_string(1, "g");
  MessageWriter(metric).add_message(5, gauge);
  return request(resource({}), {scope_records(scope("", ""), {metric})});
}

TEST_F(PushApiTest, OtlpPathsOfLokiAndPrometheus) {
  EXPECT_EQ(post("/otlp/v1/logs", kProtobuf, logs_request()).status, 204);
  EXPECT_EQ(post("/v1/logs", kProtobuf, logs_request()).status, 200);
  EXPECT_EQ(post("/api/v1/otlp/v1/metrics", kProtobuf, metrics_request()).status, 200);
  EXPECT_EQ(post("/v1/metrics", kProtobuf, metrics_request()).status, 200);
  EXPECT_EQ(stored(Table::logs), 2u);
  EXPECT_GE(stored(Table::samples), 1u);
}

TEST_F(PushApiTest, OtlpGrpc) {
  auto traces = call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", {trace_request(true)});
  EXPECT_EQ(traces->status, GrpcStatus::ok);
  ASSERT_EQ(traces->messages.size(), 1u);
  EXPECT_NE(traces->messages[0].find("a trace id is not 16 bytes"), std::string::npos);
  EXPECT_EQ(call("/opentelemetry.proto.collector.logs.v1.LogsService/Export", {logs_request()})->status,
            GrpcStatus::ok);
  EXPECT_EQ(
      call("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", {metrics_request()})->status,
      GrpcStatus::ok);
  EXPECT_EQ(call("/opentelemetry.proto.collector.logs.v1.LogsService/Export", {"\x0a\xff"})->status,
            GrpcStatus::invalid_argument);
  EXPECT_EQ(call("/opentelemetry.proto.collector.logs.v1.LogsService/Export", {})->status,
            GrpcStatus::invalid_argument);
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  auto refused = call("/opentelemetry.proto.collector.logs.v1.LogsService/Export", {logs_request()});
  EXPECT_EQ(refused->status, GrpcStatus::unavailable);
  EXPECT_FALSE(find_header(refused->trailers, "grpc-status-details-bin").empty());
}

TEST_F(PushApiTest, TenantsAreKeptApart) {
  context_.multi_tenancy = true;
  EXPECT_EQ(post("/v1/traces", kProtobuf, trace_request()).status, 401);
  EXPECT_EQ(post("/v1/traces", kProtobuf, trace_request(), {{"x-scope-orgid", "team-a"}}).status, 200);
  EXPECT_EQ(call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", {trace_request()})->status,
            GrpcStatus::unauthenticated);
  EXPECT_EQ(call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", {trace_request()},
                 {{"x-scope-orgid", "team-b"}})
                ->status,
            GrpcStatus::ok);
  EXPECT_EQ(stored(Table::spans, "team-a"), 1u);
  EXPECT_EQ(stored(Table::spans, "team-b"), 1u);
}

std::string snappy_of(const std::string& plain) {
  std::string out;
  snappy::Compress(plain.data(), plain.size(), &out);
  return out;
}

std::string write_request(bool named = true) {
  std::string label;
  MessageWriter(label).add_string(1, named ? "__name__" : "job");
  MessageWriter(label).add_string(2, "up");
  std::string sample;
  MessageWriter(sample).add_double(1, 1);
  MessageWriter(sample).add_int64(2, kNow / 1'000'000);
  std::string series;
  MessageWriter(series).add_message(1, label);
  MessageWriter(series).add_message(2, sample);
  std::string out;
  MessageWriter(out).add_message(1, series);
  return out;
}

TEST_F(PushApiTest, RemoteWrite) {
  EXPECT_EQ(
      post("/api/v1/write", kProtobuf, snappy_of(write_request()), {{"content-encoding", "snappy"}}).status,
      204);
  EXPECT_EQ(stored(Table::samples), 1u);
  HttpResponse mixed = post("/api/v1/write", kProtobuf, snappy_of(write_request(false) + write_request()));
  EXPECT_EQ(mixed.status, 400);
  EXPECT_EQ(mixed.body, "1 samples were not accepted: no metric name in {job=\"up\"}\n");
  EXPECT_EQ(post("/api/v1/write", "application/x-protobuf;proto=io.prometheus.write.v3.Request", "x").status,
            415);
  EXPECT_EQ(post("/api/v1/write", kJson, "{}").status, 415);
  EXPECT_EQ(post("/api/v1/write", kProtobuf, "not snappy").status, 400);
  EXPECT_EQ(post("/api/v1/write", kProtobuf, snappy_of("\x0a\xff")).status, 400);
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  EXPECT_EQ(post("/api/v1/write", kProtobuf, snappy_of(write_request())).status, 503);
}

// Series of remote write 2.0 with one value, one histogram and one exemplar; a nameless one is refused.
std::string write_request_v2(bool named, double time_seconds_ahead = 0) {
  std::string sample, span, histogram, exemplar, series, out;
  int64_t millis = kNow / 1'000'000 + static_cast<int64_t>(time_seconds_ahead * 1000);
  uint32_t labels[] = {named ? 1u : 2u, 2u};
  MessageWriter(sample).add_double(1, 1);
  MessageWriter(sample).add_int64(2, millis);
  MessageWriter(span).add_uint32(2, 1);
  MessageWriter(histogram).add_uint64(1, 3);
  int64_t deltas[] = {3};
  MessageWriter(histogram).add_message(11, span);
  MessageWriter(histogram).add_packed_sint64(12, std::begin(deltas), std::end(deltas));
  MessageWriter(histogram).add_int64(15, millis + 1);
  MessageWriter(exemplar).add_int64(3, millis);
  MessageWriter(series).add_packed_uint32(1, std::begin(labels), std::end(labels));
  MessageWriter(series).add_message(2, sample);
  MessageWriter(series).add_message(3, histogram);
  MessageWriter(series).add_message(4, exemplar);
  for (const char* symbol : {"", "__name__", "up"}) MessageWriter(out).add_string(4, symbol);
  MessageWriter(out).add_message(5, series);
  return out;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "absent";
}

// How names are made is a setting that a reload replaces while the server runs.
TEST_F(PushApiTest, OtlpSettingsAreThoseInForce) {
  auto settings = std::make_shared<OtlpSettings>();
  context_.otlp = settings;
  auto names = [&] {
    std::string point, gauge, metric;
    MessageWriter(point).add_fixed64(3, kNow);
    MessageWriter(point).add_double(4, 1);
    MessageWriter(gauge).add_message(1, point);
    MessageWriter(metric).add_string(1, "my.gauge");
    MessageWriter(metric).add_string(3, "By");
    MessageWriter(metric).add_message(5, gauge);
    std::string body = request(resource({}), {scope_records(scope("", ""), {metric})});
    EXPECT_EQ(post("/v1/metrics", kProtobuf, body).status, 200);
    Scan scan;
    scan.table = Table::samples;
    std::string all;
    Result<std::vector<Labels>> series = store_.series(*store_.snapshot(kDefaultTenant), scan, Cancel());
    EXPECT_TRUE(series.ok());
    for (const Labels& labels : *series) all += labels.to_string() + " ";
    return all;
  };
  EXPECT_EQ(names(), "my_gauge_bytes ");
  OtlpTranslation none;
  none.strategy = OtlpTranslationStrategy::no_translation;
  settings->replace(none);
  EXPECT_EQ(names(), "my.gauge my_gauge_bytes ");
}

TEST_F(PushApiTest, RemoteWrite2CountsWhatItWrote) {
  constexpr const char* kType = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
  auto counts = [](const HttpResponse& response) {
    std::string text;
    for (const char* kind : {"samples", "histograms", "exemplars"})
      text += header_of(response, std::string("x-prometheus-remote-write-") + kind + "-written") + " ";
    return text;
  };
  HttpResponse good = post("/api/v1/write", kType, snappy_of(write_request_v2(true)));
  EXPECT_EQ(good.status, 204) << good.body;
  EXPECT_EQ(counts(good), "1 1 1 ");
  EXPECT_EQ(stored(Table::samples), 2u);
  EXPECT_EQ(stored(Table::exemplars), 1u);
  HttpResponse nameless = post("/api/v1/write", kType, snappy_of(write_request_v2(false)));
  EXPECT_EQ(nameless.status, 400);
  EXPECT_EQ(counts(nameless), "0 0 0 ");
  HttpResponse future = post("/api/v1/write", kType, snappy_of(write_request_v2(true, 3600)));
  EXPECT_EQ(future.status, 400);
  EXPECT_NE(future.body.find("too far in the future"), std::string::npos) << future.body;
  EXPECT_EQ(counts(post("/api/v1/write", kType, "not snappy")), "0 0 0 ");
  EXPECT_EQ(counts(post("/api/v1/write", kProtobuf, snappy_of(write_request()))), "absent absent absent ");
  // The content type decides, and a mistake is named rather than taken for an empty request.
  EXPECT_EQ(post("/api/v1/write", kType, snappy_of(write_request())).status, 400);
  EXPECT_EQ(post("/api/v1/write", kProtobuf, snappy_of(write_request_v2(true))).status, 400);
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  HttpResponse full = post("/api/v1/write", kType, snappy_of(write_request_v2(true)));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(counts(full), "0 0 0 ");
}

// What a store keeps of samples that come late, twice, or with two values: the write is accepted, a time has
// one value.
TEST_F(PushApiTest, LateDuplicateAndConflictingSamples) {
  auto sample = [&](double value, int64_t millis_ago) {
    std::string label, bytes, series, out;
    MessageWriter(label).add_string(1, "__name__");
    MessageWriter(label).add_string(2, "late");
    MessageWriter(bytes).add_double(1, value);
    MessageWriter(bytes).add_int64(2, kNow / 1'000'000 - millis_ago);
    MessageWriter(series).add_message(1, label);
    MessageWriter(series).add_message(2, bytes);
    MessageWriter(out).add_message(1, series);
    return post("/api/v1/write", kProtobuf, snappy_of(out)).status;
  };
  EXPECT_EQ(sample(1, 0), 204);
  EXPECT_EQ(sample(2, 3'600'000), 204) << "an hour late";
  EXPECT_EQ(sample(3, 86'400'000 * 10LL), 204) << "ten days late";
  EXPECT_EQ(sample(2, 3'600'000), 204) << "a repetition";
  EXPECT_EQ(sample(5, 3'600'000), 204) << "a conflict";
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  Budget budget;
  Cancel cancel;
  Snapshot at = *store_.snapshot(kDefaultTenant);
  std::unique_ptr<Cursor> cursor = *open_scan(store_, at, scan, budget, cancel);
  BatchPtr batch = *cursor->next();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->find_fixed(column::kValue)->floats, (std::vector<double>{3, 5, 1}))
      << "of a conflict the last stays";
}

TEST_F(PushApiTest, ImportOfPrometheusText) {
  constexpr const char* kText = "# TYPE m counter\nm{a=\"1\"} 5 1690000000000\nm{a=\"2\"} 6\n";
  EXPECT_EQ(post("/api/v1/import/prometheus", "text/plain", kText).status, 204);
  EXPECT_EQ(stored(Table::samples), 2u);
  EXPECT_EQ(
      post("/api/v1/import/prometheus", "", gzip_compress(kText), {{"content-encoding", "gzip"}}).status,
      204);
  EXPECT_EQ(post("/api/v1/import/prometheus", "application/openmetrics-text; version=1.0.0",
                 "# TYPE c counter\nc_total 1 1690000000.5\nc_created 1680000000 1690000000.5\n# EOF\n")
                .status,
            204);
  HttpResponse bad = post("/api/v1/import/prometheus", "text/plain", "ok 1\nbad{x=1} 2\n");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("line 2, column 7"), std::string::npos) << bad.body;
  HttpResponse future = post("/api/v1/import/prometheus", "text/plain", "ok 1 1900000000000\n");
  EXPECT_EQ(future.status, 400);
  EXPECT_NE(future.body.find("1 rows were not accepted"), std::string::npos) << future.body;
}

TEST_F(PushApiTest, LokiPush) {
  std::string json = R"({"streams":[{"stream":{"app":"shop"},"values":[["1700000000000000000","hello"]]}]})";
  for (const char* path : {"/loki/api/v1/push", "/api/prom/push"})
    EXPECT_EQ(post(path, kJson, json).status, 204);
  EXPECT_EQ(post("/loki/api/v1/push", kJson, gzip_compress(json), {{"content-encoding", "gzip"}}).status,
            204);
  std::string stream;
  MessageWriter(stream).add_string(1, "{app=\"shop\"}");
  std::string entry;
  MessageWriter(entry).add_string(2, "line");
  MessageWriter(stream).add_message(2, entry);
  std::string push;
  MessageWriter(push).add_message(1, stream);
  EXPECT_EQ(post("/loki/api/v1/push", kProtobuf, snappy_of(push)).status, 204);
  EXPECT_EQ(stored(Table::logs), 4u);

  HttpResponse bad =
      post("/loki/api/v1/push", kJson, R"({"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("the timestamp (nanoseconds since the epoch) must be a string"), std::string::npos);
  bad = post("/loki/api/v1/push", kJson, R"({"streams":[{"stream":{},"values":[["1","x"]]}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "error at least one label pair is required per stream\n");
  bad = post("/loki/api/v1/push", kJson,
             R"({"streams":[{"stream":{"a":"b"},"values":[["1900000000000000000","x"]]}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("has timestamp too new"), std::string::npos) << bad.body;
  EXPECT_EQ(post("/loki/api/v1/push", kProtobuf, push, {{"content-encoding", "gzip"}}).status, 400);
  EXPECT_EQ(post("/loki/api/v1/push", "text/plain", "hello").status, 400);
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  EXPECT_EQ(post("/loki/api/v1/push", kJson, json).status, 429);
}

TEST_F(PushApiTest, LokiPushEncodings) {
  std::string json = R"({"streams":[{"stream":{"app":"shop"},"values":[["1700000000000000000","hello"]]}]})";
  EXPECT_EQ(post("/loki/api/v1/push", kJson, zlib_deflate(json), {{"content-encoding", "deflate"}}).status,
            204);
  std::string entry, stream, push;
  MessageWriter(entry).add_string(2, "line");
  MessageWriter(stream).add_string(1, "{app=\"shop\"}");
  MessageWriter(stream).add_message(2, entry);
  MessageWriter(push).add_message(1, stream);
  // Snappy is part of the protobuf form; a Content-Encoding lies around it.
  EXPECT_EQ(post("/loki/api/v1/push", kProtobuf, snappy_of(push), {{"content-encoding", "snappy"}}).status,
            204);
  EXPECT_EQ(
      post("/loki/api/v1/push", kProtobuf, gzip_compress(snappy_of(push)), {{"content-encoding", "gzip"}})
          .status,
      204);
  EXPECT_EQ(
      post("/loki/api/v1/push", kProtobuf, zlib_deflate(snappy_of(push)), {{"content-encoding", "deflate"}})
          .status,
      204);
  EXPECT_EQ(stored(Table::logs), 4u);
  HttpResponse bad = post("/loki/api/v1/push", kProtobuf, snappy_of(push), {{"content-encoding", "br"}});
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("Content-Encoding \"br\" not supported"), std::string::npos);
  EXPECT_EQ(stored(Table::logs), 4u);
}

TEST_F(PushApiTest, ElasticBulk) {
  std::string good = "{\"create\":{\"_index\":\"web\"}}\n{\"message\":\"one\"}\n";
  HttpResponse all = post("/_bulk", "application/x-ndjson", good + good);
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(find_header(all.headers, "x-elastic-product"), "Elasticsearch");
  EXPECT_NE(all.body.find("\"errors\":false"), std::string::npos);
  EXPECT_EQ(stored(Table::logs), 2u);
  // One is unreadable, one is refused for its time, the others are stored.
  HttpResponse some = post(
      "/elasticsearch/web/_bulk", "application/json",
      good + "{\"index\":{}}\n{broken\n" +
          "{\"index\":{\"_id\":\"late\"}}\n{\"message\":\"x\",\"@timestamp\":\"2090-01-01T00:00:00Z\"}\n" +
          good);
  EXPECT_EQ(some.status, 200);
  EXPECT_EQ(stored(Table::logs), 4u);
  simdjson::dom::parser parser;
  auto answer = parser.parse(some.body);
  ASSERT_EQ(answer.error(), simdjson::SUCCESS) << some.body;
  EXPECT_EQ(answer["errors"].get_bool().value(), true);
  auto item = [&](size_t index) { return answer["items"].at(index); };
  EXPECT_EQ(item(0)["create"]["status"].get_int64().value(), 201);
  EXPECT_EQ(item(1)["index"]["status"].get_int64().value(), 400);
  EXPECT_EQ(item(2)["index"]["status"].get_int64().value(), 400);
  EXPECT_EQ(item(2)["index"]["_id"].get_string().value(), "late");
  EXPECT_NE(some.body.find("has timestamp too new"), std::string::npos);
  EXPECT_EQ(item(3)["create"]["status"].get_int64().value(), 201);

  HttpResponse none = post("/web/_bulk", "application/json", "hello\n");
  EXPECT_EQ(none.status, 400);
  EXPECT_NE(none.body.find("\"type\":\"illegal_argument_exception\""), std::string::npos);
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  EXPECT_EQ(post("/_bulk", "application/json", good).status, 429);
}

TEST_F(PushApiTest, ElasticQuestionsBeforeBulk) {
  auto get = [&](std::string method, std::string path) {
    HttpRequest request;
    request.method = std::move(method);
    request.target = request.path = std::move(path);
    auto sink = std::make_shared<RecordingSink>();
    asked_->route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink->answer.value_or(HttpResponse{0, {}, {}});
  };
  EXPECT_NE(get("GET", "/elasticsearch/").body.find("\"number\":\"8."), std::string::npos);
  EXPECT_NE(get("GET", "/_license").body.find("\"type\":\"basic\""), std::string::npos);
  EXPECT_EQ(get("PUT", "/_index_template/filebeat-8").body, R"({"acknowledged":true})");
  EXPECT_EQ(get("HEAD", "/_ilm/policy/filebeat").status, 200);
  EXPECT_EQ(get("DELETE", "/_index_template/filebeat-8").status, 405);
}

TEST_F(PushApiTest, LogMappingsAreFollowed) {
  auto mapping = std::make_shared<LogMapping>();
  mapping->discover_service_name = false;
  mapping->resource = {{LogAttributeAction::drop, {"host.name"}, nullptr},
                       {LogAttributeAction::index_label, {"region.id"}, nullptr}};
  mapping->record = {{LogAttributeAction::index_label, {"team"}, nullptr},
                     {LogAttributeAction::drop, {"secret"}, nullptr}};
  mapping->severity_text_as_label = true;
  context_.log_mapping = mapping;
  EXPECT_EQ(
      post(
          "/otlp/v1/logs", kJson,
          R"({"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h"}},)"
          R"({"key":"region.id","value":{"stringValue":"eu"}},{"key":"k8s.pod.name","value":{"stringValue":"p"}}]},)"
          R"("scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000000000000000","body":{"stringValue":"a"},"severityText":"WARN",)"
          R"("attributes":[{"key":"team","value":{"stringValue":"red"}},{"key":"secret","value":{"stringValue":"x"}},{"key":"kept","value":{"intValue":"1"}}]},)"
          R"({"timeUnixNano":"1700000000000000001","body":{"stringValue":"b"}}]}]}]})")
          .status,
      204);
  EXPECT_EQ(post("/loki/api/v1/push", kJson,
                 R"({"streams":[{"stream":{"app":"shop"},"values":[["1700000000000000000","hello"]]}]})")
                .status,
            204);
  Scan scan;
  Cancel cancel;
  Snapshot at = *store_.snapshot(kDefaultTenant);
  auto streams = store_.series(at, scan, cancel);
  ASSERT_TRUE(streams.ok());
  std::vector<std::string> texts;
  for (const Labels& labels : *streams) texts.push_back(labels.to_string());
  EXPECT_EQ(texts, (std::vector<std::string>{
                       "{app=\"shop\"}", "{k8s_pod_name=\"p\", region_id=\"eu\"}",
                       "{k8s_pod_name=\"p\", region_id=\"eu\", severity_text=\"WARN\", team=\"red\"}"}));
  std::set<std::string> names;
  auto columns = store_.columns(at, scan);
  for (const ColumnInfo& column : *columns) names.insert(column.id.name);
  EXPECT_TRUE(names.contains("kept"));
  for (const char* gone : {"host.name", "secret", "team", "region.id"})
    EXPECT_FALSE(names.contains(gone)) << gone;
}

TEST_F(PushApiTest, AnswersAreCounted) {
  Counter& refused =
      counter("obelisk_push_requests_total", "", {{"endpoint", "loki_push"}, {"status", "400"}});
  uint64_t before = refused.value();
  post("/loki/api/v1/push", kJson, "nonsense");
  EXPECT_EQ(refused.value(), before + 1);
}

TEST(PushRequest, MediaTypeParameters) {
  EXPECT_EQ(media_type_of(" Application/JSON ; charset=utf-8"), "application/json");
  EXPECT_EQ(media_type_parameter("a/b; x=1; Proto = \"c.d\"", "proto"), "c.d");
  EXPECT_EQ(media_type_parameter("a/b; x=1", "proto"), "");
}

}  // namespace
}  // namespace obelisk
