// obelisk backfill openmetrics and check-metrics, as the command line calls them.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "env/clock.h"
#include "env/disk.h"
#include "server/commands.h"
#include "storage/embedded/engine.h"

namespace obelisk::server {
namespace {

class BackfillTest : public testing::Test {
 protected:
  BackfillTest() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ =
        std::filesystem::temp_directory_path() / fmt::format("obelisk_backfill_{}_{}", name, getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~BackfillTest() override { std::filesystem::remove_all(directory_); }

  std::string write(const char* name, const std::string& text) {
    std::string path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string data_dir() const { return directory_ / "data"; }

  // How many samples and series the data directory holds.
  std::pair<size_t, size_t> stored() {
    SystemClock clock;
    std::unique_ptr<Disk> disk = *open_posix_disk(data_dir());
    EngineOptions options;
    options.disk = disk.get();
    options.clock = &clock;
    std::unique_ptr<Engine> engine = *Engine::open(options);
    Scan scan;
    scan.table = Table::samples;
    scan.unit = Unit::series;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    Snapshot at = *engine->snapshot(kDefaultTenant);
    std::unique_ptr<Cursor> cursor = *open_scan(*engine, at, scan, budget, cancel);
    size_t rows = 0, series = 0;
    for (BatchPtr batch = *cursor->next(); batch != nullptr; batch = *cursor->next()) {
      rows += batch->row_count;
      series += batch->groups.size();
      const ColumnData* starts = batch->find_fixed(column::kStartTime);
      has_start_times_ |= starts != nullptr;
    }
    return {rows, series};
  }

  std::filesystem::path directory_;
  bool has_start_times_ = false;
};

// Goal: a file larger than a page is stored whole, once, however often it is read.
TEST_F(BackfillTest, FilesOfManyPages) {
  std::string text = "# TYPE old counter\n";
  for (int series = 0; series < 1500; ++series) {
    for (int i = 0; i < 100; ++i)
      text += fmt::format("old_total{{series=\"{}\"}} {} {}.5\n", series, i, 1'700'000'000 + i * 15);
    text += fmt::format("old_created{{series=\"{}\"}} 1690000000 1700001485.5\n", series);
  }
  ASSERT_GT(text.size(), size_t{4} << 20);
  std::string file = write("old.om", text + "# EOF\n");
  EXPECT_EQ(run_backfill({{file}, data_dir(), ""}), 0);
  EXPECT_EQ(stored(), (std::pair<size_t, size_t>{150'000, 1500}));
  EXPECT_TRUE(has_start_times_);
  EXPECT_EQ(run_backfill({{file}, data_dir(), ""}), 0);
  EXPECT_EQ(stored(), (std::pair<size_t, size_t>{150'000, 1500}));
}

TEST_F(BackfillTest, MistakesEndIt) {
  EXPECT_EQ(run_backfill({{write("no_time.om", "a 1\n# EOF\n")}, data_dir(), ""}), 1);
  EXPECT_EQ(run_backfill({{write("no_end.om", "a 1 1700000000\n")}, data_dir(), ""}), 1);
  EXPECT_EQ(run_backfill({{write("wrong.om", "a{x=1} 1 1700000000\n# EOF\n")}, data_dir(), ""}), 1);
  EXPECT_EQ(run_backfill({{write("good.om", "a 1 1700000000\n# EOF\n")}, "", ""}), 1) << "no target";
  EXPECT_EQ(run_backfill({{"absent.om"}, data_dir(), ""}), 1);
  EXPECT_EQ(stored().first, 0u);
}

TEST_F(BackfillTest, CheckMetrics) {
  std::string strict = write("good.om", "# TYPE a counter\na_total 1\n# EOF\n");
  std::string loose = write("loose.om", "# TYPE a counter\na 1\na_total 1\n# EOF\n# more\n");
  std::string text = write("text.prom", "# TYPE a counter\na 1\n");
  EXPECT_EQ(run_check_metrics({strict, text}, "auto"), 0);
  EXPECT_EQ(run_check_metrics({strict, loose}, "openmetrics"), 1);
  EXPECT_EQ(run_check_metrics({text}, "openmetrics"), 1) << "no # EOF";
  EXPECT_EQ(run_check_metrics({text}, "protobuf"), 1);
  EXPECT_EQ(run_check_metrics({"absent"}, "auto"), 1);
}

}  // namespace
}  // namespace obelisk::server
