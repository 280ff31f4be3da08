#pragma once
// The first bytes of a connection decide its protocol: the HTTP/2 preface, or anything else, which is
// HTTP/1.x. Internal to net. Loop thread only.
#include <memory>
#include <string>

#include "net/io_loop.h"
#include "net/server_core.h"
#include "net/tcp_stream.h"

namespace obelisk {

class ConnectionStart : public IoLoopMember,
                        public TcpStreamEvents,
                        public std::enable_shared_from_this<ConnectionStart> {
 public:
  ConnectionStart(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop, int descriptor,
                  std::shared_ptr<void> token);
  void start();

  void tick(SteadyTime now) override;
  void drain() override { close_now(); }
  void close_now() override;
  void on_read(size_t bytes) override;
  void on_read_end() override { close_now(); }
  void on_written(bool) override {}

 private:
  void hand_over(bool http2);

  const std::shared_ptr<IoLoop> loop_;
  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<TcpStream> stream_;
  std::shared_ptr<void> token_;
  std::string bytes_;
  size_t filled_ = 0;
  SteadyTime deadline_;
};

}  // namespace obelisk
