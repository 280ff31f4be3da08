#include "server/version.h"

#ifndef OBELISK_REVISION
#define OBELISK_REVISION "unknown"
#endif

namespace obelisk::server {
std::string_view revision() {
  return OBELISK_REVISION;
}
}  // namespace obelisk::server
