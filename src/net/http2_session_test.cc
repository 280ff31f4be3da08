// HTTP/2 with prior knowledge, spoken by libcurl, and by hand where a well-behaved client would not do.
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <future>

#include "net/net_metrics.h"
#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;

struct Answer {
  CURLcode status = CURLE_OK;
  long code = 0;
  long version = 0;
  std::string head;
  std::string body;
};

// libcurl 7.88 cannot reuse a prior-knowledge connection, so each request has its own; calls that share one
// are in grpc_test.cc.
class Http2Client {
 public:
  Http2Client() : curl_(curl_easy_init()) {}
  ~Http2Client() { curl_easy_cleanup(curl_); }

  Answer request(const std::string& method, const std::string& url, std::string_view body = {},
                 const std::vector<std::string>& headers = {}) {
    curl_easy_reset(curl_);
    Answer answer;
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, 20'000L);
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, list);
    if (method == "HEAD") curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
    if (method == "POST") {
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.data());
    }
    auto append = +[](char* data, size_t, size_t size, void* text) {
      static_cast<std::string*>(text)->append(data, size);
      return size;
    };
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &answer.head);
    answer.status = curl_easy_perform(curl_);
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.code);
    curl_easy_getinfo(curl_, CURLINFO_HTTP_VERSION, &answer.version);
    curl_slist_free_all(list);
    return answer;
  }

 private:
  CURL* curl_;
};

void echo(HttpExchangePtr exchange) {
  const HttpRequest& request = exchange->request();
  exchange->respond({200,
                     {{"X-Method", request.method}, {"x-host", std::string(request.header("host"))}},
                     request.path + " " + request.query + " " + request.body});
}

TEST(Http2, AnswersOrdinaryRequests) {
  TestServer server(echo);
  Http2Client client;
  Answer answer = client.request("GET", server.url("/a%20b?x=1"));
  ASSERT_EQ(answer.status, CURLE_OK) << curl_easy_strerror(answer.status);
  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.version, CURL_HTTP_VERSION_2_0);
  EXPECT_EQ(answer.body, "/a b x=1 ");
  EXPECT_NE(answer.head.find("x-method: GET"), std::string::npos) << answer.head;
  EXPECT_NE(answer.head.find("x-host: " + server.server().address()), std::string::npos) << answer.head;
  answer = client.request("POST", server.url("/p"), "body");
  EXPECT_EQ(answer.body, "/p  body");
  answer = client.request("HEAD", server.url("/p"));
  EXPECT_EQ(answer.body, "");
  EXPECT_NE(answer.head.find("content-length: 4"), std::string::npos) << answer.head;
}

TEST(Http2, CarriesLargeBodiesBothWays) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond({200, {}, std::move(exchange->request().body)});
  });
  std::string body(24 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 131 >> 5);
  Http2Client client;
  Answer answer = client.request("POST", server.url("/"), body);
  ASSERT_EQ(answer.status, CURLE_OK) << curl_easy_strerror(answer.status);
  EXPECT_TRUE(answer.body == body);
}

TEST(Http2, RefusesLargeBodiesAndHeaders) {
  TestServer server(echo, [](ServerOptions& options) {
    options.body_bytes_max = 1000;
    options.header_bytes_max = 4096;
  });
  Http2Client client;
  Answer answer = client.request("POST", server.url("/"), std::string(1001, 'x'));
  EXPECT_EQ(answer.code, 413);
  EXPECT_NE(answer.body.find("1000 bytes"), std::string::npos);
  answer = client.request("POST", server.url("/"), std::string(5'000'000, 'x'), {"Content-Length:"});
  EXPECT_EQ(answer.code, 413);
  answer = client.request("GET", server.url("/"), {}, {"X-Long: " + std::string(5000, 'x')});
  EXPECT_EQ(answer.code, 431);
  EXPECT_NE(answer.body.find("4096 bytes"), std::string::npos);
  answer = client.request("GET", server.url("/%zz"));
  EXPECT_EQ(answer.code, 400);
}

TEST(Http2, StreamsAnswers) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->begin(200, {{"content-type", "text/plain"}});
    auto next = std::make_shared<std::function<void(int)>>();
    *next = [exchange, next](int i) {
      if (i == 20) {
        exchange->finish();
        *next = nullptr;
        return;
      }
      exchange->write(std::string(100'000, static_cast<char>('a' + i)), [next, i](bool written) {
        if (written && *next) {
          auto call = *next;
          call(i + 1);
        }
      });
    };
    auto call = *next;
    call(0);
  });
  Http2Client client;
  Answer answer = client.request("GET", server.url("/"));
  ASSERT_EQ(answer.status, CURLE_OK) << curl_easy_strerror(answer.status);
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += std::string(100'000, static_cast<char>('a' + i));
  EXPECT_TRUE(answer.body == expected);
}

TEST(Http2, ABrokenOffStreamIsAnErrorForTheClient) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->begin(200, {});
    exchange->write("partial", [exchange](bool) {});
  });
  Http2Client client;
  EXPECT_EQ(client.request("GET", server.url("/")).status, CURLE_HTTP2_STREAM);
}

TEST(Http2, RefusesWhatIsNoHttp2) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  client.send(std::string(NGHTTP2_CLIENT_MAGIC) + "this is no frame, it only looks long enough to be one");
  client.read_to_end();
  EXPECT_TRUE(client.ended());
  RawTcpClient cut(server.port());
  cut.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
  EXPECT_NE(cut.read_to_end().find("400 Bad Request"), std::string::npos);
}

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string bytes;
  for (int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(payload.size() >> shift));
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(stream >> shift));
  return bytes.append(payload);
}

std::string preface() {
  return NGHTTP2_CLIENT_MAGIC + frame(NGHTTP2_SETTINGS, 0, 0, "");
}

// ":method: POST", ":scheme: http", ":path: /", ":authority: a" in HPACK: three indexed fields and a literal.
std::string post_headers() {
  return std::string("\x83\x86\x84\x01\x01", 5) + "a";
}

bool has_status(const std::string& received, std::string_view code) {
  return received.find(code) != std::string::npos;
}

// RFC 9113, 8.1: an answer before the end of the request is complete, and then the client is told to stop.
TEST(Http2, AnEarlyAnswerIsFollowedByAReset) {
  TestServer server(echo, [](ServerOptions& options) { options.body_bytes_max = 1000; });
  RawTcpClient client(server.port());
  client.send(preface() + frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, post_headers()) +
              frame(NGHTTP2_DATA, 0, 1, std::string(1001, 'x')));
  std::string reset = frame(NGHTTP2_RST_STREAM, 0, 1, std::string(4, '\0'));
  const std::string& received = client.read_until(reset);
  size_t text = received.find("over the limit of 1000 bytes\n");
  ASSERT_NE(text, std::string::npos);
  EXPECT_NE(received.find(reset, text), std::string::npos);
}

TEST(Http2, ASlowBodyIsCutOff) {
  std::atomic<int> handled{0};
  TestServer server([&](HttpExchangePtr) { ++handled; },
                    [](ServerOptions& options) { options.body_timeout_ms = 200; });
  RawTcpClient client(server.port());
  client.send(preface() + frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, post_headers()));
  client.read_until([](const std::string& all) { return has_status(all, "bytes a second"); });
  EXPECT_TRUE(has_status(client.read_until("bytes a second"), "bytes a second"));
  EXPECT_EQ(handled, 0);
}

TEST(Http2, ACancelledStreamTellsTheHandler) {
  auto started = std::make_shared<std::promise<void>>();
  auto cancelled = std::make_shared<std::promise<void>>();
  auto kept = std::make_shared<HttpExchangePtr>();
  TestServer server([=](HttpExchangePtr exchange) {
    *kept = exchange;
    exchange->on_cancel([cancelled] { cancelled->set_value(); });
    started->set_value();
  });
  RawTcpClient client(server.port());
  client.send(preface() +
              frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, post_headers()));
  started->get_future().wait();
  client.send(frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x08", 4)));
  EXPECT_EQ(cancelled->get_future().wait_for(60s), std::future_status::ready);
  (*kept)->respond_text(200, "to nobody");
  kept->reset();
}

TEST(Http2, FloodsOfResetsEndTheConnection) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  std::string flood = preface();
  for (uint32_t stream = 1; stream < 20'000; stream += 2) {
    flood += frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, post_headers());
    flood += frame(NGHTTP2_RST_STREAM, 0, stream, std::string("\0\0\0\x08", 4));
  }
  client.send(flood);
  client.read_to_end();
  EXPECT_TRUE(client.ended());
}

TEST(Http2, IdleConnectionsAreClosed) {
  TestServer server(echo, [](ServerOptions& options) { options.idle_timeout_ms = 200; });
  RawTcpClient client(server.port());
  client.send(preface());
  client.read_to_end();
  EXPECT_TRUE(client.ended());
}

TEST(Http2, DrainFinishesStreams) {
  auto held = std::make_shared<std::promise<HttpExchangePtr>>();
  TestServer server([held](HttpExchangePtr exchange) { held->set_value(std::move(exchange)); });
  auto answer = std::async(std::launch::async, [&] { return Http2Client().request("GET", server.url("/")); });
  HttpExchangePtr exchange = held->get_future().get();
  server.server().stop_accepting();
  auto drained = std::async(std::launch::async, [&] { return server.server().drain(10s); });
  EXPECT_EQ(drained.wait_for(300ms), std::future_status::timeout);
  exchange->respond({200, {}, "whole"});
  EXPECT_EQ(answer.get().body, "whole");
  EXPECT_TRUE(drained.get());
}

}  // namespace
}  // namespace obelisk
