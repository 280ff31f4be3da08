// Remote read and federation through the router: what other Prometheus servers ask for.
#include "api/prometheus/stored_series.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <optional>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "api/prometheus/prometheus_api.h"
#include "codec/crc32c.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"
#include "wire/exposition_protobuf.h"
#include "wire/exposition_text.h"

namespace obelisk {
namespace {

using MessageWriter = protozero::pbf_writer;
using MessageReader = protozero::pbf_reader;

class StreamSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int status, HttpHeaders headers) override {
    answer = HttpResponse{status, std::move(headers), {}};
  }
  void send_chunk(std::string chunk, WriteDone done) override {
    answer->body += chunk;
    if (done) done(true);
  }
  void send_end() override { ended = true; }
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
  bool ended = false;
};

Histogram small_histogram(double count, CounterResetHint hint = CounterResetHint::unknown) {
  Histogram histogram;
  histogram.schema = 1;
  histogram.reset_hint = hint;
  histogram.count = count;
  histogram.sum = 6.5;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_counts = {1, count - 1};
  return histogram;
}

class StoredSeriesTest : public testing::Test {
 protected:
  StoredSeriesTest() {
    PrometheusProviders providers;
    providers.external_labels = [this] { return external_labels_; };
    register_prometheus_api(router_, context_, std::move(providers));
    BatchBuilder rows(Table::samples);
    for (const char* instance : {"b", "a"}) {
      add_group(rows, Labels{{"__name__", "up"}, {"instance", instance}});
      for (int64_t i = 0; i <= 10; ++i) {
        rows.add_row(UnixNanos::from_millis(i * 15'000));
        rows.set_float(Scope::fixed, column::kValue, static_cast<double>(i));
      }
    }
    add_group(rows, Labels{{"__name__", "a_gone"}});
    rows.add_row(UnixNanos::from_millis(100'000));
    rows.set_float(Scope::fixed, column::kValue, stale_marker());
    add_group(rows, Labels{{"__name__", "http.latency"}, {"label.x", "y\"z"}});
    rows.add_row(UnixNanos::from_millis(120'000));
    rows.set_float(Scope::fixed, column::kValue, 2'500'000);
    add_group(rows, Labels{{"__name__", "hist"}, {"job", "shop"}});
    for (int64_t i = 0; i < 3; ++i) {
      rows.add_row(UnixNanos::from_millis(1000 + i * 1000));
      std::string bytes = encode_histogram(small_histogram(5 + static_cast<double>(i)));
      rows.set_string(Scope::fixed, column::kHistogram, rows.arena().copy(bytes), ColumnType::bytes);
    }
    WriteRequest request;
    request.batches.push_back(rows.finish());
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  static void add_group(BatchBuilder& builder, const Labels& labels) {
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
  }

  std::shared_ptr<StreamSink> send(HttpRequest request) {
    auto sink = std::make_shared<StreamSink>();
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    EXPECT_TRUE(sink->answer.has_value());
    if (!sink->answer) sink->answer = HttpResponse{0, {}, {}};
    return sink;
  }
  HttpResponse federate(std::string query, std::string accept = "") {
    HttpRequest request;
    request.method = "GET";
    request.path = request.target = "/federate";
    request.query = std::move(query);
    if (!accept.empty()) request.headers.emplace_back("accept", accept);
    return *send(std::move(request))->answer;
  }
  std::shared_ptr<StreamSink> read(std::vector<std::string> queries, std::optional<int> form = {}) {
    std::string body;
    for (const std::string& query : queries) MessageWriter(body).add_message(1, query);
    if (form) MessageWriter(body).add_enum(2, *form);
    HttpRequest request;
    request.method = "POST";
    request.path = request.target = "/api/v1/read";
    request.headers = {{"content-encoding", "snappy"}, {"content-type", "application/x-protobuf"}};
    snappy::Compress(body.data(), body.size(), &request.body);
    return send(std::move(request));
  }
  static std::string query(int type, std::string name, std::string value, int64_t start = 0,
                           int64_t end = 150'000) {
    std::string matcher, out;
    MessageWriter(matcher).add_enum(1, type);
    MessageWriter(matcher).add_string(2, name);
    MessageWriter(matcher).add_string(3, value);
    MessageWriter(out).add_int64(1, start);
    MessageWriter(out).add_int64(2, end);
    MessageWriter(out).add_message(3, matcher);
    return out;
  }

  // "{labels} value@time ..." of each TimeSeries of a QueryResult.
  static std::vector<std::string> series_texts(MessageReader result) {
    std::vector<std::string> texts;
    while (result.next(1)) {
      MessageReader series = result.get_message();
      std::string text;
      while (series.next()) {
        if (series.tag() == 1) {
          MessageReader label = series.get_message();
          while (label.next()) text += label.get_string() + (label.tag() == 1 ? "=" : ",");
        } else if (series.tag() == 2) {
          MessageReader sample = series.get_message();
          double value = 0;
          int64_t time = 0;
          while (sample.next()) {
            if (sample.tag() == 1) value = sample.get_double();
            if (sample.tag() == 2) time = sample.get_int64();
          }
          text += " " + std::to_string(static_cast<int>(value)) + "@" + std::to_string(time);
        } else if (series.tag() == 4) {
          MessageReader histogram = series.get_message();
          while (histogram.next()) {
            if (histogram.tag() == 1) {
              text += " h" + std::to_string(histogram.get_uint64());
            } else if (histogram.tag() == 15) {
              text += "@" + std::to_string(histogram.get_int64());
            } else {
              histogram.skip();
            }
          }
        } else {
          series.skip();
        }
      }
      texts.push_back(std::move(text));
    }
    return texts;
  }

  ManualClock clock_{UnixNanos::from_millis(150'000)};
  MemoryStore store_;
  Labels external_labels_;
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 1 << 20, "0.1.0", "abc"};
  Router router_;
};

TEST_F(StoredSeriesTest, SampledRemoteRead) {
  HttpResponse response =
      *read({query(0, "__name__", "up", 15'000, 30'000), query(2, "__name__", "hi.t|none")})->answer;
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(find_header(response.headers, "content-encoding"), "snappy");
  std::string plain;
  ASSERT_TRUE(snappy::Uncompress(response.body.data(), response.body.size(), &plain));
  std::vector<std::vector<std::string>> results;
  MessageReader reader(plain);
  while (reader.next(1)) results.push_back(series_texts(reader.get_message()));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0], (std::vector<std::string>{"__name__=up,instance=a, 1@15000 2@30000",
                                                  "__name__=up,instance=b, 1@15000 2@30000"}));
  EXPECT_EQ(results[1], std::vector<std::string>{"__name__=hist,job=shop, h5@1000 h6@2000 h7@3000"});
}

TEST_F(StoredSeriesTest, StreamedRemoteRead) {
  std::shared_ptr<StreamSink> sink = read({query(1, "__name__", "", 0, 150'000)}, 1);
  EXPECT_TRUE(sink->ended);
  const HttpResponse& response = *sink->answer;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(find_header(response.headers, "content-type"),
            "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  const char* at = response.body.data();
  const char* end = at + response.body.size();
  std::vector<std::string> names;
  std::vector<int32_t> encodings;
  while (at != end) {
    uint64_t length = protozero::decode_varint(&at, end);
    uint32_t checksum = 0;
    for (int i = 0; i < 4; ++i) checksum = checksum << 8 | static_cast<unsigned char>(*at++);
    ASSERT_LE(length, static_cast<uint64_t>(end - at));
    ASSERT_EQ(checksum, crc32c({at, length}));
    MessageReader message(at, length);
    at += length;
    while (message.next(1)) {
      MessageReader series = message.get_message();
      std::string name;
      while (series.next()) {
        if (series.tag() == 1) {
          MessageReader label = series.get_message();
          while (label.next()) name += label.get_string() + " ";
        } else {
          MessageReader chunk = series.get_message();
          while (chunk.next()) {
            if (chunk.tag() == 3) {
              encodings.push_back(chunk.get_enum());
            } else {
              chunk.skip();
            }
          }
        }
      }
      names.push_back(std::move(name));
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"__name__ a_gone ", "__name__ hist job shop ",
                                             "__name__ http.latency label.x y\"z ", "__name__ up instance a ",
                                             "__name__ up instance b "}));
  EXPECT_EQ(encodings, (std::vector<int32_t>{1, 3, 1, 1, 1}));
}

TEST_F(StoredSeriesTest, RemoteReadErrorsAreNamed) {
  EXPECT_EQ(read({query(2, "job", "(")})->answer->status, 400);
  EXPECT_EQ(read({query(9, "job", "x")})->answer->status, 400);
  HttpRequest request;
  request.method = "POST";
  request.path = request.target = "/api/v1/read";
  request.body = "not snappy";
  EXPECT_EQ(send(std::move(request))->answer->status, 400);
}

TEST_F(StoredSeriesTest, FederationText) {
  HttpResponse response = federate("match[]={__name__!=\"\"}");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(find_header(response.headers, "content-type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  EXPECT_EQ(response.body,
            "# TYPE http_latency untyped\n"
            "http_latency{label_x=\"y\\\"z\",instance=\"\"} 2.5e+06 120000\n"
            "# TYPE up untyped\n"
            "up{instance=\"a\"} 10 150000\n"
            "up{instance=\"b\"} 10 150000\n");
  response = federate("match[]=up{instance=\"a\"}&match[]=http.none",
                      "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2");
  EXPECT_EQ(response.status, 400) << "http.none is no selector";
  response = federate("match[]=up{instance=\"a\"}&match[]={\"http.latency\"}",
                      "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2");
  EXPECT_EQ(response.body,
            "# TYPE \"http.latency\" untyped\n"
            "{\"http.latency\",\"label.x\"=\"y\\\"z\",instance=\"\"} 2.5e+06 120000\n"
            "# TYPE up untyped\n"
            "up{instance=\"a\"} 10 150000\n");
  EXPECT_TRUE(parse_prometheus_text(response.body).ok());
  EXPECT_EQ(federate("").status, 200);
  EXPECT_EQ(federate("").body, "");
  // Beyond the lookback there is nothing.
  clock_.set(UnixNanos::from_millis(150'000 + 5 * 60'000));
  EXPECT_EQ(federate("match[]=up").body, "");
}

TEST_F(StoredSeriesTest, FederationAddsExternalLabelsThatAreMissing) {
  external_labels_ = Labels{{"instance", "here"}, {"dc", "b"}, {"label.x", "external"}};
  EXPECT_EQ(federate("match[]=up{instance=\"a\"}").body,
            "# TYPE up untyped\nup{instance=\"a\",dc=\"b\",label_x=\"external\"} 10 150000\n");
  EXPECT_EQ(federate("match[]={\"http.latency\"}").body,
            "# TYPE http_latency untyped\n"
            "http_latency{label_x=\"y\\\"z\",dc=\"b\",instance=\"here\"} 2.5e+06 120000\n");
}

TEST_F(StoredSeriesTest, FederationProtobufHasHistograms) {
  HttpResponse response =
      federate("match[]={__name__!=\"\"}",
               "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
               "escaping=allow-utf-8;q=0.6,text/plain;q=0.2");
  ASSERT_EQ(response.status, 200);
  Result<Exposition> page = parse_prometheus_protobuf(response.body, {});
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  std::vector<std::string> lines;
  for (const ExpositionSample& sample : page->samples)
    lines.push_back(Labels(sample.labels).to_string() + (sample.histogram.empty() ? "" : " histogram") + " " +
                    std::to_string(sample.time->to_millis()));
  EXPECT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines.at(0), R"(hist{job="shop"} histogram 3000)");
  EXPECT_EQ(decode_histogram(page->samples[0].histogram)->positive_counts, (std::vector<double>{1, 6}));
}

}  // namespace
}  // namespace obelisk
