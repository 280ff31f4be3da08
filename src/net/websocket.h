#pragma once
// The server side of one WebSocket connection. Created by HttpExchange::accept_websocket.
// Thread safe. The handlers run on an io thread, one at a time: they must not block.
// Sending never blocks and never grows without bound: a message that does not fit into the queue
// (ServerOptions::websocket_queue_bytes_max) is refused, and the sender is the one who decides what to drop
// and to say so.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace obelisk {

struct WebSocketHandlers {
  // One whole text or binary message, at most 1 MiB (ServerOptions::websocket_message_bytes_max).
  std::function<void(std::string message)> on_message;
  // Called once, whoever closed; 1006 when the connection broke without a close frame.
  std::function<void(uint16_t code, std::string reason)> on_close;
  // The queue has become empty: a good moment to send what was held back.
  std::function<void()> on_drained;
};

class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // False when the message was refused: the queue is full or the connection is closed. `message` must be
  // UTF-8.
  virtual bool send_text(std::string message) = 0;
  virtual size_t queued_bytes() const = 0;
  // Sends what is queued, then the close frame. `reason` is cut to the 123 bytes that a close frame can
  // carry.
  virtual void close(uint16_t code, std::string reason) = 0;
  virtual bool closed() const = 0;
};

}  // namespace obelisk
