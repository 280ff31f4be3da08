#pragma once
// Tells the disk how a file will be read, where it is a real one. Thread safe.
#include <cstddef>
#include <cstdint>

namespace obelisk {

class File;

// These bytes are about to be read, and what follows them is not: they are asked for at once, and the disk
// does not read on (which may be megabytes).
void hint_lone_read(const File& file, uint64_t offset, size_t length);

}  // namespace obelisk
