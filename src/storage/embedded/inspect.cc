#include "storage/embedded/inspect.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/embedded/events/event_part_inspect.h"
#include "storage/embedded/manifest.h"
#include "storage/embedded/metrics/metric_inspect.h"
#include "storage/embedded/wal/log_inspect.h"

namespace obelisk {
namespace {

constexpr uint64_t kManifestBytesMax = 256ull << 20;

Result<std::string> inspect_manifest(Disk& disk, const std::string& path) {
  OBELISK_TRY(std::string bytes, read_file(disk, path, kManifestBytesMax));
  OBELISK_TRY(Manifest manifest, parse_manifest(bytes));
  std::string out = fmt::format("manifest, {} bytes\nlog needed after request {}, last request {}\n",
                                bytes.size(), manifest.log_from, manifest.last_sequence);
  for (const auto& [name, tenant] : manifest.tenants) {
    out += fmt::format("tenant {} in {}: events through request {}, metrics through request {}\n", name,
                       tenant_directory(name), tenant.events_through, tenant.metrics_through);
    for (const std::string& part : tenant.event_parts) out += fmt::format("  events/{}\n", part);
    for (const std::string& part : tenant.metric_parts) out += fmt::format("  metrics/{}\n", part);
    for (const std::string& part : tenant.tier_parts) out += fmt::format("  tiers/{}\n", part);
  }
  return out;
}

}  // namespace

Result<std::string> inspect_file(Disk& disk, const std::string& path) {
  std::string magic(8, '\0');
  {
    OBELISK_TRY(std::unique_ptr<File> file, disk.open(path, Disk::Mode::read));
    OBELISK_TRY(uint64_t size, file->size());
    OBELISK_CHECK_OK(file->read_at(0, std::min<uint64_t>(size, magic.size()), magic.data()));
  }
  if (magic == "OBLKWAL\n") return inspect_log_segment(disk, path);
  if (magic == "OBLKEVT\n") return inspect_event_part(disk, path);
  if (magic == "OBLKMAN\n") return inspect_manifest(disk, path);
  if (magic == "OBKMETRP") {
    std::string directory = parent_directory(path);
    return inspect_metric_part(disk, directory.empty() ? "." : directory,
                               directory.empty() ? path : path.substr(directory.size() + 1));
  }
  return make_error(
      ErrorCode::corrupt,
      fmt::format("{}: not a file of this store (it begins with none of the known marks)", path));
}

}  // namespace obelisk
