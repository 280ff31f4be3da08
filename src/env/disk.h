#pragma once
// The disk as a seam: the engine reads and writes only through these calls, so that a test can run out of
// space, fail a sync, or lose every byte that was not synced. Paths are relative to the disk's root and use
// '/'. The root itself is the empty path; absolute paths and paths with a `..` component are refused. A Disk
// is thread safe; a File's writes belong to one thread at a time, its reads to any number.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

class File {
 public:
  virtual ~File() = default;
  virtual Result<void> write_at(uint64_t offset, std::string_view bytes) = 0;
  // Exactly `length` bytes, or io ("short read") when the file is shorter.
  virtual Result<void> read_at(uint64_t offset, size_t length, char* out) const = 0;
  virtual Result<uint64_t> size() const = 0;
  // Durable contents, and the file's size when it grew (fdatasync).
  virtual Result<void> sync() = 0;
  // Reserves space so that later writes below `size` neither fail for space nor change the file's length.
  virtual Result<void> allocate(uint64_t size) = 0;
  virtual Result<void> truncate(uint64_t size) = 0;
};

class Disk {
 public:
  enum class Mode { read, create_new, open_existing };
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) = 0;
  // With all parents, durable when it returns. Not an error when it exists.
  virtual Result<void> create_directories(const std::string& path) = 0;
  // Names (not paths) in a directory, sorted; not_found when there is none.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A second name for a file; both lead to the same bytes until one is removed. Durable like a creation.
  virtual Result<void> link(const std::string& from, const std::string& to) = 0;
  // Removes a file, or a directory with everything in it; not an error when it is gone already.
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Makes creations, renames and removals in a directory durable.
  virtual Result<void> sync_directory(const std::string& path) = 0;
  virtual Result<uint64_t> free_bytes() = 0;
  // Creates the file when missing and holds an exclusive lock on it for as long as the File lives;
  // unavailable when another holder, in this process or another, has it.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
};

// The real disk below `root`, which is created when missing.
Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& root);

// What every Disk asks of a path (see above); invalid_argument otherwise.
Result<void> check_disk_path(const std::string& path);
// "a/b" of "a/b/c"; empty for a name directly below the root.
std::string parent_directory(const std::string& path);

// The whole of a file; too_large over `bytes_max`.
Result<std::string> read_file(Disk& disk, const std::string& path, uint64_t bytes_max);
// Writes path.new, syncs it, renames it over path, syncs the directory: afterwards the old or the new content
// stands.
Result<void> replace_file(Disk& disk, const std::string& path, std::string_view bytes);

}  // namespace obelisk
