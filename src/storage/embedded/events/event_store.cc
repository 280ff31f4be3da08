#include "storage/embedded/events/event_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <set>

#include "base/log.h"

namespace obelisk {
namespace {

constexpr int64_t kNanosPerDay = 86'400 * kNanosPerSecond;

// "<table>/<day>" of "<table>/<day>/<number>.part".
std::string partition_of(const std::string& name) {
  return parent_directory(name);
}

std::optional<uint64_t> number_of(std::string_view name) {
  size_t slash = name.rfind('/');
  std::string_view base = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (base.size() != 21 || !base.ends_with(".part")) return std::nullopt;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(base.data(), base.data() + 16, number, 16);
  if (error != std::errc() || end != base.data() + 16) return std::nullopt;
  return number;
}

// The first moment after the day that a partition "<table>/<yyyymmdd>" holds.
int64_t end_of_partition(const std::string& partition) {
  int value = 0;
  size_t slash = partition.rfind('/');
  std::from_chars(partition.data() + slash + 1, partition.data() + partition.size(), value);
  std::chrono::year_month_day date{std::chrono::year(value / 10000),
                                   std::chrono::month(static_cast<unsigned>(value / 100 % 100)),
                                   std::chrono::day(static_cast<unsigned>(value % 100))};
  return (std::chrono::sys_days(date).time_since_epoch().count() + 1) * kNanosPerDay;
}

}  // namespace

int64_t day_of(int64_t unix_nanos) {
  int64_t day = unix_nanos / kNanosPerDay;
  return unix_nanos % kNanosPerDay < 0 ? day - 1 : day;
}

std::string day_name(int64_t day) {
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Result<std::unique_ptr<EventStore>> EventStore::open(Disk& disk, std::string directory,
                                                     EventStoreOptions options,
                                                     const std::vector<std::string>& part_names,
                                                     const std::vector<ErasurePtr>& erasures) {
  std::unique_ptr<EventStore> store(new EventStore(disk, std::move(directory), std::move(options)));
  OBELISK_CHECK_OK(disk.create_directories(store->directory_));
  OBELISK_CHECK_OK(store->remove_orphans(part_names));
  MutexLock lock(store->mutex_);
  for (const std::string& name : part_names) {
    OBELISK_TRY(std::shared_ptr<EventPart> part, EventPart::open(disk, store->directory_, name));
    Table table = part->directory().table;
    if (!is_event_table(table))
      return make_error(ErrorCode::corrupt, name + ": not a part of an event table");
    store->parts_[event_table_index(table)].push_back(std::move(part));
    if (auto number = number_of(name))
      store->next_number_ = std::max(store->next_number_.load(), *number + 1);
  }
  store->sort_parts();
  for (const ErasurePtr& erasure : erasures) store->erasures_.activate(erasure);
  store->update_visible();
  return store;
}

// Files that a crash left between being written and being named in the manifest, or between being dropped
// from it and being removed.
Result<void> EventStore::remove_orphans(const std::vector<std::string>& part_names) {
  std::set<std::string> known(part_names.begin(), part_names.end());
  std::set<std::string> used_partitions;
  for (const std::string& name : part_names) used_partitions.insert(partition_of(name));
  OBELISK_TRY(std::vector<std::string> tables, disk_.list(directory_));
  for (const std::string& table : tables) {
    OBELISK_TRY(std::vector<std::string> days, disk_.list(directory_ + "/" + table));
    for (const std::string& day : days) {
      std::string partition = table + "/" + day;
      if (!used_partitions.contains(partition)) {
        OBELISK_CHECK_OK(disk_.remove(directory_ + "/" + partition));
        continue;
      }
      OBELISK_TRY(std::vector<std::string> files, disk_.list(directory_ + "/" + partition));
      for (const std::string& file : files) {
        if (!known.contains(partition + "/" + file))
          OBELISK_CHECK_OK(disk_.remove(directory_ + "/" + partition + "/" + file));
      }
    }
  }
  return {};
}

void EventStore::sort_parts() {
  for (auto& parts : parts_) {
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
      return a->directory().order_key < b->directory().order_key;
    });
  }
}

size_t EventStore::apply(HeadBatchPtr batch, uint64_t sequence) {
  OBELISK_ASSERT(is_event_table(batch->table()));
  if (batch->row_count() == 0) return 0;
  size_t bytes = batch->memory_bytes();
  MutexLock lock(mutex_);
  heads_[event_table_index(batch->table())].add(std::move(batch), sequence);
  return bytes;
}

void EventStore::prepare_lookups() const {
  std::vector<std::shared_ptr<EventPart>> parts;
  {
    MutexLock lock(mutex_);
    for (const auto& of_table : parts_) parts.insert(parts.end(), of_table.rbegin(), of_table.rend());
  }
  for (const std::shared_ptr<EventPart>& part : parts) part->prepare_lookups();
}

void EventStore::release_unused() const {
  std::vector<std::shared_ptr<EventPart>> parts;
  {
    MutexLock lock(mutex_);
    for (const auto& of_table : parts_) parts.insert(parts.end(), of_table.begin(), of_table.end());
  }
  for (const std::shared_ptr<EventPart>& part : parts) part->release_unused();
}

void EventStore::settle(uint64_t sequence) {
  MutexLock lock(mutex_);
  settled_ = sequence;
  for (EventHead& head : heads_) head.settle(sequence);
}

EventViewPtr EventStore::view(uint64_t sequence) const {
  auto view = std::make_shared<EventView>();
  MutexLock lock(mutex_);
  for (size_t i = 0; i < heads_.size(); ++i) {
    view->tables[i].parts.assign(parts_[i].begin(), parts_[i].end());
    view->tables[i].head = heads_[i].batches(sequence);
    view->tables[i].overlaps = overlaps_[i];
    view->tables[i].repeated_lines = repeated_lines_;
    view->tables[i].value_lists = value_lists_[i];
    view->tables[i].visible = visible_[i];
  }
  return view;
}

size_t EventStore::head_bytes() const {
  MutexLock lock(mutex_);
  size_t total = 0;
  for (const EventHead& head : heads_) total += head.bytes();
  return total;
}

size_t EventStore::part_count() const {
  MutexLock lock(mutex_);
  size_t total = 0;
  for (const auto& parts : parts_) total += parts.size();
  return total;
}

std::string EventStore::next_part_name(Table table, int64_t day) {
  return fmt::format("{}/{}/{:016x}.part", table_name(table), day_name(day), next_number_++);
}

Result<void> EventStore::open_new(const std::string& name, Change& change) {
  change.new_parts.push_back(name);
  // What was just written is read back before anything depends on it.
  OBELISK_TRY(std::shared_ptr<EventPart> part, EventPart::open(disk_, directory_, name));
  change.opened.push_back(std::move(part));
  return {};
}

Result<std::optional<EventStore::Change>> EventStore::merge() {
  OBELISK_ASSERT(!merge_open_);
  std::vector<EventPartPtr> inputs;
  Table table = Table::logs;
  {
    MutexLock lock(mutex_);
    for (Table candidate : kEventTables) {
      std::map<std::string, std::vector<EventPartPtr>> partitions;
      for (const auto& part : parts_[event_table_index(candidate)])
        if (erasures_.may_merge(*part) && !unmergeable_.contains(part->name()))
          partitions[partition_of(part->name())].push_back(part);
      for (const auto& [partition, parts] : partitions) {
        if (!inputs.empty()) break;
        for (size_t index : choose_merge(parts, options_.merge)) inputs.push_back(parts[index]);
        table = candidate;
      }
      if (!inputs.empty()) break;
    }
  }
  if (inputs.empty()) return std::optional<Change>();
  Change change;
  for (const EventPartPtr& input : inputs) change.removed_parts.push_back(input->name());
  std::string name = next_part_name(table, day_of(inputs[0]->directory().min_time));
  Result<uint64_t> merged = merge_parts(disk_, directory_ + "/" + name, inputs, options_.row_groups);
  if (!merged.ok()) {
    MutexLock lock(mutex_);
    if (merged.error().code == ErrorCode::corrupt)
      unmergeable_.insert(change.removed_parts.begin(), change.removed_parts.end());
    return merged.error();
  }
  if (Result<void> opened = open_new(name, change); !opened.ok()) {
    abandon(change);
    return opened.error();
  }
  merge_open_ = true;
  return std::optional<Change>(std::move(change));
}

std::vector<EventStore::PartSize> EventStore::part_sizes() const {
  std::vector<PartSize> sizes;
  MutexLock lock(mutex_);
  for (Table table : {Table::spans, Table::logs, Table::exemplars}) {
    for (const auto& part : parts_[event_table_index(table)])
      sizes.push_back({table, end_of_partition(partition_of(part->name())), part->file_bytes()});
  }
  return sizes;
}

Result<EventStore::Change> EventStore::apply_retention(Table table, UnixNanos keep_from) {
  OBELISK_ASSERT(!merge_open_);
  Change change;
  MutexLock lock(mutex_);
  for (const auto& part : parts_[event_table_index(table)]) {
    if (end_of_partition(partition_of(part->name())) <= keep_from.value)
      change.removed_parts.push_back(part->name());
  }
  merge_open_ = !change.empty();
  return change;
}

void EventStore::commit(const Change& change) {
  std::set<std::string> removed(change.removed_parts.begin(), change.removed_parts.end());
  std::vector<std::shared_ptr<EventPart>> gone;  // files go away outside the lock
  MutexLock lock(mutex_);
  for (auto& parts : parts_) {
    std::erase_if(parts, [&](const std::shared_ptr<EventPart>& part) {
      if (!removed.contains(part->name())) return false;
      gone.push_back(part);
      return true;
    });
  }
  for (const std::shared_ptr<EventPart>& part : gone) {
    part->mark_obsolete();
    erasures_.part_gone(part->name());
    unmergeable_.erase(part->name());
    unerasable_.erase(part->name());
    if (change.clean_id != 0) leaving_.push_back(part);
  }
  for (const auto& part : change.opened) parts_[event_table_index(part->directory().table)].push_back(part);
  sort_parts();
  if (change.clean_id != 0) {
    for (const std::string& name : change.new_parts) erasures_.mark_clean(name, change.clean_id);
  }
  update_visible();
  if (change.is_flush) {
    for (EventHead& head : heads_) head.remove_frozen();
  }
  (change.is_flush ? flush_open_ : merge_open_) = false;
}

void EventStore::abandon(const Change& change) {
  for (const std::string& name : change.new_parts) {
    if (Result<void> removed = disk_.remove(directory_ + "/" + name); !removed.ok()) {
      log_warning("events",
                  "a file that is not needed stays until the next start: " + removed.error().to_string());
    }
  }
  if (change.is_flush) {
    MutexLock lock(mutex_);
    for (EventHead& head : heads_) head.unfreeze();
  }
  (change.is_flush ? flush_open_ : merge_open_) = false;
}

}  // namespace obelisk
