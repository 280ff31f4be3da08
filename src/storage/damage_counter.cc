#include "storage/damage_counter.h"

namespace obelisk {

Counter& damaged_blocks() {
  static Counter& instance = counter("obelisk_storage_checksum_failures_total",
                                     "Stored blocks that failed their checksum or format when read.");
  return instance;
}

}  // namespace obelisk
