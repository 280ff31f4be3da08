#pragma once
// An event part as text: its directory, and every chunk, label table and trace-index block read and checked.
#include <string>

#include "env/disk.h"

namespace obelisk {

// Damage is part of the text, at the place where it was found; an error only when the directory cannot be
// read.
Result<std::string> inspect_event_part(Disk& disk, const std::string& path);

}  // namespace obelisk
