// Starting, bounding and stopping the server as a whole.
#include "net/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>

#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

ServerOptions options_with(HttpHandler handler) {
  ServerOptions options;
  options.http_handler = std::move(handler);
  static WorkerPool workers("test", 1, 10);
  options.workers = &workers;
  return options;
}

void hello(HttpExchangePtr exchange) {
  exchange->respond_text(200, "hello");
}

TEST(Server, RefusesBadAddressesByName) {
  for (const char* address :
       {"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", ":80", "no.such.name:80", "[::1:80"}) {
    ServerOptions options = options_with(hello);
    options.listeners = {address};
    auto server = Server::start(std::move(options));
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_EQ(server.error().code, ErrorCode::invalid_argument) << address;
    EXPECT_NE(server.error().message.find(address), std::string::npos);
  }
}

TEST(Server, ReportsAPortThatIsTaken) {
  TestServer first(hello);
  ServerOptions options = options_with(hello);
  options.listeners = {first.server().address()};
  auto second = Server::start(std::move(options));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::io);
  EXPECT_NE(second.error().message.find(first.server().address()), std::string::npos);
}

TEST(Server, ListensOnSeveralAddressesWithSeveralThreads) {
  TestServer server(hello, [](ServerOptions& options) {
    options.listeners = {"127.0.0.1:0", "localhost:0"};
    options.io_thread_count = 2;
  });
  EXPECT_NE(server.server().port(0), server.server().port(1));
  for (int i = 0; i < 8; ++i) {
    RawTcpClient client(server.server().port(static_cast<size_t>(i % 2)));
    client.send(kGet);
    EXPECT_NE(client.read_until("hello").find("200 OK"), std::string::npos);
  }
}

TEST(Server, BoundsConnections) {
  TestServer server(hello, [](ServerOptions& options) { options.connections_max = 2; });
  RawTcpClient first(server.port());
  auto second = std::make_unique<RawTcpClient>(server.port());
  for (RawTcpClient* client : {&first, second.get()}) {
    client->send(kGet);
    client->read_until("hello");
  }
  RawTcpClient third(server.port());
  std::string answer = third.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("limit of 2 connections"), std::string::npos);
  second.reset();
  // The place is free again once the server has seen the end of the second connection.
  bool served = false;
  for (int i = 0; i < 1000 && !served; ++i) {
    RawTcpClient next(server.port());
    next.send(kGet);
    served = next.read_until("\n").starts_with("HTTP/1.1 200");
  }
  EXPECT_TRUE(served);
}

TEST(Server, DrainFinishesWhatIsUnderWay) {
  auto held = std::make_shared<std::promise<HttpExchangePtr>>();
  TestServer server([held](HttpExchangePtr exchange) { held->set_value(std::move(exchange)); });
  RawTcpClient busy(server.port());
  RawTcpClient idle(server.port());
  busy.send(kGet);
  HttpExchangePtr exchange = held->get_future().get();
  server.server().stop_accepting();
  auto drained = std::async(std::launch::async, [&] { return server.server().drain(10s); });
  idle.read_to_end();
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  EXPECT_FALSE(exchange->cancelled());
  exchange->respond_text(200, "late but whole");
  exchange.reset();
  std::string answer = busy.read_to_end();
  EXPECT_NE(answer.find("late but whole"), std::string::npos);
  EXPECT_NE(answer.find("connection: close"), std::string::npos);
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(server.server().connection_count(), 0u);
}

TEST(Server, DrainGivesUpAtItsDeadlineAndCloseCancels) {
  auto held = std::make_shared<std::promise<HttpExchangePtr>>();
  TestServer server([held](HttpExchangePtr exchange) { held->set_value(std::move(exchange)); });
  RawTcpClient busy(server.port());
  busy.send(kGet);
  HttpExchangePtr exchange = held->get_future().get();
  server.server().stop_accepting();
  EXPECT_FALSE(server.server().drain(50ms));
  server.server().close();
  EXPECT_TRUE(exchange->cancelled());
  exchange->respond_text(200, "after the server");  // must not crash
  busy.read_to_end();
  EXPECT_TRUE(busy.ended());
}

TEST(Server, ExchangesMayOutliveIt) {
  HttpExchangePtr kept;
  {
    auto held = std::make_shared<std::promise<HttpExchangePtr>>();
    TestServer server([held](HttpExchangePtr exchange) { held->set_value(std::move(exchange)); });
    RawTcpClient busy(server.port());
    busy.send(kGet);
    kept = held->get_future().get();
    kept->begin(200, {});
  }
  std::optional<bool> written;
  kept->write("x", [&](bool ok) { written = ok; });
  kept->finish();
  kept.reset();
  EXPECT_NE(written, true);  // nobody is there to write to
}

TEST(Server, StoppedListenersRefuse) {
  TestServer server(hello);
  uint16_t port = server.port();
  server.server().stop_accepting();
  server.server().stop_accepting();  // a second time is allowed
  int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(descriptor);
}

// Many clients, many requests, odd disconnects: nothing hangs, every complete answer is right.
TEST(Server, SurvivesManyClients) {
  TestServer server([](HttpExchangePtr exchange) { exchange->respond_text(200, exchange->request().query); },
                    [](ServerOptions& options) { options.io_thread_count = 2; }, 3, 1000);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        RawTcpClient client(server.port());
        std::string token = "t" + std::to_string(t) + "-" + std::to_string(i) + "-end";
        client.send("GET /?" + token + " HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 3 == 0) {
          client.reset();
        } else if (client.read_until("-end").find("\r\n\r\n" + token) != std::string::npos) {
          ++right;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4 * 66);
  EXPECT_TRUE(server.server().drain(10s));
}

}  // namespace
}  // namespace obelisk
