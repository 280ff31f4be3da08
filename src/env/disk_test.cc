// Goal: the posix disk and the simulated one keep the same promises; the simulated one loses exactly what was
// not synced.
#include "env/disk.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "env/fault_disk.h"
#include "env/read_hint.h"

namespace obelisk {
namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "obelisk_disk_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string content_of(Disk& disk, const std::string& path) {
  auto content = read_file(disk, path, 1 << 20);
  return content.ok() ? *content : "error: " + content.error().to_string();
}

void write_file(Disk& disk, const std::string& path, std::string_view bytes, bool sync) {
  auto file = disk.open(path, Disk::Mode::create_new);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  ASSERT_TRUE((*file)->write_at(0, bytes).ok());
  if (sync) {
    ASSERT_TRUE((*file)->sync().ok());
  }
}

void keeps_promises(Disk& disk) {
  ASSERT_TRUE(disk.create_directories("a/b").ok());
  ASSERT_TRUE(disk.create_directories("a/b").ok());
  write_file(disk, "a/b/one", "hello", true);
  EXPECT_FALSE(disk.open("a/b/one", Disk::Mode::create_new).ok());
  EXPECT_EQ(disk.open("a/b/none", Disk::Mode::read).error().code, ErrorCode::not_found);
  EXPECT_EQ(content_of(disk, "a/b/one"), "hello");
  auto file = disk.open("a/b/one", Disk::Mode::open_existing);
  ASSERT_TRUE((*file)->write_at(7, "x").ok());
  EXPECT_EQ(content_of(disk, "a/b/one"), std::string("hello\0\0x", 8));
  ASSERT_TRUE((*file)->truncate(2).ok());
  ASSERT_TRUE((*file)->allocate(4).ok());
  EXPECT_EQ(*(*file)->size(), 4u);
  char byte = 0;
  EXPECT_EQ((*file)->read_at(4, 1, &byte).error().code, ErrorCode::io);
  ASSERT_TRUE(replace_file(disk, "a/b/one", "new").ok());
  EXPECT_EQ(content_of(disk, "a/b/one"), "new");
  EXPECT_EQ(*disk.list("a"), (std::vector<std::string>{"b"}));
  EXPECT_EQ(*disk.list("a/b"), (std::vector<std::string>{"one"}));
  EXPECT_EQ(disk.list("none").error().code, ErrorCode::not_found);
  for (const char* path : {"../x", "a/../../x", "/etc/passwd"}) {
    EXPECT_EQ(disk.open(path, Disk::Mode::read).error().code, ErrorCode::invalid_argument) << path;
  }
  EXPECT_EQ(read_file(disk, "a/b/one", 2).error().code, ErrorCode::too_large);
  {
    auto held = disk.lock("lock");
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(disk.lock("lock").error().code, ErrorCode::unavailable);
  }
  EXPECT_TRUE(disk.lock("lock").ok());
  ASSERT_TRUE(disk.remove("a").ok());
  ASSERT_TRUE(disk.remove("a").ok());
  EXPECT_FALSE(*disk.exists("a/b/one"));
  EXPECT_FALSE(*disk.exists("a"));
}

// What is in memory is the beginning of the bytes asked for, as they are; hints change nothing.
TEST(PosixDisk, GivesWhatIsInMemoryAsItIs) {
  TemporaryDirectory directory;
  std::unique_ptr<Disk> disk = std::move(*open_posix_disk(directory.path()));
  std::string bytes(300'000, 0);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  write_file(*disk, "one", bytes, true);
  std::unique_ptr<File> file = std::move(*disk->open("one", Disk::Mode::read));
  hint_scattered_reads(*file);
  for (uint64_t offset : {uint64_t{0}, uint64_t{4097}, uint64_t{250'000}}) {
    hint_soon_read(*file, offset, 40'000);
    std::string read(40'000, 0);
    size_t got = read_from_memory(*file, offset, read.size(), read.data());
    ASSERT_LE(got, read.size());
    EXPECT_EQ(read.substr(0, got), bytes.substr(offset, got));
    ASSERT_TRUE(file->read_at(offset, read.size(), read.data()).ok());
    EXPECT_EQ(read, bytes.substr(offset, read.size()));
  }
  std::string beyond(100, 0);
  EXPECT_LE(read_from_memory(*file, bytes.size() - 10, beyond.size(), beyond.data()), 10u);
  FaultDisk other;
  write_file(other, "one", bytes, true);
  EXPECT_EQ(read_from_memory(**other.open("one", Disk::Mode::read), 0, 10, beyond.data()), 0u);
}

TEST(Disk, PosixKeepsItsPromises) {
  TemporaryDirectory directory;
  auto disk = open_posix_disk(directory.path() + "/data/deep");
  ASSERT_TRUE(disk.ok()) << disk.error().to_string();
  keeps_promises(**disk);
  EXPECT_GT(*(*disk)->free_bytes(), 0u);
}

TEST(Disk, SimulatedKeepsTheSamePromises) {
  FaultDisk disk;
  keeps_promises(disk);
}

TEST(FaultDisk, PowerLossKeepsWhatWasSyncedAndAnyPartOfTheRest) {
  bool lost = false, kept = false, torn = false;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    FaultDisk disk;
    write_file(disk, "log", "synced", true);
    ASSERT_TRUE(disk.sync_directory("").ok());
    auto file = disk.open("log", Disk::Mode::open_existing);
    ASSERT_TRUE((*file)->write_at(6, "unsynced").ok());
    write_file(disk, "entry", "x", true);  // its directory entry is not synced
    disk.drop_unsynced(seed);
    EXPECT_EQ((*file)->write_at(0, "late").error().code, ErrorCode::io);
    std::string content = content_of(disk, "log");
    ASSERT_TRUE(std::string("syncedunsynced").starts_with(content)) << content;
    ASSERT_GE(content.size(), 6u);
    lost |= content.size() == 6;
    kept |= content.size() == 14;
    torn |= content.size() > 6 && content.size() < 14;
  }
  EXPECT_TRUE(lost && kept && torn);
}

TEST(FaultDisk, WithoutPowerNothingIsReadOrChangedByAnyWay) {
  FaultDisk disk;
  ASSERT_TRUE(disk.create_directories("d").ok());
  write_file(disk, "d/one", "x", true);
  ASSERT_TRUE(disk.sync_directory("d").ok());
  disk.cut_power(1);
  EXPECT_EQ(disk.open("d/one", Disk::Mode::read).error().code, ErrorCode::io);
  EXPECT_EQ(disk.open("d/two", Disk::Mode::create_new).error().code, ErrorCode::io);
  EXPECT_EQ(disk.create_directories("e").error().code, ErrorCode::io);
  EXPECT_EQ(disk.list("d").error().code, ErrorCode::io);
  EXPECT_EQ(disk.rename("d/one", "d/two").error().code, ErrorCode::io);
  EXPECT_EQ(disk.link("d/one", "d/two").error().code, ErrorCode::io);
  EXPECT_EQ(disk.remove("d/one").error().code, ErrorCode::io);
  EXPECT_EQ(disk.exists("d/one").error().code, ErrorCode::io);
  EXPECT_EQ(disk.sync_directory("d").error().code, ErrorCode::io);
  EXPECT_EQ(disk.lock("lock").error().code, ErrorCode::io);
  disk.restore_power();
  EXPECT_EQ(*disk.list("d"), std::vector<std::string>{"one"});
  EXPECT_EQ(content_of(disk, "d/one"), "x");
  EXPECT_FALSE(*disk.exists("e"));
}

TEST(FaultDisk, ReplaceFileLeavesTheOldOrTheNewWholeAtEveryFaultPoint) {
  FaultDisk counting;
  ASSERT_TRUE(replace_file(counting, "m", "old").ok());
  uint64_t changes = counting.change_count();
  for (uint64_t at = 0; at <= changes; ++at) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      FaultDisk disk;
      ASSERT_TRUE(replace_file(disk, "m", "old").ok());
      disk.fail_after(at, ErrorCode::io, FaultDisk::Failing::from_then_on);
      bool done = replace_file(disk, "m", "new content").ok();
      disk.drop_unsynced(seed);
      std::string content = content_of(disk, "m");
      ASSERT_TRUE(content == "new content" || (!done && content == "old")) << at << " " << content;
    }
  }
}

TEST(FaultDisk, FullDiskWritesWhatFitsAndRecovers) {
  FaultDisk disk;
  write_file(disk, "f", "12", true);
  disk.set_free_bytes(3);
  auto file = disk.open("f", Disk::Mode::open_existing);
  EXPECT_EQ((*file)->write_at(2, "abcdef").error().code, ErrorCode::no_space);
  EXPECT_EQ(content_of(disk, "f"), "12abc");
  EXPECT_TRUE((*file)->write_at(0, "xy").ok());  // overwriting needs no space
  disk.set_free_bytes(std::nullopt);
  EXPECT_TRUE((*file)->write_at(2, "abcdef").ok());
}

}  // namespace
}  // namespace obelisk
