#pragma once
// Any file of a data directory as text, recognised by its first bytes: log segments, event parts, metric
// parts, the manifest. Reads everything and checks every checksum; damage is shown where it is.
#include <string>

#include "env/disk.h"

namespace obelisk {

// corrupt for a file that is none of ours; unsupported for one of another version.
Result<std::string> inspect_file(Disk& disk, const std::string& path);

}  // namespace obelisk
