// Goal: every kind of stored file is printed, damage is named with its place, foreign files are refused.
#include "storage/embedded/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/clock.h"
#include "env/fault_disk.h"
#include "plan/test_random_batch.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

using ::testing::HasSubstr;

std::string inspect(Disk& disk, const std::string& path) {
  auto text = inspect_file(disk, path);
  return text.ok() ? *text : "error: " + text.error().to_string();
}

std::string only_file(Disk& disk, std::string path) {
  for (;;) {
    auto names = disk.list(path);
    if (!names.ok()) return path;
    path += "/" + names->front();
  }
}

TEST(Inspect, PrintsEveryKindOfFile) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{0});
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.background = false;
  options.log_segment_bytes = 1 << 20;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok());
  RandomBatches random(1);
  WriteRequest request;
  request.batches.push_back(random.logs(100));
  request.batches.push_back(random.samples(50));
  ASSERT_TRUE(append_and_wait(**engine, std::move(request)).ok());
  std::string segment = only_file(disk, "wal");
  EXPECT_THAT(inspect(disk, segment), HasSubstr("100 rows of logs"));
  ASSERT_TRUE((*engine)->flush().ok());
  EXPECT_THAT(inspect(disk, "MANIFEST"),
              HasSubstr("tenant anonymous in tenants/anonymous: events through request 1"));
  std::string part = only_file(disk, "tenants/anonymous/events/logs");
  EXPECT_THAT(inspect(disk, part), HasSubstr("fixed.line string"));
  EXPECT_THAT(inspect(disk, part), HasSubstr("table logs"));
  EXPECT_THAT(inspect(disk, only_file(disk, "tenants/anonymous/metrics")), HasSubstr("metric part"));

  disk.flip_bit(part, 40, 0);
  EXPECT_THAT(inspect(disk, part), HasSubstr("DAMAGED"));
  disk.flip_bit(segment, 64 + 45, 0);
  EXPECT_THAT(inspect(disk, segment), HasSubstr("0x00000040 end"));
  auto file = disk.open("foreign", Disk::Mode::create_new);
  ASSERT_TRUE((*file)->write_at(0, "x").ok());
  EXPECT_EQ(inspect_file(disk, "foreign").error().code, ErrorCode::corrupt);
  EXPECT_EQ(inspect_file(disk, "missing").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace obelisk
