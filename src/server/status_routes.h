#pragma once
// The server's own pages: /ready, /-/ready, /-/healthy, /metrics, /-/reload, and / as a list of what is here.
#include <atomic>
#include <functional>
#include <string>

#include "base/result.h"
#include "net/router.h"

namespace obelisk::server {

struct StatusPages {
  const std::atomic<bool>& ready;  // false while starting and stopping
  std::string version;
  std::function<Result<void>()> reload;
  // Refreshes gauges that are cheaper to compute when asked than to keep.
  std::function<void()> before_metrics;
  // Whether /ui/ answers: browsers that ask for / are sent there.
  bool has_interface = false;
};

void register_status_routes(Router& router, StatusPages pages);

}  // namespace obelisk::server
