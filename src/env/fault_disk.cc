#include "env/fault_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "env/block_writer.h"

namespace obelisk {
namespace {

constexpr size_t kPageBytes = 4096;

struct Change {
  enum class Kind { write, resize } kind = Kind::write;
  uint64_t at = 0;  // offset of a write, new size of a resize
  std::string bytes;
};

void write_into(std::string& content, uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  if (!bytes.empty()) std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

void apply_change(std::string& content, const Change& change) {
  if (change.kind == Change::Kind::resize) {
    content.resize(change.at);
  } else {
    write_into(content, change.at, change.bytes);
  }
}

// What power loss leaves of one unsynced change.
void apply_remains(std::string& content, const Change& change, std::mt19937_64& random) {
  uint64_t fate = random() % 4;
  if (fate == 0) return;
  if (fate == 1 || change.kind == Change::Kind::resize) return apply_change(content, change);
  std::string_view bytes = change.bytes;
  if (fate == 2) return write_into(content, change.at, bytes.substr(0, random() % (bytes.size() + 1)));
  for (size_t at = 0; at < bytes.size();) {
    size_t length = std::min<size_t>(bytes.size() - at, kPageBytes - (change.at + at) % kPageBytes);
    if (random() % 2 == 0) write_into(content, change.at + at, bytes.substr(at, length));
    at += length;
  }
}

}  // namespace

struct FaultDisk::Inode {
  std::string content;
  std::string synced;
  std::vector<Change> unsynced;

  void change(Change change) {
    apply_change(content, change);
    unsynced.push_back(std::move(change));
  }
};

class FaultFile : public File, public BlockWriter {
 public:
  FaultFile(FaultDisk& disk, std::shared_ptr<FaultDisk::Inode> inode, std::string path, uint64_t generation)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), generation_(generation) {}

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    if (auto error = disk_.fault("write", path_)) {
      size_t left = bytes.empty() ? 0 : disk_.random_() % bytes.size();
      if (left > 0) inode_->change({Change::Kind::write, offset, std::string(bytes.substr(0, left))});
      return *error;
    }
    uint64_t grown =
        offset + bytes.size() > inode_->content.size() ? offset + bytes.size() - inode_->content.size() : 0;
    if (disk_.free_bytes_ && grown > *disk_.free_bytes_) {
      uint64_t fits = inode_->content.size() + *disk_.free_bytes_;
      if (fits > offset) {
        disk_.free_bytes_ = 0;
        inode_->change({Change::Kind::write, offset, std::string(bytes.substr(0, fits - offset))});
      }
      return make_error(ErrorCode::no_space, fmt::format("write {}: no space left (simulated)", path_));
    }
    if (disk_.free_bytes_) *disk_.free_bytes_ -= grown;
    inode_->change({Change::Kind::write, offset, std::string(bytes)});
    return {};
  }

  // Kept by the next sync, so that both can fail.
  Result<void> write_blocks(uint64_t offset, std::string_view blocks) override {
    OBELISK_ASSERT((offset | blocks.size() | reinterpret_cast<uintptr_t>(blocks.data())) % kBlockBytes == 0);
    return write_at(offset, blocks);
  }
  bool blocks_are_durable() const override { return false; }

  Result<void> read_at(uint64_t offset, size_t length, char* out) const override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    if (offset > inode_->content.size() || length > inode_->content.size() - offset) {
      return make_error(ErrorCode::io, fmt::format("read {}: short read at offset {}", path_, offset));
    }
    if (length > 0) std::memcpy(out, inode_->content.data() + offset, length);
    return {};
  }

  Result<uint64_t> size() const override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    return static_cast<uint64_t>(inode_->content.size());
  }

  Result<void> sync() override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    if (auto error = disk_.fault("sync", path_)) return *error;
    if (auto error = FaultDisk::hit(disk_.sync_failure_, "sync", path_)) return *error;
    for (const Change& change : inode_->unsynced) apply_change(inode_->synced, change);
    inode_->unsynced.clear();
    return {};
  }

  Result<void> allocate(uint64_t size) override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    if (auto error = disk_.fault("allocate", path_)) return *error;
    if (size <= inode_->content.size()) return {};
    uint64_t grown = size - inode_->content.size();
    if (disk_.free_bytes_ && grown > *disk_.free_bytes_) {
      return make_error(ErrorCode::no_space, fmt::format("allocate {}: no space left (simulated)", path_));
    }
    if (disk_.free_bytes_) *disk_.free_bytes_ -= grown;
    inode_->change({Change::Kind::resize, size, {}});
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    MutexLock lock(disk_.mutex_);
    OBELISK_CHECK_OK(check_alive());
    if (auto error = disk_.fault("truncate", path_)) return *error;
    if (disk_.free_bytes_ && size < inode_->content.size())
      *disk_.free_bytes_ += inode_->content.size() - size;
    inode_->change({Change::Kind::resize, size, {}});
    return {};
  }

 private:
  Result<void> check_alive() const REQUIRES(disk_.mutex_) {
    if (generation_ == disk_.generation_) return {};
    return make_error(ErrorCode::io, fmt::format("{}: the machine lost power (simulated)", path_));
  }

  FaultDisk& disk_;
  const std::shared_ptr<FaultDisk::Inode> inode_;
  const std::string path_;
  const uint64_t generation_;
};

class FaultLock : public File {
 public:
  FaultLock(FaultDisk& disk, std::string path, uint64_t generation)
      : disk_(disk), path_(std::move(path)), generation_(generation) {}
  ~FaultLock() override {
    MutexLock lock(disk_.mutex_);
    if (generation_ == disk_.generation_) disk_.locked_.erase(path_);
  }
  Result<void> write_at(uint64_t, std::string_view) override { return refuse(); }
  Result<void> read_at(uint64_t, size_t, char*) const override { return refuse(); }
  Result<uint64_t> size() const override { return uint64_t{0}; }
  Result<void> sync() override { return {}; }
  Result<void> allocate(uint64_t) override { return refuse(); }
  Result<void> truncate(uint64_t) override { return refuse(); }

 private:
  static Error refuse() { return make_error(ErrorCode::unsupported, "a lock file holds nothing"); }

  FaultDisk& disk_;
  const std::string path_;
  const uint64_t generation_;
};

FaultDisk::FaultDisk() {
  directories_.insert("");
}
FaultDisk::~FaultDisk() = default;

uint64_t FaultDisk::change_count() const {
  MutexLock lock(mutex_);
  return change_count_;
}

void FaultDisk::fail_after(uint64_t changes, ErrorCode code, Failing failing) {
  MutexLock lock(mutex_);
  failure_ = Failure{changes, code, failing};
}

void FaultDisk::fail_syncs_after(uint64_t syncs, ErrorCode code, Failing failing) {
  MutexLock lock(mutex_);
  sync_failure_ = Failure{syncs, code, failing};
}

void FaultDisk::stop_failing() {
  MutexLock lock(mutex_);
  failure_.reset();
  sync_failure_.reset();
}

void FaultDisk::set_free_bytes(std::optional<uint64_t> bytes) {
  MutexLock lock(mutex_);
  free_bytes_ = bytes;
}

std::optional<Error> FaultDisk::hit(std::optional<Failure>& failure, const char* action,
                                    const std::string& path) {
  if (!failure) return std::nullopt;
  if (failure->after > 0) {
    --failure->after;
    return std::nullopt;
  }
  Error error = make_error(failure->code, fmt::format("{} {}: simulated failure", action, path));
  if (failure->failing == Failing::once) failure.reset();
  return error;
}

std::optional<Error> FaultDisk::fault(const char* action, const std::string& path) {
  ++change_count_;
  return hit(failure_, action, path);
}

void FaultDisk::apply(Entries& entries, const EntryChange& change) {
  if (!change.gone.empty()) entries.erase(change.gone);
  if (change.inode) {
    entries[change.path] = change.inode;
  } else {
    entries.erase(change.path);
  }
}

void FaultDisk::change_entry(EntryChange change) {
  apply(entries_, change);
  std::string directory = parent_directory(change.path);
  pending_[directory].push_back(std::move(change));
}

void FaultDisk::drop_unsynced(uint64_t seed) {
  cut_power(seed);
  restore_power();
}

void FaultDisk::restore_power() {
  MutexLock lock(mutex_);
  is_powered_ = true;
}

Result<void> FaultDisk::check_access(const char* action, const std::string& path) const {
  OBELISK_CHECK_OK(check_disk_path(path));
  if (is_powered_) return {};
  return make_error(ErrorCode::io, fmt::format("{} {}: the machine lost power (simulated)", action, path));
}

void FaultDisk::cut_power(uint64_t seed) {
  MutexLock lock(mutex_);
  is_powered_ = false;
  std::mt19937_64 random(seed);
  for (auto& [directory, changes] : pending_) {
    size_t kept = random() % (changes.size() + 1);
    for (size_t i = 0; i < kept; ++i) apply(durable_entries_, changes[i]);
  }
  pending_.clear();
  entries_ = durable_entries_;
  for (auto& [path, inode] : entries_) {
    for (std::string part = parent_directory(path); !part.empty(); part = parent_directory(part))
      directories_.insert(part);
    std::string content = inode->synced;
    for (const Change& change : inode->unsynced) apply_remains(content, change, random);
    // A new inode: what the dead process still does to the old one no longer counts.
    auto restarted = std::make_shared<Inode>();
    restarted->content = content;
    restarted->synced = std::move(content);
    inode = std::move(restarted);
  }
  durable_entries_ = entries_;
  locked_.clear();
  failure_.reset();
  sync_failure_.reset();
  ++generation_;
}

void FaultDisk::flip_bit(const std::string& path, uint64_t offset, int bit) {
  MutexLock lock(mutex_);
  auto it = entries_.find(path);
  OBELISK_ASSERT(it != entries_.end() && offset < it->second->content.size());
  for (std::string* content : {&it->second->content, &it->second->synced}) {
    if (offset < content->size()) (*content)[offset] = static_cast<char>((*content)[offset] ^ (1 << bit));
  }
}

Result<std::unique_ptr<File>> FaultDisk::open(const std::string& path, Mode mode) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("open", path));
  auto it = entries_.find(path);
  if (mode == Mode::create_new) {
    if (auto error = fault("create", path)) return *error;
    if (it != entries_.end()) return make_error(ErrorCode::io, fmt::format("open {}: exists", path));
    if (!directories_.contains(parent_directory(path))) {
      return make_error(ErrorCode::not_found, fmt::format("open {}: no such directory", path));
    }
    change_entry({path, std::make_shared<Inode>(), {}});
    it = entries_.find(path);
  } else if (it == entries_.end()) {
    return make_error(ErrorCode::not_found, fmt::format("open {}: no such file", path));
  }
  return std::unique_ptr<File>(std::make_unique<FaultFile>(*this, it->second, path, generation_));
}

Result<void> FaultDisk::create_directories(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("mkdir", path));
  if (directories_.contains(path)) return {};
  if (auto error = fault("mkdir", path)) return *error;
  for (std::string part = path; !part.empty(); part = parent_directory(part)) directories_.insert(part);
  return {};
}

Result<std::vector<std::string>> FaultDisk::list(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("list", path));
  if (!directories_.contains(path))
    return make_error(ErrorCode::not_found, fmt::format("list {}: no such directory", path));
  std::set<std::string> names;
  auto add = [&](const std::string& entry) {
    if (!entry.empty() && parent_directory(entry) == path)
      names.insert(path.empty() ? entry : entry.substr(path.size() + 1));
  };
  for (const auto& [name, inode] : entries_) add(name);
  for (const std::string& directory : directories_) add(directory);
  return std::vector<std::string>(names.begin(), names.end());
}

Result<void> FaultDisk::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("rename", from));
  OBELISK_CHECK_OK(check_access("rename", to));
  if (auto error = fault("rename", from)) return *error;
  auto it = entries_.find(from);
  if (it == entries_.end())
    return make_error(ErrorCode::not_found, fmt::format("rename {}: no such file", from));
  OBELISK_ASSERT(parent_directory(from) ==
                 parent_directory(to));  // the model keeps one order of changes a directory
  change_entry({to, it->second, from});
  return {};
}

Result<void> FaultDisk::link(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("link", from));
  OBELISK_CHECK_OK(check_access("link", to));
  if (auto error = fault("link", to)) return *error;
  auto it = entries_.find(from);
  if (it == entries_.end())
    return make_error(ErrorCode::not_found, fmt::format("link {}: no such file", from));
  if (entries_.contains(to)) return make_error(ErrorCode::io, fmt::format("link {}: exists", to));
  if (!directories_.contains(parent_directory(to)))
    return make_error(ErrorCode::not_found, fmt::format("link {}: no such directory", to));
  change_entry({to, it->second, {}});
  return {};
}

Result<void> FaultDisk::remove(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("remove", path));
  if (auto error = fault("remove", path)) return *error;
  std::vector<std::string> gone;
  for (const auto& [name, inode] : entries_) {
    if (name == path || name.starts_with(path + "/")) gone.push_back(name);
  }
  for (const std::string& name : gone) {
    if (free_bytes_) *free_bytes_ += entries_[name]->content.size();
    change_entry({name, nullptr, {}});
  }
  std::erase_if(directories_,
                [&](const std::string& name) { return name == path || name.starts_with(path + "/"); });
  return {};
}

Result<bool> FaultDisk::exists(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("exists", path));
  return entries_.contains(path) || directories_.contains(path);
}

Result<void> FaultDisk::sync_directory(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("sync directory", path));
  if (auto error = fault("sync directory", path)) return *error;
  for (const EntryChange& change : pending_[path]) apply(durable_entries_, change);
  pending_.erase(path);
  return {};
}

Result<uint64_t> FaultDisk::free_bytes() {
  MutexLock lock(mutex_);
  return free_bytes_.value_or(uint64_t{1} << 50);
}

Result<std::unique_ptr<File>> FaultDisk::lock(const std::string& path) {
  MutexLock lock(mutex_);
  OBELISK_CHECK_OK(check_access("lock", path));
  if (!locked_.insert(path).second) {
    return make_error(ErrorCode::unavailable,
                      fmt::format("{} is locked: another server uses this data directory", path));
  }
  return std::unique_ptr<File>(std::make_unique<FaultLock>(*this, path, generation_));
}

}  // namespace obelisk
