#pragma once
// A listening TCP socket on an IoLoop, which hands over accepted descriptors. Internal to net.
// Created on any thread; start() and close() on the loop's thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/io_loop.h"

namespace obelisk {

class Listener {
 public:
  // The descriptor is non-blocking and close-on-exec, and the callback owns it.
  using Accepted = std::function<void(int descriptor)>;

  // `address` "127.0.0.1:4319", "[::1]:0", "localhost:4319" (the IPv4 loopback).
  static Result<std::shared_ptr<Listener>> bind(IoLoop& loop, std::string_view address);
  ~Listener();

  void start(Accepted accepted);
  void close();
  uint16_t port() const { return port_; }
  const std::string& address() const { return address_; }

 private:
  struct Implementation;
  explicit Listener(std::shared_ptr<Implementation> implementation);
  static void wait(std::shared_ptr<Implementation> state);
  static bool accept_all(Implementation& state);

  std::shared_ptr<Implementation> implementation_;
  uint16_t port_ = 0;
  std::string address_;
};

}  // namespace obelisk
