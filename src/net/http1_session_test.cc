// HTTP/1.x over real sockets: what a client may send, right and wrong, byte by byte.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "net/content_encoding.h"
#include "net/http1_request_parser.h"
#include "net/net_metrics.h"
#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;

// Says what it was asked: "METHOD path query body-bytes body".
void echo(HttpExchangePtr exchange) {
  const HttpRequest& request = exchange->request();
  exchange->respond_text(200, request.method + " " + request.path + " " + request.query + " " +
                                  std::to_string(request.body.size()) + " " + request.body.substr(0, 100));
}

size_t count_of(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string get(std::string_view target, std::string_view headers = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

// The whole answer to bytes after which the server closes by itself.
std::string answer_and_close(const TestServer& server, std::string_view bytes) {
  RawTcpClient client(server.port());
  client.send(bytes);
  std::string answer = client.read_to_end();
  EXPECT_TRUE(client.ended()) << "the server kept the connection open after: " << bytes.substr(0, 200);
  return answer;
}

TEST(Http1, AnswersAndKeepsTheConnection) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.forget();
    client.send(get("/a%20b?x=1"));
    const std::string& answer = client.read_until("GET /a b x=1 0 \n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_NE(answer.find("content-length: 16\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("date: "), std::string::npos);
    EXPECT_EQ(answer.find("connection: close"), std::string::npos);
  }
}

TEST(Http1, AcceptsAnyCutOfTheBytes) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  std::string bytes = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get("/last");
  for (char byte : bytes) ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
  const std::string& answer = client.read_until("GET /last");
  EXPECT_NE(answer.find("POST /p  5 hello"), std::string::npos) << answer;
}

TEST(Http1, AnswersPipelinedRequestsInOrder) {
  std::atomic<int> running{0};
  std::atomic<int> running_max{0};
  TestServer server([&](HttpExchangePtr exchange) {
    int now = ++running;
    if (now > running_max) running_max = now;
    std::string path = exchange->request().path;
    --running;
    exchange->respond_text(200, path);
  });
  RawTcpClient client(server.port());
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += get("/request-" + std::to_string(i));
  client.send(bytes);
  const std::string& answer = client.read_until("/request-199\n");
  size_t last = 0;
  for (int i = 0; i < 200; ++i) {
    size_t at = answer.find("/request-" + std::to_string(i) + "\n");
    ASSERT_NE(at, std::string::npos) << i;
    EXPECT_GE(at, last);
    last = at;
  }
  EXPECT_EQ(running_max, 1);
}

TEST(Http1, ReadsChunkedBodies) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  client.send(
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Scope-OrgID: evil\r\n\r\n" +
      get("/next"));
  const std::string& answer = client.read_until("GET /next");
  EXPECT_NE(answer.find("POST /c  11 hello world"), std::string::npos) << answer;
}

// Boost.Beast's parser asserts when an empty chunked body is cut inside its end.
TEST(Http1, ReadsAnEmptyChunkedBodyCutAnywhere) {
  TestServer server(echo);
  const std::string end = "0\r\n\r\n";
  for (size_t cut = 0; cut <= end.size(); ++cut) {
    for (size_t second = cut; second <= end.size(); ++second) {
      RawTcpClient client(server.port());
      client.send(
          "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
      client.read_until("100 Continue");
      for (std::string piece : {end.substr(0, cut), end.substr(cut, second - cut), end.substr(second)}) {
        client.send(piece);
        client.read_until([](const std::string&) { return false; }, 2ms);
      }
      EXPECT_NE(client.read_until("POST /c  0").find("200 OK"), std::string::npos) << cut << " " << second;
    }
  }
}

TEST(Http1, TrailersDoNotBecomeHeaders) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond_text(200, "org=" + std::string(exchange->request().header("x-scope-orgid")) + ";");
  });
  RawTcpClient client(server.port());
  client.send(
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Scope-OrgID: "
      "evil\r\n\r\n");
  EXPECT_NE(client.read_until("org=").find("org=;"), std::string::npos);
}

TEST(Http1, ReadsALargeBodyWhole) {
  TestServer server([](HttpExchangePtr exchange) {
    const std::string& body = exchange->request().body;
    bool right = body.size() == 8u << 20;
    for (size_t i = 0; i < body.size(); ++i) right = right && body[i] == static_cast<char>(i * 31 >> 3);
    exchange->respond_text(200, right ? "right" : "wrong");
  });
  std::string body(8 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3);
  RawTcpClient client(server.port());
  std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  client.send(head + body);
  EXPECT_TRUE(client.read_until("right").ends_with("right\n"));
  client.forget();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (size_t at = 0; at < body.size(); at += 1 << 20) {
    client.send("100000\r\n");
    client.send(std::string_view(body).substr(at, 1 << 20));
    client.send("\r\n");
  }
  client.send("0\r\n\r\n");
  EXPECT_TRUE(client.read_until("right").ends_with("right\n"));
}

TEST(Http1, SendsContinueWhenAskedTo) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  client.send("POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_NE(client.read_until("POST /e  2 ok").find("200 OK"), std::string::npos);
}

TEST(Http1, RefusesALargeBodyBeforeItIsSent) {
  TestServer server(echo, [](ServerOptions& options) { options.body_bytes_max = 1000; });
  std::string answer = answer_and_close(
      server, "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_NE(answer.find("1000 bytes"), std::string::npos) << answer;
  EXPECT_NE(answer.find("connection: close"), std::string::npos);
}

TEST(Http1, AClientThatIsStillSendingReadsThe413) {
  TestServer server(echo, [](ServerOptions& options) { options.body_bytes_max = 1000; });
  std::string answer = answer_and_close(
      server, "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n" + std::string(4'000'000, 'x'));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer.substr(0, 200);
  answer =
      answer_and_close(server, "POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
                                   std::string(1000, 'x') + "\r\n1\r\ny\r\n0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer.substr(0, 200);
}

TEST(Http1, RefusesMalformedRequests) {
  TestServer server(echo);
  uint64_t before = rejected_total(NetLimit::malformed).value();
  const std::string_view cases[] = {
      "\x16\x03\x01\x02\x01\x01 a TLS hello, perhaps\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
      "GET / HTTX/1.1\r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nspace : x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
  };
  for (std::string_view bytes : cases) {
    std::string answer = answer_and_close(server, bytes);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << bytes << "\n" << answer;
    EXPECT_EQ(count_of(answer, "HTTP/1.1 4"), 1u) << bytes << "\n" << answer;
    EXPECT_GT(answer.size() - answer.find("\r\n\r\n"), 10u) << "no text says what is wrong: " << answer;
  }
  EXPECT_EQ(rejected_total(NetLimit::malformed).value(), before + std::size(cases));
}

TEST(Http1, RefusesUnknownTransferCodings) {
  TestServer server(echo);
  std::string answer = answer_and_close(
      server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 501 ")) << answer;
}

TEST(Http1, BoundsHeaders) {
  TestServer server(echo, [](ServerOptions& options) { options.header_bytes_max = 4096; });
  std::string bytes = answer_and_close(server, get("/", "X: " + std::string(5000, 'x') + "\r\n"));
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 431 ")) << bytes;
  EXPECT_NE(bytes.find("4096 bytes"), std::string::npos);
  std::string endless = answer_and_close(server, "GET /" + std::string(100'000, 'a'));
  EXPECT_TRUE(endless.starts_with("HTTP/1.1 431 ")) << endless;
  std::string many;
  for (size_t i = 0; i <= Http1RequestParser::kHeadersMax; ++i) many += "a:\r\n";
  EXPECT_TRUE(answer_and_close(server, get("/", many)).starts_with("HTTP/1.1 431 "));
  EXPECT_NE(
      answer_and_close(server, get("/fits", "Connection: close\r\nX: " + std::string(3500, 'x') + "\r\n"))
          .find("200 OK"),
      std::string::npos);
}

TEST(Http1, ReportsATruncatedBody) {
  std::atomic<int> handled{0};
  TestServer server([&](HttpExchangePtr exchange) {
    ++handled;
    echo(exchange);
  });
  for (std::string_view bytes :
       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    RawTcpClient client(server.port());
    client.send(bytes);
    client.finish_sending();
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(client.ended());
  }
  EXPECT_EQ(handled, 0);
}

TEST(Http1, CutsOffSlowHeadersAndBodies) {
  TestServer server(echo, [](ServerOptions& options) {
    options.header_timeout_ms = 300;
    options.body_timeout_ms = 300;
  });
  for (std::string_view begin : {"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
                                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"}) {
    RawTcpClient client(server.port());
    client.send(begin);
    auto started = std::chrono::steady_clock::now();
    // One byte now and then must not keep the request alive.
    while (!client.ended() && std::chrono::steady_clock::now() - started < 30s) {
      client.send("x");
      client.read_to_end(50ms);
    }
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 ")) << begin;
    EXPECT_TRUE(client.ended()) << begin;
  }
}

TEST(Http1, ClosesIdleConnections) {
  TestServer server(echo, [](ServerOptions& options) { options.idle_timeout_ms = 200; });
  RawTcpClient silent(server.port());
  RawTcpClient used(server.port());
  used.send(get("/"));
  used.read_until("GET /");
  silent.read_to_end(5s);
  used.read_to_end(5s);
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(used.ended());
}

TEST(Http1, CutsOffAClientThatDoesNotRead) {
  auto written = std::make_shared<std::promise<bool>>();
  TestServer server(
      [written](HttpExchangePtr exchange) {
        exchange->begin(200, {});
        exchange->write(std::string(12 << 20, 'x'), [written](bool ok) { written->set_value(ok); });
        exchange->finish();
      },
      [](ServerOptions& options) { options.write_timeout_ms = 300; });
  RawTcpClient client(server.port(), 4096);
  client.send(get("/"));
  auto done = written->get_future();
  ASSERT_EQ(done.wait_for(60s), std::future_status::ready);
  EXPECT_FALSE(done.get());
}

TEST(Http1, SpeaksHttp10) {
  TestServer server(echo);
  std::string answer = answer_and_close(server, "GET /old HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("GET /old"), std::string::npos);
  RawTcpClient client(server.port());
  client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.read_until("GET /1").find("connection: keep-alive"), std::string::npos);
  client.send("GET /2 HTTP/1.0\r\n\r\n");
  EXPECT_NE(client.read_to_end().find("GET /2"), std::string::npos);
}

TEST(Http1, HonoursConnectionClose) {
  TestServer server(echo);
  std::string answer = answer_and_close(server, get("/bye", "Connection: close\r\n"));
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos);
  EXPECT_NE(answer.find("GET /bye"), std::string::npos);
}

TEST(Http1, HeadAndNoContentHaveNoBody) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond(exchange->request().path == "/none" ? HttpResponse{204, {}, ""}
                                                          : text_response(200, "12345"));
  });
  RawTcpClient client(server.port());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/none") + get("/end"));
  const std::string& answer = client.read_until("12345");
  EXPECT_EQ(count_of(answer, "12345"), 1u) << answer;
  EXPECT_EQ(count_of(answer, "content-length: 6"), 2u) << answer;
  size_t none = answer.find("HTTP/1.1 204");
  ASSERT_NE(none, std::string::npos);
  EXPECT_EQ(answer.substr(none, answer.find("HTTP/1.1", none + 1) - none).find("content-length"),
            std::string::npos);
}

TEST(Http1, AcceptsAbsoluteTargetsAndLeadingEmptyLines) {
  TestServer server(echo);
  RawTcpClient client(server.port());
  client.send("\r\n\r\nGET http://example.com:80/abs?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(client.read_until("GET /abs").find("GET /abs q"), std::string::npos);
}

TEST(Http1, HeaderNamesAreLowerCase) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond_text(200, "<" + std::string(exchange->request().header("x-scope-orgid")) + ">");
  });
  RawTcpClient client(server.port());
  client.send(get("/", "X-Scope-OrgID:  tenant one \r\n"));
  EXPECT_NE(client.read_until("<").find("<tenant one>"), std::string::npos);
}

TEST(Http1, AnswerHeadersCannotBeSplit) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond({200, {{"location", "/a\r\nset-cookie: evil"}}, "x"});
  });
  RawTcpClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read_until("\r\n\r\nx").find("\r\nset-cookie"), std::string::npos);
}

TEST(Http1, StreamsInChunks) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->begin(200, {{"content-type", "text/plain"}});
    exchange->write("hello ");
    exchange->write("");  // must not end the body
    exchange->write("world", [exchange](bool written) {
      exchange->write(written ? "!" : "?");
      exchange->finish();
    });
  });
  RawTcpClient client(server.port());
  client.send(get("/"));
  const std::string& answer = client.read_until("0\r\n\r\n");
  EXPECT_NE(answer.find("transfer-encoding: chunked\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n1\r\n!\r\n0\r\n\r\n")) << answer;
  client.forget();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));
  EXPECT_EQ(count_of(client.read_until("0\r\n\r\n"), "hello"), 1u);
}

TEST(Http1, AStreamToHttp10EndsWithTheConnection) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->begin(200, {});
    exchange->write("hello");
    exchange->finish();
  });
  std::string answer = answer_and_close(server, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
}

TEST(Http1, ABrokenOffStreamIsNotComplete) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->begin(200, {});
    exchange->write("partial", [exchange](bool) {});  // dropped unfinished once this is written
  });
  RawTcpClient client(server.port());
  client.send(get("/"));
  std::string answer = client.read_to_end();
  EXPECT_TRUE(client.ended());
  EXPECT_NE(answer.find("partial"), std::string::npos);
  EXPECT_EQ(answer.find("0\r\n\r\n"), std::string::npos);
}

TEST(Http1, AStreamNobodyWaitsForIsBounded) {
  auto refused = std::make_shared<std::promise<void>>();
  TestServer server([refused](HttpExchangePtr exchange) {
    exchange->begin(200, {});
    auto once = std::make_shared<std::atomic<bool>>(false);
    for (int i = 0; i < 64; ++i) {
      exchange->write(std::string(1 << 20, 'x'), [refused, once](bool written) {
        if (!written && !once->exchange(true)) refused->set_value();
      });
    }
    exchange->finish();
  });
  RawTcpClient client(server.port(), 4096);
  client.send(get("/"));
  EXPECT_EQ(refused->get_future().wait_for(60s), std::future_status::ready);
}

TEST(Http1, TellsTheHandlerThatTheClientIsGone) {
  auto cancelled = std::make_shared<std::promise<void>>();
  auto started = std::make_shared<std::promise<void>>();
  auto held = std::make_shared<HttpExchangePtr>();
  TestServer server([=](HttpExchangePtr exchange) {
    *held = exchange;
    exchange->on_cancel([cancelled] { cancelled->set_value(); });
    started->set_value();
  });
  RawTcpClient client(server.port());
  client.send(get("/slow"));
  started->get_future().wait();
  EXPECT_FALSE((*held)->cancelled());
  client.reset();
  ASSERT_EQ(cancelled->get_future().wait_for(60s), std::future_status::ready);
  EXPECT_TRUE((*held)->cancelled());
  (*held)->respond_text(200, "to nobody");  // allowed
  held->reset();
}

TEST(Http1, AFullQueueAnswers503) {
  auto release = std::make_shared<std::promise<void>>();
  std::shared_future<void> released = release->get_future().share();
  std::atomic<int> running{0};
  TestServer server(
      [&](HttpExchangePtr exchange) {
        ++running;
        if (exchange->request().path == "/wait") released.wait();
        exchange->respond_text(200, "done");
      },
      [](ServerOptions& options) {
        options.choose_workers = [pool = options.workers](std::string_view, std::string_view path) {
          return path == "/health" ? nullptr : pool;
        };
      },
      1, 1);
  RawTcpClient busy(server.port());
  busy.send(get("/wait"));
  while (running == 0) std::this_thread::yield();
  RawTcpClient queued(server.port());
  queued.send(get("/queued"));
  RawTcpClient refused(server.port());
  // The second request takes the one place in the queue; which of the two comes first is the kernel's choice.
  std::string answer;
  for (int i = 0; i < 1000 && answer.find(" 503 ") == std::string::npos; ++i) {
    RawTcpClient client(server.port());
    client.send(get("/third", "Connection: close\r\n"));
    answer = client.read_to_end(100ms);
  }
  EXPECT_NE(answer.find("retry-after: 1\r\n"), std::string::npos) << answer;
  RawTcpClient health(server.port());
  health.send(get("/health"));
  EXPECT_NE(health.read_until("done").find("200 OK"), std::string::npos);
  release->set_value();
  EXPECT_NE(busy.read_until("done").find("200 OK"), std::string::npos);
  EXPECT_NE(queued.read_until("done").find("200 OK"), std::string::npos);
}

TEST(Http1, BodiesOfAllConnectionsAreBoundedTogether) {
  TestServer server(echo, [](ServerOptions& options) {
    options.body_bytes_max = 1000;
    options.buffered_body_bytes_max = 1500;
  });
  RawTcpClient first(server.port());
  first.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  first.read_until("100 Continue");
  EXPECT_TRUE(answer_and_close(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
                  .starts_with("HTTP/1.1 503 "));
  first.send(std::string(1000, 'a'));
  EXPECT_NE(first.read_until("aaa").find("200 OK"), std::string::npos);
  // What was charged has been given back.
  RawTcpClient again(server.port());
  again.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'b'));
  EXPECT_NE(again.read_until("bbb").find("200 OK"), std::string::npos);
}

TEST(Http1, AHandlerThatThrowsOrForgetsAnswers500) {
  TestServer server([](HttpExchangePtr exchange) {
    if (exchange->request().path == "/throw") throw std::runtime_error("bug");
  });
  RawTcpClient client(server.port());
  client.send(get("/throw") + get("/forget"));
  EXPECT_EQ(
      count_of(client.read_until([](const std::string& all) { return count_of(all, "HTTP/1.1 500") == 2; }),
               "HTTP/1.1 500"),
      2u);
}

TEST(Http1, CompressesAnswers) {
  TestServer server([](HttpExchangePtr exchange) {
    exchange->respond({200, {{"content-type", "application/json"}}, std::string(100'000, ' ')});
  });
  RawTcpClient client(server.port());
  client.send(get("/", "Accept-Encoding: gzip\r\nConnection: close\r\n"));
  std::string answer = client.read_to_end();
  ASSERT_NE(answer.find("content-encoding: gzip"), std::string::npos);
  EXPECT_LT(answer.size(), 5000u);
  auto body = decode_content("gzip", answer.substr(answer.find("\r\n\r\n") + 4), 1 << 20);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(*body, std::string(100'000, ' '));
}

}  // namespace
}  // namespace obelisk
