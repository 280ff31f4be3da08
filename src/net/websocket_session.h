#pragma once
// One WebSocket connection after its upgrade request: Boost.Beast's framing on a socket of an IoLoop.
// start(), the IoLoopMember calls and all I/O happen on the loop's thread; the WebSocket calls come from any
// thread. A client that answers no ping for two idle periods is closed. Internal to net.
#include <memory>

#include "net/io_loop.h"
#include "net/server_core.h"
#include "net/websocket.h"

namespace obelisk {

class WebSocketSession : public WebSocket, public IoLoopMember {
 public:
  // Takes over the descriptor and answers the upgrade. `token` counts the connection.
  virtual void start(int descriptor, std::shared_ptr<void> token, const HttpRequest& request) = 0;
};

std::shared_ptr<WebSocketSession> make_websocket_session(std::shared_ptr<ServerCore> core,
                                                         std::shared_ptr<IoLoop> loop,
                                                         WebSocketHandlers handlers);

}  // namespace obelisk
