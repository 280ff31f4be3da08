#pragma once
// For tests: a blocking TCP client that sends exactly the bytes it is told to, right or wrong, and reads with
// a limit of time. Not for the server.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace obelisk {

class RawTcpClient {
 public:
  explicit RawTcpClient(uint16_t port, int receive_buffer_bytes = 0)
      : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    OBELISK_ASSERT(descriptor_ >= 0);
    if (receive_buffer_bytes > 0)
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int status = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    OBELISK_ASSERT(status == 0);
  }
  ~RawTcpClient() { ::close(descriptor_); }
  RawTcpClient(const RawTcpClient&) = delete;
  RawTcpClient& operator=(const RawTcpClient&) = delete;

  // False when the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void finish_sending() { ::shutdown(descriptor_, SHUT_WR); }
  // Closes with a reset, as a killed client's kernel may.
  void reset() {
    linger off{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    ::close(descriptor_);
    descriptor_ = ::socket(AF_INET, SOCK_STREAM, 0);
  }

  // Reads until `enough` of what was received so far, the end of the stream, or the time is over. Returns all
  // received.
  const std::string& read_until(const std::function<bool(const std::string&)>& enough,
                                std::chrono::milliseconds time = std::chrono::seconds(10)) {
    auto deadline = std::chrono::steady_clock::now() + time;
    while (!enough(received_) && !ended_) {
      auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      pollfd waiting{descriptor_, POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
      char buffer[65536];
      ssize_t count = ::recv(descriptor_, buffer, sizeof(buffer), 0);
      if (count <= 0) {
        ended_ = true;
      } else {
        received_.append(buffer, static_cast<size_t>(count));
      }
    }
    return received_;
  }
  const std::string& read_until(std::string_view text) {
    return read_until([text](const std::string& all) { return all.find(text) != std::string::npos; });
  }
  const std::string& read_to_end(std::chrono::milliseconds time = std::chrono::seconds(10)) {
    return read_until([](const std::string&) { return false; }, time);
  }
  bool ended() const { return ended_; }
  void forget() { received_.clear(); }

 private:
  int descriptor_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace obelisk
