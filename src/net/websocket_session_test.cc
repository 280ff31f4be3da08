// WebSocket as Boost.Beast's client speaks it.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <future>

#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

class WebSocketClient {
 public:
  explicit WebSocketClient(uint16_t port) : stream_(context_) {
    stream_.next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
  }
  error_code open(const std::string& target) {
    error_code error;
    stream_.handshake("localhost", target, error);
    return error;
  }
  void send(const std::string& text) { stream_.write(asio::buffer(text)); }
  // The next message, or "closed CODE REASON".
  std::string read() {
    boost::beast::flat_buffer buffer;
    error_code error;
    stream_.read(buffer, error);
    if (error == websocket::error::closed)
      return "closed " + std::to_string(stream_.reason().code) + " " +
             std::string(stream_.reason().reason.c_str());
    if (error) return "error " + error.message();
    return {static_cast<const char*>(buffer.data().data()), buffer.size()};
  }
  void close() {
    error_code ignored;
    stream_.close(websocket::close_reason(websocket::close_code::normal, "bye"), ignored);
  }
  void drop() { stream_.next_layer().close(); }

 private:
  asio::io_context context_;
  websocket::stream<asio::ip::tcp::socket> stream_;
};

// Accepts, and keeps the server's end for the test.
struct Accepted {
  std::promise<std::shared_ptr<WebSocket>> socket;
  std::promise<std::pair<uint16_t, std::string>> closed;
};

HttpHandler accept_into(const std::shared_ptr<Accepted>& accepted) {
  return [accepted](HttpExchangePtr exchange) {
    if (exchange->request().path == "/bad") return exchange->respond_text(400, "no such query");
    auto holder = std::make_shared<std::weak_ptr<WebSocket>>();
    WebSocketHandlers handlers;
    handlers.on_message = [holder](std::string message) {
      if (auto socket = holder->lock()) socket->send_text("echo " + message);
    };
    handlers.on_close = [accepted](uint16_t code, std::string reason) {
      accepted->closed.set_value({code, reason});
    };
    auto socket = exchange->accept_websocket(std::move(handlers));
    if (!socket.ok()) return exchange->respond_text(400, socket.error().message);
    *holder = *socket;
    accepted->socket.set_value(*socket);
  };
}

TEST(WebSocketSession, EchoesAndCloses) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted));
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail?query=x"));
  client.send("one");
  EXPECT_EQ(client.read(), "echo one");
  auto socket = accepted->socket.get_future().get();
  EXPECT_TRUE(socket->send_text("two"));
  EXPECT_EQ(client.read(), "two");
  client.close();
  auto closed = accepted->closed.get_future();
  ASSERT_EQ(closed.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(closed.get(), (std::pair<uint16_t, std::string>{1000, "bye"}));
  EXPECT_TRUE(socket->closed());
  EXPECT_FALSE(socket->send_text("three"));
}

TEST(WebSocketSession, TheServerClosesAfterWhatItQueued) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted));
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail"));
  auto socket = accepted->socket.get_future().get();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(socket->send_text(std::to_string(i)));
  socket->close(1011, std::string(122, 'r') + "\xC3\xBC");  // one byte too long, in the middle of a character
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.read(), std::to_string(i));
  EXPECT_EQ(client.read(), "closed 1011 " + std::string(122, 'r'));
  auto closed = accepted->closed.get_future();
  ASSERT_EQ(closed.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(closed.get().first, 1011);
}

TEST(WebSocketSession, TheQueueIsBoundedAndReported) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted),
                    [](ServerOptions& options) { options.websocket_queue_bytes_max = 1 << 20; });
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail"));
  auto socket = accepted->socket.get_future().get();
  size_t sent = 0;
  while (sent < 1000 && socket->send_text(std::string(100'000, 'x'))) ++sent;
  ASSERT_LT(sent, 1000u);
  EXPECT_LE(socket->queued_bytes(), size_t{1} << 20);
  EXPECT_GT(socket->queued_bytes(), size_t{800'000});
  for (size_t i = 0; i < sent; ++i) ASSERT_EQ(client.read().size(), 100'000u);
  EXPECT_FALSE(socket->closed());
}

TEST(WebSocketSession, ABrokenConnectionIsReported) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted));
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail"));
  auto socket = accepted->socket.get_future().get();
  client.drop();
  auto closed = accepted->closed.get_future();
  ASSERT_EQ(closed.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(closed.get().first, 1006);
}

TEST(WebSocketSession, DrainAndCloseReachSockets) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted));
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail"));
  auto socket =
      accepted->socket.get_future().get();  // held on purpose: it must not keep the server from stopping
  auto drained = std::async(std::launch::async, [&] { return server.server().drain(10s); });
  EXPECT_EQ(client.read(), "closed 1001 the server is shutting down");
  EXPECT_TRUE(drained.get());
}

TEST(WebSocketSession, TheServerMayStopWithSocketsOpen) {
  auto accepted = std::make_shared<Accepted>();
  std::shared_ptr<WebSocket> socket;
  {
    TestServer server(accept_into(accepted));
    WebSocketClient client(server.port());
    ASSERT_FALSE(client.open("/tail"));
    socket = accepted->socket.get_future().get();
  }
  EXPECT_TRUE(socket->closed());
  EXPECT_FALSE(socket->send_text("x"));
  EXPECT_EQ(accepted->closed.get_future().get().first, 1006);
}

TEST(WebSocketSession, RefusesWhatIsNoProperUpgrade) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted));
  WebSocketClient bad(server.port());
  EXPECT_EQ(bad.open("/bad"), websocket::error::upgrade_declined);
  for (std::string_view headers : {"", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
                                   "12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
                                   "13\r\nSec-WebSocket-Key: short\r\n"}) {
    RawTcpClient client(server.port());
    client.send("GET /tail HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n");
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 400 ")) << headers;
  }
}

TEST(WebSocketSession, ALongMessageEndsTheConnection) {
  auto accepted = std::make_shared<Accepted>();
  TestServer server(accept_into(accepted),
                    [](ServerOptions& options) { options.websocket_message_bytes_max = 1000; });
  WebSocketClient client(server.port());
  ASSERT_FALSE(client.open("/tail"));
  auto socket = accepted->socket.get_future().get();
  client.send(std::string(1001, 'x'));
  EXPECT_EQ(client.read().substr(0, 11), "closed 1009");
}

}  // namespace
}  // namespace obelisk
