// The real disk: every call is one system call with EINTR and short transfers handled, errno turned into an
// Error that names the file.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/assert.h"
#include "env/block_writer.h"
#include "env/disk.h"
#include "env/read_hint.h"

namespace obelisk {
namespace {

Error error_of(const char* action, const std::string& path, int code) {
  char text[128];
  const char* message = strerror_r(code, text, sizeof text);
  ErrorCode kind = ErrorCode::io;
  if (code == ENOSPC || code == EDQUOT) kind = ErrorCode::no_space;
  if (code == ENOENT || code == ENOTDIR) kind = ErrorCode::not_found;
  return make_error(kind, fmt::format("{} {}: {}", action, path, message));
}

class PosixFile : public File, public BlockWriter {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override {
    ::close(descriptor_);
    if (direct_ >= 0) ::close(direct_);
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    return write_all(descriptor_, offset, bytes);
  }

  Result<void> write_blocks(uint64_t offset, std::string_view blocks) override {
    OBELISK_ASSERT((offset | blocks.size() | reinterpret_cast<uintptr_t>(blocks.data())) % kBlockBytes == 0);
    if (direct_ == kNotTried) {
      direct_ = ::open(fmt::format("/proc/self/fd/{}", descriptor_).c_str(),
                       O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
    }
    if (direct_ < 0) return make_error(ErrorCode::unsupported, "direct writing of " + path_);
    return write_all(direct_, offset, blocks);
  }

  bool blocks_are_durable() const override { return true; }

  Result<void> read_at(uint64_t offset, size_t length, char* out) const override {
    while (length > 0) {
      ssize_t got = ::pread(descriptor_, out, length, static_cast<off_t>(offset));
      if (got < 0) {
        if (errno == EINTR) continue;
        return error_of("read", path_, errno);
      }
      if (got == 0) {
        return make_error(ErrorCode::io, fmt::format("read {}: short read, {} bytes missing at offset {}",
                                                     path_, length, offset));
      }
      offset += static_cast<uint64_t>(got);
      out += got;
      length -= static_cast<size_t>(got);
    }
    return {};
  }

  void advise(uint64_t offset, size_t length, int advice) const {
    ::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(length), advice);
  }

  size_t read_from_memory(uint64_t offset, size_t length, char* out) const {
    iovec piece{out, length};
    ssize_t got = ::preadv2(descriptor_, &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

  Result<uint64_t> size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return error_of("stat", path_, errno);
    return static_cast<uint64_t>(status.st_size);
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return error_of("fdatasync", path_, errno);
    return {};
  }

  Result<void> allocate(uint64_t size) override {
    int code = 0;
    do {
      code = ::fallocate(descriptor_, 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
    } while (code == EINTR);
    if (code == EOPNOTSUPP || code == ENOSYS) return allocate_by_writing(size);
    if (code != 0) return error_of("fallocate", path_, code);
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return error_of("truncate", path_, errno);
    return {};
  }

 private:
  static constexpr int kNotTried = -2;

  Result<void> write_all(int descriptor, uint64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        // A file system that opens files for direct writing and then refuses blocks of this size.
        if (descriptor == direct_ && errno == EINVAL)
          return make_error(ErrorCode::unsupported, "direct writing of " + path_);
        return error_of("write", path_, errno);
      }
      offset += static_cast<uint64_t>(written);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  // File systems without fallocate: zeros beyond the present end take the space.
  Result<void> allocate_by_writing(uint64_t size) {
    OBELISK_TRY(uint64_t at, this->size());
    const std::string zeros(64 * 1024, '\0');
    while (at < size) {
      size_t length = static_cast<size_t>(std::min<uint64_t>(zeros.size(), size - at));
      OBELISK_CHECK_OK(write_at(at, std::string_view(zeros).substr(0, length)));
      at += length;
    }
    return {};
  }

  const int descriptor_;
  const std::string path_;
  int direct_ = kNotTried;  // for write_blocks; -1 where that is not possible
};

class PosixDisk : public Disk {
 public:
  explicit PosixDisk(std::string root) : root_(std::move(root)) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    int flags = O_CLOEXEC;
    switch (mode) {
      case Mode::read:
        flags |= O_RDONLY;
        break;
      case Mode::create_new:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
      case Mode::open_existing:
        flags |= O_RDWR;
        break;
    }
    int descriptor = ::open(full(path).c_str(), flags, 0640);
    if (descriptor < 0) return error_of("open", path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
  }

  Result<void> create_directories(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    size_t end = 0;
    while (end < path.size()) {
      end = path.find('/', end + 1);
      if (end == std::string::npos) end = path.size();
      std::string part = path.substr(0, end);
      if (::mkdir(full(part).c_str(), 0750) != 0) {
        if (errno == EEXIST) continue;
        return error_of("mkdir", part, errno);
      }
      OBELISK_CHECK_OK(sync_directory(parent_directory(part)));
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    DIR* directory = ::opendir(full(path).c_str());
    if (directory == nullptr) return error_of("list", path, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    int code = errno;
    ::closedir(directory);
    if (code != 0) return error_of("list", path, code);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    OBELISK_CHECK_OK(check_disk_path(from));
    OBELISK_CHECK_OK(check_disk_path(to));
    if (::rename(full(from).c_str(), full(to).c_str()) != 0) return error_of("rename", from, errno);
    return {};
  }

  Result<void> link(const std::string& from, const std::string& to) override {
    OBELISK_CHECK_OK(check_disk_path(from));
    OBELISK_CHECK_OK(check_disk_path(to));
    if (::link(full(from).c_str(), full(to).c_str()) != 0) return error_of("link", to, errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    if (path.empty())
      return make_error(ErrorCode::invalid_argument, "the data directory itself is not removed");
    return remove_tree(path, 0);
  }

  Result<bool> exists(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    struct stat status {};
    if (::lstat(full(path).c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return error_of("stat", path, errno);
  }

  Result<void> sync_directory(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    int descriptor = ::open(full(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return error_of("open", path, errno);
    int code = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (code != 0) return error_of("fsync", path, code);
    return {};
  }

  Result<uint64_t> free_bytes() override {
    struct statvfs status {};
    if (::statvfs(root_.c_str(), &status) != 0) return error_of("statvfs", root_, errno);
    return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
  }

  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    OBELISK_CHECK_OK(check_disk_path(path));
    int descriptor = ::open(full(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) return error_of("open", path, errno);
    auto file = std::make_unique<PosixFile>(descriptor, path);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return error_of("lock", path, errno);
      return make_error(
          ErrorCode::unavailable,
          fmt::format("{}/{} is locked: another server uses this data directory; stop it, or choose another",
                      root_, path));
    }
    return std::unique_ptr<File>(std::move(file));
  }

 private:
  static constexpr int kDepthMax = 32;  // our trees are seven levels deep

  std::string full(const std::string& path) const { return path.empty() ? root_ : root_ + "/" + path; }

  Result<void> remove_tree(const std::string& path, int depth) {
    if (depth > kDepthMax)
      return make_error(ErrorCode::io, fmt::format("remove {}: more than {} levels deep", path, kDepthMax));
    struct stat status {};
    if (::lstat(full(path).c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      return error_of("stat", path, errno);
    }
    if (!S_ISDIR(status.st_mode)) {
      if (::unlink(full(path).c_str()) != 0 && errno != ENOENT) return error_of("remove", path, errno);
      return {};
    }
    OBELISK_TRY(std::vector<std::string> names, list(path));
    for (const std::string& name : names)
      OBELISK_CHECK_OK(remove_tree(fmt::format("{}/{}", path, name), depth + 1));
    if (::rmdir(full(path).c_str()) != 0 && errno != ENOENT) return error_of("remove", path, errno);
    return {};
  }

  const std::string root_;
};

}  // namespace

void hint_scattered_reads(const File& file) {
  if (auto* real = dynamic_cast<const PosixFile*>(&file)) real->advise(0, 0, POSIX_FADV_RANDOM);
}

void hint_soon_read(const File& file, uint64_t offset, size_t length) {
  if (auto* real = dynamic_cast<const PosixFile*>(&file)) real->advise(offset, length, POSIX_FADV_WILLNEED);
}

size_t read_from_memory(const File& file, uint64_t offset, size_t length, char* out) {
  auto* real = dynamic_cast<const PosixFile*>(&file);
  return real == nullptr ? 0 : real->read_from_memory(offset, length, out);
}

Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& root) {
  if (root.empty()) return make_error(ErrorCode::invalid_argument, "the data directory has no name");
  for (size_t end = root.find('/', 1);; end = root.find('/', end + 1)) {
    std::string part = root.substr(0, end);
    if (::mkdir(part.c_str(), 0750) != 0 && errno != EEXIST) return error_of("mkdir", part, errno);
    if (end == std::string::npos) break;
  }
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0) return error_of("stat", root, errno);
  if (!S_ISDIR(status.st_mode)) return make_error(ErrorCode::io, fmt::format("{} is not a directory", root));
  return std::unique_ptr<Disk>(std::make_unique<PosixDisk>(root));
}

}  // namespace obelisk
