#pragma once
// Settings of single tenants that came by an API, kept on disk: a text of at most kTextBytesMax bytes a
// tenant, with a version that changes with every change and never comes again, so that who writes can say
// what it has seen.
//
//   overrides/<tenant>.json     {"version": "1700000000000000", "limits": TEXT}
//
// A file that cannot be read at the start is an error. Thread safe; changes are made one after another, and
// are durable when the call returns. Bounds: kTenantsMax tenants.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "env/clock.h"
#include "env/disk.h"
#include "model/tenant.h"

namespace obelisk {

class OverrideStore {
 public:
  static constexpr size_t kTextBytesMax = 1 << 20;
  static constexpr size_t kTenantsMax =
      1000;  // each has series of its own, up to the limits of derived_series.h
  static constexpr std::string_view kNewVersion = "0";  // of what is not there yet

  struct Stored {
    std::string text;  // JSON
    std::string version;
  };
  // What became of a change: done, or not, since another version stands there or none.
  enum class Change : uint8_t { done, other_version, missing };

  // Reads what is there. Disk and clock must outlive the store.
  static Result<std::unique_ptr<OverrideStore>> open(Disk& disk, const Clock& clock);

  // Called with the tenant after every change, in the order of the changes. Set before the first one.
  void on_change(std::function<void(const Tenant&)> changed) { changed_ = std::move(changed); }
  std::vector<Tenant> tenants() const;
  std::optional<Stored> get(const Tenant& tenant) const;
  // `text` must be JSON. `version` is the one that is to be replaced; filled with the new one.
  Result<Change> set(const Tenant& tenant, std::string text, std::string& version);
  Result<Change> remove(const Tenant& tenant, std::string_view version);

 private:
  OverrideStore(Disk& disk, const Clock& clock) : disk_(disk), clock_(clock) {}
  Result<void> load();

  Disk& disk_;
  const Clock& clock_;
  std::function<void(const Tenant&)> changed_;
  Mutex writing_;  // one change at a time; taken before mutex_
  mutable Mutex mutex_;
  std::map<Tenant, Stored> stored_ GUARDED_BY(mutex_);
  int64_t last_version_ GUARDED_BY(writing_) = 0;
};

}  // namespace obelisk
