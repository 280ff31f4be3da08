// Goal: the log's promises. Every acknowledged request is recovered exactly once, an unacknowledged one
// wholly or not at all, whatever write fails and whenever power is lost; damage is told from a torn tail; a
// full disk heals. Method: requests of one row that carry their number, on a simulated disk with small
// segments.
#include "storage/embedded/wal/write_ahead_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <set>

#include "codec/checksum.h"
#include "env/fault_disk.h"
#include "storage/embedded/wal/segment_format.h"

namespace obelisk {
namespace {

constexpr uint64_t kSegmentBytes = 4096;

struct Sink : LogSink {
  std::map<uint64_t, std::string> applied;  // by sequence: the request's tenant names it
  uint64_t published = 0;
  void apply(uint64_t sequence, LogEntry& entry) override {
    EXPECT_TRUE(applied.emplace(sequence, entry.tenant).second);
  }
  void publish(uint64_t sequence) override { published = sequence; }
};

LogEntry entry_named(const std::string& name, size_t filler, Writer::Done done) {
  BatchBuilder builder(Table::logs);
  builder.add_row({1});
  builder.set_string(Scope::fixed, column::kLine, builder.arena().copy(std::string(filler, 'x')));
  LogEntry entry;
  entry.tenant = name;
  std::vector<Batch> batches;
  batches.push_back(builder.finish());
  entry.payload = encode_log_payload(entry.tenant, batches);
  entry.payload_checksum = checksum64(entry.payload);
  entry.done = std::move(done);
  return entry;
}

struct Recovered {
  LogRecovery recovery;
  std::vector<std::string> names;  // in sequence order
};

Result<Recovered> recover(Disk& disk, uint64_t flushed_through = 0) {
  EXPECT_TRUE(disk.create_directories("wal").ok());
  Recovered result;
  uint64_t last = flushed_through;
  OBELISK_TRY(result.recovery,
              recover_log(disk, "wal", flushed_through, [&](const RecoveredFrame& frame) -> Result<void> {
                if (frame.is_flushed) return {};
                EXPECT_GT(frame.sequence, last);
                last = frame.sequence;
                OBELISK_TRY(LogPayload payload, decode_log_payload(frame.payload));
                EXPECT_EQ(payload.batches.size(), 1u);
                result.names.push_back(payload.tenant);
                return {};
              }));
  return result;
}

// A log opened on what is on the disk.
struct Log {
  Sink sink;
  std::unique_ptr<WriteAheadLog> log;

  Log(Disk& disk, const LogRecovery& recovery, Durability durability = Durability::sync,
      uint64_t segment_bytes = kSegmentBytes) {
    LogOptions options;
    options.durability = durability;
    options.segment_bytes = segment_bytes;
    options.sync_interval_ms = 1;
    auto opened = WriteAheadLog::open(disk, options, recovery, 0, sink);
    EXPECT_TRUE(opened.ok());
    log = std::move(*opened);
  }

  Result<LogPosition> write(const std::string& name, size_t filler = 100) {
    std::promise<Result<LogPosition>> promise;
    auto future = promise.get_future();
    log->submit(
        entry_named(name, filler, [&](Result<LogPosition> result) { promise.set_value(std::move(result)); }));
    return future.get();
  }
};

TEST(WriteAheadLog, WritesAppliesInOrderRollsSegmentsAndRecovers) {
  FaultDisk disk;
  {
    Log log(disk, recover(disk)->recovery);
    for (uint64_t i = 1; i <= 100; ++i) EXPECT_EQ(log.write(std::to_string(i))->sequence, i);
    EXPECT_TRUE(log.write("large", 3 * kSegmentBytes).ok());
    EXPECT_EQ(log.sink.applied.size(), 101u);
    EXPECT_EQ(log.sink.published, 101u);
    log.log->stop();
    EXPECT_EQ(log.write("late").error().code, ErrorCode::unavailable);
  }
  disk.drop_unsynced(1);
  auto recovered = recover(disk);
  ASSERT_TRUE(recovered.ok());
  ASSERT_EQ(recovered->names.size(), 101u);
  EXPECT_EQ(recovered->names[41], "42");
  EXPECT_EQ(recovered->names[100], "large");
  EXPECT_GT(recovered->recovery.segments.size(), 3u);
  EXPECT_EQ(recover(disk, 90)->names.size(), 11u);
}

TEST(WriteAheadLog, ManyAtOnceShareSyncs) {
  FaultDisk disk;
  Log log(disk, recover(disk)->recovery);
  uint64_t before = disk.change_count();
  std::atomic<int> done = 0;
  for (int i = 0; i < 500; ++i) {
    log.log->submit(entry_named("x", 1, [&](Result<LogPosition> result) { done += result.ok(); }));
  }
  log.log->stop();
  EXPECT_EQ(done, 500);
  EXPECT_LT(disk.change_count() - before, 1000u);
}

// Requests of all sizes, from some that share a block to some over the zeros that are written ahead, and
// segments that do not end with a block; recovered, and written on after that. Returns what was lost.
std::vector<std::string> write_all_sizes(Disk& disk, uint64_t segment_bytes,
                                         const std::function<void()>& crash) {
  std::vector<std::string> wanted;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::mt19937_64 random(seed);
    {
      auto recovered = recover(disk);
      EXPECT_TRUE(recovered.ok() && recovered->names == wanted);
      Log log(disk, recovered->recovery, Durability::sync, segment_bytes);
      for (int i = 0; i < 120; ++i) {
        wanted.push_back(fmt::format("{}-{}", seed, i));
        size_t filler = i % 40 == 39 ? 300'000 : i % 10 == 9 ? random() % 40'000 : random() % 3'000;
        EXPECT_TRUE(log.write(wanted.back(), filler).ok());
      }
      if (seed == 3) log.log->stop();
    }
    crash();
  }
  auto recovered = recover(disk);
  EXPECT_TRUE(recovered.ok() && recovered->recovery.lost.empty());
  std::erase_if(wanted, [&](const std::string& name) {
    return std::find(recovered->names.begin(), recovered->names.end(), name) != recovered->names.end();
  });
  return wanted;
}

TEST(WriteAheadLog, BlocksMayBeginAndEndAnywhere) {
  for (uint64_t segment_bytes : {uint64_t{5 * 4096}, uint64_t{50'001}, uint64_t{3 << 20}}) {
    FaultDisk disk;
    uint64_t seed = segment_bytes;
    EXPECT_TRUE(write_all_sizes(disk, segment_bytes, [&] { disk.drop_unsynced(++seed); }).empty());
  }
}

// The same where blocks are written past the page cache and read back through it.
TEST(WriteAheadLog, BlocksOfARealDisk) {
  std::string root = testing::TempDir() + "obelisk-wal-blocks";
  std::filesystem::remove_all(root);
  auto disk = open_posix_disk(root);
  ASSERT_TRUE(disk.ok());
  EXPECT_TRUE(write_all_sizes(**disk, 2 << 20, [] {}).empty());
  std::filesystem::remove_all(root);
}

TEST(WriteAheadLog, ReleasedSegmentsAreRecycled) {
  FaultDisk disk;
  {
    Log log(disk, recover(disk)->recovery);
    for (int i = 1; i <= 60; ++i) ASSERT_TRUE(log.write(std::to_string(i)).ok());
    log.log->release(50, false);
    size_t files = disk.list("wal")->size();
    for (int i = 61; i <= 80; ++i) ASSERT_TRUE(log.write(std::to_string(i)).ok());
    EXPECT_LE(disk.list("wal")->size(), files);
  }
  disk.drop_unsynced(2);
  auto recovered = recover(disk, 50);
  ASSERT_TRUE(recovered.ok());
  EXPECT_TRUE(recovered->recovery.lost.empty());
  ASSERT_EQ(recovered->names.size(), 30u);
  EXPECT_EQ(recovered->names.front(), "51");
  // A segment that is needed and missing is not taken for an empty log.
  ASSERT_TRUE(disk.remove(recovered->recovery.segments.front().path).ok());
  EXPECT_FALSE(recover(disk, 50)->recovery.lost.empty());
}

// Runs a workload on a disk that fails, loses power and is opened again, twice; checks what is there.
void crash_and_check(uint64_t fail_at, FaultDisk::Failing failing, ErrorCode code, uint64_t seed,
                     Durability durability) {
  SCOPED_TRACE(testing::Message() << "fail_at=" << fail_at << " code=" << error_code_name(code)
                                  << " seed=" << seed);
  FaultDisk disk;
  std::set<std::string> acknowledged, refused;
  for (int life = 0; life < 3; ++life) {
    auto recovered = recover(disk);
    ASSERT_TRUE(recovered.ok()) << recovered.error().to_string();
    EXPECT_TRUE(recovered->recovery.lost.empty());
    std::set<std::string> found(recovered->names.begin(), recovered->names.end());
    ASSERT_EQ(found.size(), recovered->names.size()) << "a request twice";
    if (durability == Durability::sync) {
      for (const std::string& name : acknowledged)
        ASSERT_TRUE(found.contains(name)) << name << " was acknowledged and is gone";
    }
    for (const std::string& name : refused)
      ASSERT_FALSE(found.contains(name)) << name << " was refused and is there";
    acknowledged = found;
    if (life == 2) break;
    Log log(disk, recovered->recovery, durability);
    if (life == 0) disk.fail_after(fail_at, code, failing);
    std::atomic<int> running = 0;
    std::mutex mutex;
    for (int i = 0; i < 40; ++i) {
      std::string name = std::to_string(life) + "." + std::to_string(i);
      ++running;
      log.log->submit(
          entry_named(name, 10 + static_cast<size_t>(i * 37) % 300, [&, name](Result<LogPosition> result) {
            std::lock_guard lock(mutex);
            if (result.ok()) {
              acknowledged.insert(name);
            } else if (result.error().code == ErrorCode::no_space) {
              refused.insert(name);
            }
            --running;
          }));
      if (i % 5 == 0) {
        while (running > 0) std::this_thread::yield();
      }
    }
    log.log->stop();
    disk.drop_unsynced(seed + static_cast<uint64_t>(life));
  }
}

TEST(WriteAheadLog, EveryFailingChangeThenPowerLoss) {
  for (uint64_t at = 0; at < 60; ++at) {
    crash_and_check(at, FaultDisk::Failing::from_then_on, ErrorCode::io, at, Durability::sync);
    crash_and_check(at, FaultDisk::Failing::once, ErrorCode::io, at + 1, Durability::sync);
    crash_and_check(at, FaultDisk::Failing::once, ErrorCode::no_space, at + 2, Durability::sync);
    crash_and_check(at, FaultDisk::Failing::from_then_on, ErrorCode::io, at, Durability::interval);
    crash_and_check(at, FaultDisk::Failing::once, ErrorCode::no_space, at, Durability::off);
  }
}

TEST(WriteAheadLog, TornTailIsTheEndAndDamageBeforeDurableFramesIsReported) {
  FaultDisk disk;
  {
    Log log(disk, recover(disk)->recovery);
    for (int i = 1; i <= 10; ++i) ASSERT_TRUE(log.write(std::to_string(i)).ok());
  }
  std::string path = recover(disk)->recovery.segments[0].path;
  std::string bytes = *read_file(disk, path, 1 << 20);
  uint64_t offset = kSegmentHeaderBytes;
  std::vector<uint64_t> offsets;
  for (auto frame = parse_frame(bytes, offset, 1); frame; frame = parse_frame(bytes, frame->end(), 1))
    offsets.push_back(frame->offset);
  ASSERT_EQ(offsets.size(), 10u);

  disk.flip_bit(path, offsets[9] + kFrameHeaderBytes + 3, 1);  // the last frame: a torn tail
  auto torn = recover(disk);
  ASSERT_TRUE(torn.ok());
  EXPECT_EQ(torn->names.size(), 9u);
  EXPECT_TRUE(torn->recovery.lost.empty());
  disk.flip_bit(path, offsets[9] + kFrameHeaderBytes + 3, 1);

  disk.flip_bit(path, offsets[4] + 8, 0);  // one in the middle, its header
  auto damaged = recover(disk);
  ASSERT_TRUE(damaged.ok());
  EXPECT_EQ(damaged->names.size(), 9u);
  ASSERT_EQ(damaged->recovery.lost.size(), 1u);
  EXPECT_EQ(damaged->recovery.lost[0].first, 5u);
  EXPECT_EQ(damaged->recovery.lost[0].last, 5u);
  EXPECT_EQ(damaged->recovery.lost[0].offset, offsets[4]);
  EXPECT_EQ(damaged->recovery.last_sequence, 10u);
}

TEST(WriteAheadLog, FullDiskRefusesAndHealsWithoutARestart) {
  FaultDisk disk;
  {
    Log log(disk, recover(disk)->recovery);
    ASSERT_TRUE(log.write("first").ok());
    disk.set_free_bytes(100);
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
      auto result = log.write("filling " + std::to_string(i), 1000);
      if (!result.ok()) {
        ++refused;
        EXPECT_EQ(result.error().code, ErrorCode::no_space);
      }
    }
    EXPECT_GT(refused, 10);
    disk.set_free_bytes(1 << 20);
    EXPECT_TRUE(log.write("healed").ok());
  }
  disk.drop_unsynced(3);
  auto recovered = recover(disk);
  ASSERT_TRUE(recovered.ok());
  EXPECT_EQ(recovered->names.front(), "first");
  EXPECT_EQ(recovered->names.back(), "healed");
}

// Goal: no file that was there when the log was retired is left when it says so, whatever happens to one
// while it is between two names. Method: retire() and the question come from inside the renaming of a file.
TEST(WriteAheadLog, AFileThatIsBeingRenamedIsNotGone) {
  struct HookDisk : FaultDisk {
    std::function<void()> before_rename;  // once
    Result<void> rename(const std::string& from, const std::string& to) override {
      if (auto hook = std::exchange(before_rename, {})) hook();
      return FaultDisk::rename(from, to);
    }
  } disk;
  Log log(disk, recover(disk)->recovery);
  // Enough for three segments, of which the first two are released.
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(log.write(fmt::format("r{}", i), 1000).ok());
  uint64_t mark = 0;
  disk.before_rename = [&] {
    mark = log.log->retire();
    log.log->release(12, false);  // the others
    EXPECT_FALSE(log.log->is_retired(mark));
  };
  log.log->release(12, false);
  ASSERT_NE(mark, 0u);
  // The active file is closed by the log's thread, and then released too.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!log.log->is_retired(mark) && std::chrono::steady_clock::now() < deadline) {
    log.log->release(12, false);
    std::this_thread::yield();
  }
  EXPECT_TRUE(log.log->is_retired(mark));
  EXPECT_EQ(*disk.list("wal"), std::vector<std::string>());
}

TEST(WriteAheadLog, FailedSyncRefusesEverythingUntilReopened) {
  FaultDisk disk;
  {
    Log log(disk, recover(disk)->recovery);
    ASSERT_TRUE(log.write("a").ok());
    disk.fail_syncs_after(0, ErrorCode::io, FaultDisk::Failing::once);
    EXPECT_EQ(log.write("b").error().code, ErrorCode::io);
    auto refused = log.write("c");  // the disk works again, but what it holds is unknown
    EXPECT_EQ(refused.error().code, ErrorCode::io);
    EXPECT_NE(refused.error().message.find("until the server is restarted"), std::string::npos);
  }
  Log log(disk, recover(disk)->recovery);
  EXPECT_TRUE(log.write("d").ok());
}

TEST(WriteAheadLog, AFullQueueRefusesAtOnce) {
  struct Blocking : LogSink {
    std::promise<void> entered, release;
    void apply(uint64_t sequence, LogEntry&) override {
      if (sequence != 1) return;
      entered.set_value();
      release.get_future().wait();
    }
    void publish(uint64_t) override {}
  } sink;
  FaultDisk disk;
  LogOptions options;
  options.queue_bytes_max = 10'000;
  auto log = WriteAheadLog::open(disk, options, recover(disk)->recovery, 0, sink);
  ASSERT_TRUE(log.ok());
  std::atomic<int> done = 0, overloaded = 0;
  auto submit = [&] {
    (*log)->submit(entry_named("x", 1000, [&](Result<LogPosition> result) {
      ++done;
      overloaded += !result.ok() && result.error().code == ErrorCode::overloaded;
    }));
  };
  submit();
  sink.entered.get_future().wait();  // the log's thread is busy now
  for (int i = 0; i < 100; ++i) submit();
  EXPECT_GT(overloaded, 80);
  EXPECT_LE((*log)->queued_bytes(), options.queue_bytes_max);
  sink.release.set_value();
  (*log)->stop();
  EXPECT_EQ(done, 101);
}

TEST(WriteAheadLog, UnknownVersionIsRefusedByName) {
  FaultDisk disk;
  ASSERT_TRUE(disk.create_directories("wal").ok());
  std::string header = encode_segment_header({1, 1, 0});
  header[8] = 9;
  header.resize(kSegmentHeaderBytes - 8);
  uint64_t checksum = checksum64(header);
  header.append(reinterpret_cast<const char*>(&checksum), 8);
  auto file = disk.open("wal/" + segment_file_name(1), Disk::Mode::create_new);
  ASSERT_TRUE((*file)->write_at(0, header).ok());
  auto recovered = recover(disk);
  ASSERT_FALSE(recovered.ok());
  EXPECT_EQ(recovered.error().code, ErrorCode::unsupported);
  EXPECT_NE(recovered.error().message.find("version 9"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
