#pragma once
// Rule groups that came by an API, kept on disk: a file for every tenant and namespace, replaced atomically.
// Namespaces are free texts of at most kNamespaceBytesMax bytes; in file names every byte that is no letter
// or digit stands as %XX, so that no name leaves the directory.
//
//   rules/<tenant>/<namespace>.yaml            {groups: [...]}, as a rule file of Loki
//   trace_rules/<tenant>/<namespace>.yaml      the same of rules in TraceQL
//
// A file that cannot be read at the start is an error: rules that are silently not evaluated would be worse
// than a start that says why. Thread safe. Bounds: kNamespacesMax namespaces a tenant, kGroupsMax groups
// each.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "env/disk.h"
#include "rules/rule_file.h"

namespace obelisk::rules {

class RuleStore {
 public:
  static constexpr size_t kNamespaceBytesMax = 80;  // three times that is a file name
  static constexpr size_t kNamespacesMax = 1000;
  static constexpr size_t kGroupsMax = 1000;
  using Namespaces = std::map<std::string, std::vector<RuleGroup>>;

  // Reads what is there. `disk` must outlive the store.
  static Result<std::unique_ptr<RuleStore>> open(Disk& disk, RuleLanguage language);

  // Called after every change, with all groups of all tenants.
  void on_change(std::function<void()> changed);
  std::vector<RuleGroup> all_groups() const;

  Namespaces namespaces(const Tenant& tenant) const;
  // Adds the group to the namespace, or replaces the one of that name. Durable when it returns.
  Result<void> set_group(const Tenant& tenant, const std::string& name_space, RuleGroup group);
  // not_found when there is no such namespace or group.
  Result<void> remove_group(const Tenant& tenant, const std::string& name_space, const std::string& group);
  Result<void> remove_namespace(const Tenant& tenant, const std::string& name_space);

 private:
  RuleStore(Disk& disk, RuleLanguage language) : disk_(disk), language_(language) {}
  std::string directory_of(const Tenant& tenant) const;
  std::string path_of(const Tenant& tenant, const std::string& name_space) const;
  Result<void> load();
  Result<void> load_tenant(const std::string& directory);
  // Writes the namespace as `groups`, or removes its file when there are none.
  Result<void> save(const Tenant& tenant, const std::string& name_space,
                    const std::vector<RuleGroup>& groups);
  void notify();

  Disk& disk_;
  const RuleLanguage language_;
  mutable Mutex mutex_;
  std::map<Tenant, Namespaces> tenants_ GUARDED_BY(mutex_);
  std::function<void()> changed_;
};

}  // namespace obelisk::rules
