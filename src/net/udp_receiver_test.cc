#include "net/udp_receiver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace obelisk {
namespace {

class Sender {
 public:
  explicit Sender(uint16_t port) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    target_.sin_family = AF_INET;
    target_.sin_port = htons(port);
    target_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Sender() { close(socket_); }
  void send(const std::string& text) {
    ASSERT_EQ(sendto(socket_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&target_),
                     sizeof target_),
              static_cast<ssize_t>(text.size()));
  }

 private:
  int socket_;
  sockaddr_in target_{};
};

TEST(UdpReceiver, GivesEveryDatagramWholeAndInOrder) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> got;
  Result<std::unique_ptr<UdpReceiver>> receiver = UdpReceiver::bind("127.0.0.1:0", [&](std::string datagram) {
    std::lock_guard lock(mutex);
    got.push_back(std::move(datagram));
    changed.notify_one();
  });
  ASSERT_TRUE(receiver.ok()) << receiver.error().to_string();
  EXPECT_EQ((*receiver)->address(), "127.0.0.1:" + std::to_string((*receiver)->port()));
  Sender sender((*receiver)->port());
  std::string large(60'000, 'x');
  sender.send("one");
  sender.send("");
  sender.send(large);
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return got.size() == 3; }));
  EXPECT_EQ(got, (std::vector<std::string>{"one", "", large}));
}

TEST(UdpReceiver, SaysWhyAnAddressIsRefused) {
  auto refused = [](std::string_view address) {
    Result<std::unique_ptr<UdpReceiver>> receiver = UdpReceiver::bind(address, [](std::string) {});
    return receiver.ok() ? std::string() : receiver.error().message;
  };
  EXPECT_NE(refused("127.0.0.1").find("no port"), std::string::npos);
  EXPECT_NE(refused("example.org:1").find("IP address"), std::string::npos);
  Result<std::unique_ptr<UdpReceiver>> first = UdpReceiver::bind("127.0.0.1:0", [](std::string) {});
  ASSERT_TRUE(first.ok());
  EXPECT_NE(refused((*first)->address()).find("in use"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
