#include "env/disk.h"

#include <fmt/format.h>

namespace obelisk {

Result<void> check_disk_path(const std::string& path) {
  auto refuse = [&](const char* why) {
    return make_error(ErrorCode::invalid_argument, fmt::format("disk path \"{}\": {}", path, why));
  };
  if (path.find('\0') != std::string::npos) return refuse("contains a zero byte");
  if (!path.empty() && path[0] == '/') return refuse("is absolute");
  size_t start = 0;
  while (start < path.size()) {
    size_t end = path.find('/', start);
    if (end == std::string::npos) end = path.size();
    if (std::string_view(path).substr(start, end - start) == "..") return refuse("leaves the data directory");
    start = end + 1;
  }
  return {};
}

std::string parent_directory(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

Result<std::string> read_file(Disk& disk, const std::string& path, uint64_t bytes_max) {
  OBELISK_TRY(std::unique_ptr<File> file, disk.open(path, Disk::Mode::read));
  OBELISK_TRY(uint64_t size, file->size());
  if (size > bytes_max) {
    return make_error(ErrorCode::too_large,
                      fmt::format("{} has {} bytes, more than {}", path, size, bytes_max));
  }
  std::string content(size, '\0');
  OBELISK_CHECK_OK(file->read_at(0, size, content.data()));
  return content;
}

Result<void> replace_file(Disk& disk, const std::string& path, std::string_view bytes) {
  std::string fresh = path + ".new";
  OBELISK_CHECK_OK(disk.remove(fresh));
  {
    OBELISK_TRY(std::unique_ptr<File> file, disk.open(fresh, Disk::Mode::create_new));
    OBELISK_CHECK_OK(file->write_at(0, bytes));
    OBELISK_CHECK_OK(file->sync());
  }
  OBELISK_CHECK_OK(disk.rename(fresh, path));
  return disk.sync_directory(parent_directory(path));
}

}  // namespace obelisk
