#include "net/http_client.h"

#include <gtest/gtest.h>

#include <future>

#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;

void answer(HttpExchangePtr exchange) {
  const HttpRequest& request = exchange->request();
  if (request.path == "/redirect") return exchange->respond({302, {{"location", "/target"}}, ""});
  if (request.path == "/elsewhere") return exchange->respond({302, {{"location", "file:///etc/passwd"}}, ""});
  if (request.path == "/error") return exchange->respond_text(500, "broken");
  if (request.path == "/large")
    return exchange->respond({200, {{"content-type", "text/plain"}}, std::string(1 << 20, 'x')});
  if (request.path == "/never")
    return exchange->on_cancel([exchange] { exchange->respond_text(200, "late"); });
  exchange->respond({200,
                     {{"X-Seen", std::string(request.header("x-sent"))},
                      {"x-authorization", std::string(request.header("authorization"))},
                      {"x-type", std::string(request.header("content-type"))}},
                     request.method + " " + request.target + " " + request.body});
}

TEST(HttpClient, SendsAndReceives) {
  TestServer server(answer);
  HttpClient client;
  ClientRequest request;
  request.method = "POST";
  request.url = server.url("/path?x=1");
  request.headers = {{"X-Sent", "value"}};
  request.body = "body";
  request.user = "user";
  request.password = "secret";
  auto response = client.request(request);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /path?x=1 body");
  EXPECT_EQ(response->header("x-seen"), "value");
  EXPECT_EQ(response->header("x-type"), "");
  EXPECT_EQ(response->header("x-authorization"), "Basic dXNlcjpzZWNyZXQ=");
}

TEST(HttpClient, KeepsConnectionsAndNoStateBetweenRequests) {
  TestServer server(answer);
  HttpClient client;
  ClientRequest post;
  post.method = "PUT";
  post.url = server.url("/a");
  post.body = "body";
  post.user = "user";
  ASSERT_TRUE(client.request(post).ok());
  ClientRequest get;
  get.url = server.url("/b");
  auto response = client.request(get);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->body, "GET /b ");
  EXPECT_EQ(response->header("x-authorization"), "");
  EXPECT_EQ(server.server().connection_count(), 1u);
}

TEST(HttpClient, AStatusIsNoError) {
  TestServer server(answer);
  ClientRequest request;
  request.url = server.url("/error");
  auto response = HttpClient().request(request);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body, "broken\n");
}

TEST(HttpClient, FollowsRedirectsOnlyWhenTold) {
  TestServer server(answer);
  HttpClient client;
  ClientRequest request;
  request.url = server.url("/redirect");
  EXPECT_EQ(client.request(request)->status, 302);
  request.follow_redirects = true;
  auto followed = client.request(request);
  ASSERT_TRUE(followed.ok());
  EXPECT_EQ(followed->body, "GET /target ");
  EXPECT_EQ(followed->effective_url, server.url("/target"));
  request.url = server.url("/elsewhere");
  auto refused = client.request(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
}

TEST(HttpClient, BoundsTheAnswerAfterDecompression) {
  TestServer server(answer);
  HttpClient client;
  ClientRequest request;
  request.url = server.url("/large");
  auto whole = client.request(request);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->body, std::string(1 << 20, 'x'));
  EXPECT_EQ(whole->header("content-encoding"), "gzip");
  request.response_bytes_max = (1 << 20) - 1;
  auto bounded = client.request(request);
  ASSERT_FALSE(bounded.ok());
  EXPECT_EQ(bounded.error().code, ErrorCode::too_large);
  EXPECT_NE(bounded.error().message.find("1048575 bytes"), std::string::npos);
}

TEST(HttpClient, TimesOut) {
  TestServer server(answer);
  ClientRequest request;
  request.url = server.url("/never");
  request.timeout_ms = 200;
  auto response = HttpClient().request(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::timeout);
  EXPECT_NE(response.error().message.find("/never"), std::string::npos);
}

TEST(HttpClient, CanBeCancelled) {
  TestServer server(answer);
  std::atomic<bool> cancel{false};
  ClientRequest request;
  request.url = server.url("/never");
  request.cancel = &cancel;
  auto response = std::async(std::launch::async, [&] { return HttpClient().request(request); });
  EXPECT_EQ(response.wait_for(100ms), std::future_status::timeout);
  cancel = true;
  auto result = response.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

TEST(HttpClient, ErrorsNameTheUrlWithoutCredentials) {
  uint16_t closed_port = 0;
  {
    TestServer server(answer);
    closed_port = server.port();
  }
  ClientRequest request;
  request.url = "http://user:secret@127.0.0.1:" + std::to_string(closed_port) + "/x";
  auto response = HttpClient().request(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_NE(response.error().message.find("/x"), std::string::npos);
  EXPECT_EQ(response.error().message.find("secret"), std::string::npos);
  for (const char* url : {"ftp://127.0.0.1/", "file:///etc/passwd", "http://", "no url at all"}) {
    request.url = url;
    auto refused = HttpClient().request(request);
    ASSERT_FALSE(refused.ok()) << url;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument) << refused.error().to_string();
  }
}

TEST(HttpClient, RefusesHeadersWithLineEnds) {
  TestServer server(answer);
  ClientRequest request;
  request.url = server.url("/");
  request.headers = {{"x-a", "b\r\nx-evil: 1"}};
  EXPECT_EQ(HttpClient().request(request).error().code, ErrorCode::invalid_argument);
}

TEST(HttpClient, IsSafeFromManyThreads) {
  TestServer server(answer);
  HttpClient client;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        ClientRequest request;
        std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
        request.url = server.url(target);
        auto response = client.request(request);
        if (response.ok() && response->body == "GET " + target + " ") ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST(HttpClient, AnotherHostGetsNoCredentials) {
  TestServer other(answer);
  TestServer first([&](HttpExchangePtr exchange) {
    exchange->respond({302, {{"location", other.url("/landed")}}, ""});
  });
  HttpClient client;
  ClientRequest request;
  request.url = first.url("/start");
  request.follow_redirects = true;
  request.user = "user";
  request.password = "secret";
  request.secret_headers = {{"X-Sent", "token"}};
  auto response = client.request(request);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->body, "GET /landed ");
  EXPECT_EQ(response->header("x-authorization"), "");
  EXPECT_EQ(response->header("x-seen"), "");
  // The same host sees them again.
  TestServer same(answer);
  request.url = same.url("/redirect");
  response = client.request(request);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->header("x-seen"), "token");
  EXPECT_NE(response->header("x-authorization"), "");
}

}  // namespace
}  // namespace obelisk
