#pragma once
// Receives datagrams on one UDP address and gives each to a callback, on a thread of its own. Datagrams that
// come faster than the callback takes them wait in the socket's buffer, and beyond it are lost: the kernel
// counts them, UDP promises no more. Thread safe; the destructor stops the thread.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

namespace obelisk {

class UdpReceiver {
 public:
  // A datagram's payload, at most kDatagramBytesMax. Called from the receiver's thread, one at a time.
  using Received = std::function<void(std::string datagram)>;
  static constexpr size_t kDatagramBytesMax = 65'507;  // UDP over IPv4 carries no more

  // `address` as a Listener's: "127.0.0.1:6831", "[::1]:0", "localhost:6831".
  static Result<std::unique_ptr<UdpReceiver>> bind(std::string_view address, Received received);
  ~UdpReceiver();
  UdpReceiver(const UdpReceiver&) = delete;
  UdpReceiver& operator=(const UdpReceiver&) = delete;

  const std::string& address() const { return address_; }
  uint16_t port() const { return port_; }

 private:
  UdpReceiver() = default;
  void run(const Received& received);

  int socket_ = -1;
  int wake_ = -1;  // an eventfd: readable when the thread is to end
  std::string address_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace obelisk
