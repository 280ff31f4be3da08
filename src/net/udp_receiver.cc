#include "net/udp_receiver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "net/listen_address.h"

namespace obelisk {
namespace {

// The kernel's receive buffer: bursts of agents are short, and a datagram that does not fit is gone.
constexpr int kReceiveBufferBytes = 4 << 20;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_INET;
};

SocketAddress socket_address_of(const ListenAddress& address) {
  SocketAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    result.size = sizeof(sockaddr_in);
    return result;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  result.family = AF_INET6;
  result.size = sizeof(sockaddr_in6);
  return result;
}

}  // namespace

Result<std::unique_ptr<UdpReceiver>> UdpReceiver::bind(std::string_view address, Received received) {
  OBELISK_TRY(ListenAddress parsed, parse_listen_address(address));
  SocketAddress target = socket_address_of(parsed);
  std::unique_ptr<UdpReceiver> receiver(new UdpReceiver());
  auto failed = [&](const char* what) {
    return make_error(ErrorCode::io,
                      fmt::format("cannot {} UDP {}: {}", what, address, std::strerror(errno)));
  };
  receiver->socket_ = socket(target.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  receiver->wake_ = eventfd(0, EFD_CLOEXEC);
  if (receiver->socket_ < 0 || receiver->wake_ < 0) return failed("open");
  setsockopt(receiver->socket_, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  if (::bind(receiver->socket_, reinterpret_cast<const sockaddr*>(&target.storage), target.size) != 0)
    return failed("listen on");
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(receiver->socket_, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return failed("listen on");
  receiver->port_ = ntohs(target.family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                                   : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
  receiver->address_ = fmt::format("{}:{}", address.substr(0, address.rfind(':')), receiver->port_);
  UdpReceiver* raw = receiver.get();
  receiver->thread_ = std::thread([raw, received = std::move(received)] { raw->run(received); });
  return receiver;
}

UdpReceiver::~UdpReceiver() {
  uint64_t one = 1;
  if (wake_ >= 0 && thread_.joinable() && write(wake_, &one, sizeof one) == sizeof one) thread_.join();
  if (socket_ >= 0) close(socket_);
  if (wake_ >= 0) close(wake_);
}

void UdpReceiver::run(const Received& received) {
  std::string buffer(kDatagramBytesMax, '\0');
  for (;;) {
    pollfd waiting[] = {{socket_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) {
      return log_error("net", fmt::format("UDP {}: {}; no longer received", address_, std::strerror(errno)));
    }
    if (waiting[1].revents != 0) return;
    for (;;) {
      ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
      if (size < 0) break;  // nothing waits (or an ICMP error of an earlier answer, which is none)
      received(buffer.substr(0, static_cast<size_t>(size)));
    }
  }
}

}  // namespace obelisk
