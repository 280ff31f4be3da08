#pragma once
// A disk in memory that fails on demand, for tests: it runs out of space, refuses chosen operations, and
// loses power. For every file it keeps the synced content and the writes since, for every directory the
// synced entries and the changes since; drop_unsynced() throws a seeded choice of the unsynced away, as a
// machine that loses power does. Thread safe. Nothing here is fast or bounded.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "env/disk.h"

namespace obelisk {

class FaultDisk : public Disk {
 public:
  enum class Failing { once, from_then_on };

  FaultDisk();
  ~FaultDisk() override;

  // Operations that change the disk (writes, syncs, allocations, truncations, creations, renames, removals,
  // directory syncs), counted since the start: a workload run once tells how many fault points it has.
  uint64_t change_count() const;
  // The change after the next `changes` ones fails with `code`, and with from_then_on all later ones too. A
  // failing write leaves a part of its bytes behind; a failing sync leaves what it should have synced
  // unsynced.
  void fail_after(uint64_t changes, ErrorCode code, Failing failing);
  // Only syncs of files are counted and fail.
  void fail_syncs_after(uint64_t syncs, ErrorCode code, Failing failing);
  void stop_failing();
  // Space left for file contents; nullopt: unlimited. A write that does not fit writes what fits, then
  // no_space.
  void set_free_bytes(std::optional<uint64_t> bytes);

  // Power loss and restart. Each unsynced write is kept, dropped, cut at a random byte, or kept in a random
  // choice of its 4 KiB pages; of the unsynced changes of a directory a random first part survives. Files
  // opened before fail with io from now on, locks are gone, failures are off. For where no process of before
  // is left that would open, rename or remove more: else cut_power(), its end, restore_power().
  void drop_unsynced(uint64_t seed);
  // The same, and until restore_power() everything fails with io: what a process still tries that does not
  // know of the loss yet.
  void cut_power(uint64_t seed);
  void restore_power();
  // Flips one bit of the synced and current content: a medium that rots.
  void flip_bit(const std::string& path, uint64_t offset, int bit);

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<void> create_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> link(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<uint64_t> free_bytes() override;
  Result<std::unique_ptr<File>> lock(const std::string& path) override;

 private:
  friend class FaultFile;
  friend class FaultLock;
  struct Inode;
  using Entries = std::map<std::string, std::shared_ptr<Inode>>;
  // One change of a directory: `path` becomes `inode`, or goes when that is null; `gone` goes with it
  // (renames).
  struct EntryChange {
    std::string path;
    std::shared_ptr<Inode> inode;
    std::string gone;
  };
  struct Failure {
    uint64_t after = 0;
    ErrorCode code = ErrorCode::io;
    Failing failing = Failing::once;
  };

  static void apply(Entries& entries, const EntryChange& change);
  static std::optional<Error> hit(std::optional<Failure>& failure, const char* action,
                                  const std::string& path);
  std::optional<Error> fault(const char* action, const std::string& path) REQUIRES(mutex_);
  // Every way to the disk that goes by a path comes by here.
  Result<void> check_access(const char* action, const std::string& path) const REQUIRES(mutex_);
  void change_entry(EntryChange change) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  Entries durable_entries_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<EntryChange>> pending_ GUARDED_BY(mutex_);  // by directory
  std::set<std::string> directories_ GUARDED_BY(mutex_);
  std::set<std::string> locked_ GUARDED_BY(mutex_);
  std::optional<Failure> failure_ GUARDED_BY(mutex_);
  std::optional<Failure> sync_failure_ GUARDED_BY(mutex_);
  std::optional<uint64_t> free_bytes_ GUARDED_BY(mutex_);
  uint64_t change_count_ GUARDED_BY(mutex_) = 0;
  uint64_t generation_ GUARDED_BY(mutex_) = 0;  // counts power losses
  bool is_powered_ GUARDED_BY(mutex_) = true;
  std::mt19937_64 random_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
