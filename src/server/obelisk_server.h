#pragma once
// Everything wired together: the store, what writes to it, what reads from it, and the one port. Built in the
// order of the layers, torn down in the opposite one. The only place that knows all modules.
#include <memory>
#include <string>

#include "base/result.h"
#include "server/config.h"

namespace obelisk::server {

class ObeliskServer {
 public:
  // Opens the store, loads every file the configuration names, and listens. On an error nothing is left
  // running.
  static Result<std::unique_ptr<ObeliskServer>> start(Config config);
  ~ObeliskServer();

  // "127.0.0.1:4319"
  std::string address() const;
  // One line for each address and what it serves.
  std::string describe() const;

  // Reads prometheus.yml and its rule files again; on an error nothing changes. Thread safe.
  Result<void> reload();
  // Stops accepting, finishes what is under way, flushes. Idempotent.
  void stop();

 private:
  struct Parts;
  explicit ObeliskServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace obelisk::server
