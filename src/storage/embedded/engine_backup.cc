// A backup: the parts that the manifest names, linked into a directory of their own with a manifest that says
// that no log is needed.
#include <fmt/format.h>

#include <set>

#include "storage/embedded/engine_tenant.h"

namespace obelisk {

Result<void> Engine::backup(const std::string& directory) {
  OBELISK_TRY(bool exists, disk_.exists(directory));
  if (exists || directory.empty())
    return make_error(ErrorCode::invalid_argument, fmt::format("backup: {} exists already", directory));
  OBELISK_CHECK_OK(flush());
  MutexLock lock(merge_mutex_);  // nothing removes parts meanwhile
  Manifest manifest;
  {
    MutexLock manifest_lock(manifest_mutex_);
    manifest = manifest_;
  }
  manifest.log_from = manifest.last_sequence;
  Result<void> linked = link_backup(manifest, directory);
  if (!linked.ok()) (void)disk_.remove(directory).ok();
  return linked;
}

Result<void> Engine::link_backup(const Manifest& manifest, const std::string& directory) {
  std::set<std::string> directories;
  auto link = [&](const std::string& path) -> Result<void> {
    std::string target = directory + "/" + path;
    if (directories.insert(parent_directory(target)).second)
      OBELISK_CHECK_OK(disk_.create_directories(parent_directory(target)));
    return disk_.link(path, target);
  };
  for (const auto& [name, tenant] : manifest.tenants) {
    std::string of_tenant = tenant_directory(name);
    for (const std::string& part : tenant.event_parts) OBELISK_CHECK_OK(link(of_tenant + "/events/" + part));
    for (const std::string& part : tenant.metric_parts)
      OBELISK_CHECK_OK(link(of_tenant + "/metrics/" + part));
    for (const std::string& part : tenant.tier_parts) OBELISK_CHECK_OK(link(of_tenant + "/tiers/" + part));
  }
  for (const std::string& linked : directories) OBELISK_CHECK_OK(disk_.sync_directory(linked));
  OBELISK_CHECK_OK(disk_.create_directories(directory));
  return replace_file(disk_, directory + "/" + std::string(kManifestFile), encode_manifest(manifest));
}

}  // namespace obelisk
