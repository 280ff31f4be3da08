#pragma once
// A segment of the write-ahead log as text: its header, every frame with its offset, and what ends it.
#include <string>

#include "env/disk.h"

namespace obelisk {

Result<std::string> inspect_log_segment(Disk& disk, const std::string& path);

}  // namespace obelisk
