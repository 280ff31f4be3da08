#include "pipeline/override_store.h"

#include <fmt/format.h>

#include "base/text.h"
#include "env/file_name.h"

namespace obelisk {
namespace {

constexpr std::string_view kDirectory = "overrides";
constexpr std::string_view kSuffix = ".json";
constexpr std::string_view kHead = R"({"version": ")";
constexpr std::string_view kMiddle = R"(", "limits": )";

std::string path_of(const Tenant& tenant) {
  return fmt::format("{}/{}{}", kDirectory, file_name_of(tenant), kSuffix);
}

std::string file_of(const OverrideStore::Stored& stored) {
  return fmt::format("{}{}{}{}}}\n", kHead, stored.version, kMiddle, stored.text);
}

// The form is ours alone: what stands before and behind the text is always spelled the same.
std::optional<OverrideStore::Stored> parse_file(std::string_view file) {
  if (!file.starts_with(kHead) || !file.ends_with("}\n")) return std::nullopt;
  file.remove_prefix(kHead.size());
  size_t middle = file.find(kMiddle);
  if (middle == std::string_view::npos || !parse_int64(file.substr(0, middle))) return std::nullopt;
  OverrideStore::Stored stored;
  stored.version = file.substr(0, middle);
  file.remove_prefix(middle + kMiddle.size());
  stored.text = file.substr(0, file.size() - 2);
  return stored;
}

}  // namespace

Result<std::unique_ptr<OverrideStore>> OverrideStore::open(Disk& disk, const Clock& clock) {
  std::unique_ptr<OverrideStore> store(new OverrideStore(disk, clock));
  OBELISK_CHECK_OK(store->load());
  return store;
}

Result<void> OverrideStore::load() {
  Result<std::vector<std::string>> files = disk_.list(std::string(kDirectory));
  if (!files.ok()) {
    if (files.error().code == ErrorCode::not_found) return {};
    return files.error();
  }
  MutexLock writing(writing_);
  MutexLock lock(mutex_);
  for (const std::string& name : *files) {
    if (!name.ends_with(kSuffix)) continue;  // a replacement that was cut short
    std::optional<std::string> tenant =
        text_of_file_name(std::string_view(name).substr(0, name.size() - kSuffix.size()));
    if (!tenant) continue;  // nothing of ours
    std::string path = fmt::format("{}/{}", kDirectory, name);
    OBELISK_TRY(std::string text, read_file(disk_, path, kTextBytesMax + 1024));
    std::optional<Stored> stored = parse_file(text);
    if (!stored) return make_error(ErrorCode::corrupt, path + ": no overrides of a tenant");
    last_version_ = std::max(last_version_, *parse_int64(stored->version));
    stored_[*tenant] = std::move(*stored);
  }
  return {};
}

std::vector<Tenant> OverrideStore::tenants() const {
  MutexLock lock(mutex_);
  std::vector<Tenant> names;
  for (const auto& [tenant, stored] : stored_) names.push_back(tenant);
  return names;
}

std::optional<OverrideStore::Stored> OverrideStore::get(const Tenant& tenant) const {
  MutexLock lock(mutex_);
  auto found = stored_.find(tenant);
  if (found == stored_.end()) return std::nullopt;
  return found->second;
}

Result<OverrideStore::Change> OverrideStore::set(const Tenant& tenant, std::string text,
                                                 std::string& version) {
  if (text.size() > kTextBytesMax)
    return make_error(ErrorCode::too_large, fmt::format("overrides are limited to {} bytes", kTextBytesMax));
  MutexLock writing(writing_);
  {
    MutexLock lock(mutex_);
    auto found = stored_.find(tenant);
    if (version != (found == stored_.end() ? kNewVersion : found->second.version))
      return Change::other_version;
    if (found == stored_.end() && stored_.size() >= kTenantsMax)
      return make_error(ErrorCode::too_large, fmt::format("at most {} tenants have overrides", kTenantsMax));
  }
  // The clock, so that a version does not come again after a removal; one more where it stands still.
  last_version_ = std::max(last_version_ + 1, clock_.now().value / 1000);
  Stored stored{std::move(text), std::to_string(last_version_)};
  OBELISK_CHECK_OK(disk_.create_directories(std::string(kDirectory)));
  OBELISK_CHECK_OK(replace_file(disk_, path_of(tenant), file_of(stored)));
  version = stored.version;
  {
    MutexLock lock(mutex_);
    stored_[tenant] = std::move(stored);
  }
  if (changed_) changed_(tenant);
  return Change::done;
}

Result<OverrideStore::Change> OverrideStore::remove(const Tenant& tenant, std::string_view version) {
  MutexLock writing(writing_);
  {
    MutexLock lock(mutex_);
    auto found = stored_.find(tenant);
    if (found == stored_.end()) return Change::missing;
    if (found->second.version != version) return Change::other_version;
  }
  OBELISK_CHECK_OK(disk_.remove(path_of(tenant)));
  OBELISK_CHECK_OK(disk_.sync_directory(std::string(kDirectory)));
  {
    MutexLock lock(mutex_);
    stored_.erase(tenant);
  }
  if (changed_) changed_(tenant);
  return Change::done;
}

}  // namespace obelisk
