#include "rules/rule_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "env/file_name.h"

namespace obelisk::rules {
namespace {

constexpr std::string_view kSuffix = ".yaml";
constexpr uint64_t kFileBytesMax = 16u << 20;

std::string_view root_of(RuleLanguage language) {
  return language == RuleLanguage::traceql ? "trace_rules" : "rules";
}

auto find_group(std::vector<RuleGroup>& groups, const std::string& name) {
  return std::find_if(groups.begin(), groups.end(),
                      [&](const RuleGroup& group) { return group.name == name; });
}

}  // namespace

Result<std::unique_ptr<RuleStore>> RuleStore::open(Disk& disk, RuleLanguage language) {
  std::unique_ptr<RuleStore> store(new RuleStore(disk, language));
  OBELISK_CHECK_OK(store->load());
  return store;
}

std::string RuleStore::directory_of(const Tenant& tenant) const {
  return fmt::format("{}/{}", root_of(language_), file_name_of(tenant));
}

std::string RuleStore::path_of(const Tenant& tenant, const std::string& name_space) const {
  return fmt::format("{}/{}{}", directory_of(tenant), file_name_of(name_space), kSuffix);
}

Result<void> RuleStore::load() {
  MutexLock lock(mutex_);
  Result<std::vector<std::string>> directories = disk_.list(std::string(root_of(language_)));
  if (!directories.ok()) {
    if (directories.error().code == ErrorCode::not_found) return {};
    return directories.error();
  }
  for (const std::string& directory : *directories) OBELISK_CHECK_OK(load_tenant(directory));
  return {};
}

Result<void> RuleStore::load_tenant(const std::string& directory) {
  std::optional<std::string> tenant = text_of_file_name(directory);
  if (!tenant) return {};  // nothing of ours
  std::string path = fmt::format("{}/{}", root_of(language_), directory);
  OBELISK_TRY(std::vector<std::string> files, disk_.list(path));
  for (const std::string& file : files) {
    if (!file.ends_with(kSuffix)) continue;
    std::optional<std::string> name_space =
        text_of_file_name(std::string_view(file).substr(0, file.size() - kSuffix.size()));
    if (!name_space) continue;
    OBELISK_TRY(std::string text, read_file(disk_, path + "/" + file, kFileBytesMax));
    OBELISK_TRY(std::vector<RuleGroup> groups, parse_rule_file(text, path + "/" + file, language_));
    for (RuleGroup& group : groups) {
      group.tenant = *tenant;
      group.file = *name_space;
    }
    tenants_[*tenant][*name_space] = std::move(groups);
  }
  return {};
}

void RuleStore::on_change(std::function<void()> changed) {
  changed_ = std::move(changed);
}

void RuleStore::notify() {
  if (changed_) changed_();
}

std::vector<RuleGroup> RuleStore::all_groups() const {
  MutexLock lock(mutex_);
  std::vector<RuleGroup> all;
  for (const auto& [tenant, namespaces] : tenants_) {
    for (const auto& [name, groups] : namespaces) all.insert(all.end(), groups.begin(), groups.end());
  }
  return all;
}

RuleStore::Namespaces RuleStore::namespaces(const Tenant& tenant) const {
  MutexLock lock(mutex_);
  auto found = tenants_.find(tenant);
  return found == tenants_.end() ? Namespaces() : found->second;
}

Result<void> RuleStore::save(const Tenant& tenant, const std::string& name_space,
                             const std::vector<RuleGroup>& groups) {
  std::string path = path_of(tenant, name_space);
  if (groups.empty()) {
    OBELISK_CHECK_OK(disk_.remove(path));
    return disk_.sync_directory(directory_of(tenant));
  }
  std::string text = "groups:\n";
  for (const RuleGroup& group : groups) {
    std::string one = format_rule_group(group, "  ");
    one[0] = '-';
    text += one;
  }
  if (text.size() > kFileBytesMax)
    return make_error(ErrorCode::too_large, "the rules of a namespace take more than 16 MiB");
  OBELISK_CHECK_OK(disk_.create_directories(directory_of(tenant)));
  return replace_file(disk_, path, text);
}

Result<void> RuleStore::set_group(const Tenant& tenant, const std::string& name_space, RuleGroup group) {
  if (name_space.empty() || name_space.size() > kNamespaceBytesMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("a namespace has 1 to {} bytes", kNamespaceBytesMax));
  }
  group.tenant = tenant;
  group.file = name_space;
  {
    MutexLock lock(mutex_);
    Namespaces& namespaces = tenants_[tenant];
    auto found = namespaces.find(name_space);
    if (found == namespaces.end() && namespaces.size() == kNamespacesMax)
      return make_error(ErrorCode::invalid_argument, fmt::format("at most {} namespaces", kNamespacesMax));
    std::vector<RuleGroup> groups = found == namespaces.end() ? std::vector<RuleGroup>() : found->second;
    auto same = find_group(groups, group.name);
    if (same != groups.end())
      *same = std::move(group);
    else if (groups.size() == kGroupsMax)
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("at most {} groups in a namespace", kGroupsMax));
    else
      groups.push_back(std::move(group));
    OBELISK_CHECK_OK(save(tenant, name_space, groups));
    namespaces[name_space] = std::move(groups);
  }
  notify();
  return {};
}

Result<void> RuleStore::remove_group(const Tenant& tenant, const std::string& name_space,
                                     const std::string& group) {
  {
    MutexLock lock(mutex_);
    Namespaces& namespaces = tenants_[tenant];
    auto found = namespaces.find(name_space);
    if (found == namespaces.end()) return make_error(ErrorCode::not_found, "group does not exist");
    std::vector<RuleGroup> groups = found->second;
    auto same = find_group(groups, group);
    if (same == groups.end()) return make_error(ErrorCode::not_found, "group does not exist");
    groups.erase(same);
    OBELISK_CHECK_OK(save(tenant, name_space, groups));
    if (groups.empty())
      namespaces.erase(found);
    else
      found->second = std::move(groups);
  }
  notify();
  return {};
}

Result<void> RuleStore::remove_namespace(const Tenant& tenant, const std::string& name_space) {
  {
    MutexLock lock(mutex_);
    Namespaces& namespaces = tenants_[tenant];
    auto found = namespaces.find(name_space);
    if (found == namespaces.end()) return make_error(ErrorCode::not_found, "no rule groups found");
    OBELISK_CHECK_OK(save(tenant, name_space, {}));
    namespaces.erase(found);
  }
  notify();
  return {};
}

}  // namespace obelisk::rules
