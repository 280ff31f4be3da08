#pragma once
// Tells the disk how a file will be read, and asks it what it has at hand, where it is a real one. Thread
// safe.
#include <cstddef>
#include <cstdint>

namespace obelisk {

class File;

// These bytes are about to be read: the disk begins to, nobody waits, and what follows them (which may be
// megabytes) is not read as well.
void hint_soon_read(const File& file, uint64_t offset, size_t length);

// All reads of the file are of scattered pieces: the disk never reads on.
void hint_scattered_reads(const File& file);

// Reads as many of these bytes, from the first on, as are in memory, and says how many that were: 0 where
// that cannot be told. Of the others the disk begins to read what it can.
size_t read_from_memory(const File& file, uint64_t offset, size_t length, char* out);

}  // namespace obelisk
