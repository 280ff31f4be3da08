#pragma once
// A connected TCP socket on an IoLoop: at most one read and one write under way at a time (asserted). All
// calls on the loop's thread. The events object is kept alive while an operation is under way. After close()
// no event comes any more for operations that were under way.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "net/io_loop.h"

namespace obelisk {

class TcpStreamEvents {
 public:
  virtual ~TcpStreamEvents() = default;
  virtual void on_read(size_t bytes) = 0;
  virtual void on_read_end() = 0;  // the peer has finished sending, or the connection broke
  virtual void on_written(bool ok) = 0;
};

class TcpStream {
 public:
  // Takes over a connected, non-blocking descriptor.
  TcpStream(IoLoop& loop, int descriptor);
  ~TcpStream();
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  // Reads at least one byte into `buffer`, which must stay in place until the event.
  void read_some(char* buffer, size_t size, std::shared_ptr<TcpStreamEvents> events);
  // Writes all of both; the bytes must stay in place until the event.
  void write(std::string_view first, std::string_view second, std::shared_ptr<TcpStreamEvents> events);
  bool reading() const;
  bool writing() const;
  // Says to the peer that nothing more comes; reading goes on.
  void shutdown_send();
  void close();
  bool open() const;
  // Gives the descriptor away without closing it. No operation may be under way.
  int release();
  const std::string& remote_address() const { return remote_address_; }

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
  std::string remote_address_;
};

}  // namespace obelisk
