#pragma once
// Finds the conformance files that lie beside the repository (tests only). A test that needs them is skipped
// without.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace obelisk {

// The folder `relative` of the shared files; nullopt when it is absent.
inline std::optional<std::filesystem::path> shared_folder(const std::string& relative) {
  const char* named = std::getenv("OBELISK_SHARED");
  std::filesystem::path root = named != nullptr ? named : "../shared";
  std::filesystem::path path = root / relative;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

inline std::string read_whole_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace obelisk
