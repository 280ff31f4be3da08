// Goal: tiers say of each bucket what its samples say, whatever happens: late samples, erasures, lost power,
// retention of samples and of each tier, merges of parts. Method: brute force over what was written.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/test_seed.h"
#include "env/fault_disk.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr int64_t kDay = 86'400'000;
constexpr int64_t kHour = 3'600'000;
constexpr int64_t kFive = 300'000;
constexpr int64_t kBegin = 19'700 * kDay;  // a midnight in December 2023

using Rows = std::map<std::string, std::map<int64_t, double>>;  // by name and time in ms

class EngineTiers : public testing::Test {
 protected:
  EngineTiers() {
    options_.disk = &disk_;
    options_.clock = &clock_;
    options_.background = false;
    options_.log_segment_bytes = 64 << 10;
    options_.retention.tiers = {{kFive, 0}, {kHour, 0}};
  }

  void open() {
    engine_.reset();
    auto opened = Engine::open(options_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    engine_ = std::move(*opened);
  }

  static UnixNanos at(int64_t ms) { return UnixNanos::from_millis(ms); }

  Result<LogPosition> try_write(const std::string& name, const std::map<int64_t, double>& samples) {
    BatchBuilder builder(Table::samples);
    Labels labels{{"__name__", name}, {"job", "test"}};
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    for (const auto& [time, value] : samples) {
      builder.add_row(at(time));
      builder.set_float(Scope::fixed, column::kValue, value);
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    return append_and_wait(*engine_, std::move(request));
  }
  void write(const std::string& name, const std::map<int64_t, double>& samples) {
    auto written = try_write(name, samples);
    ASSERT_TRUE(written.ok()) << written.error().to_string();
    for (const auto& [time, value] : samples) samples_[name][time] = value;
  }
  // A sample a minute of these days.
  void write_days(const std::string& name, int64_t first_day, int64_t days) {
    for (int64_t day = first_day; day < first_day + days; ++day) {
      std::map<int64_t, double> samples;
      for (int64_t time = day * kDay + 60'000; time <= (day + 1) * kDay; time += 60'000)
        samples[time] = static_cast<double>(random_() % 1000);
      write(name, samples);
    }
  }

  void work_all() {
    for (bool more = true; more;) {
      auto worked = engine_->downsample();
      ASSERT_TRUE(worked.ok()) << worked.error().to_string();
      more = *worked;
    }
  }
  void settle() {
    ASSERT_TRUE(engine_->flush().ok());
    work_all();
  }

  Rows read(std::optional<TierRead> tier, Expr where = {}) {
    Scan scan;
    scan.table = Table::samples;
    scan.unit = Unit::series;
    scan.columns = {fixed_column(column::kValue)};
    scan.where = std::move(where);
    scan.tier = tier;
    Budget budget;
    Cancel cancel;
    Rows rows;
    auto cursor = open_scan(*engine_, *engine_->snapshot(kDefaultTenant), scan, budget, cancel);
    EXPECT_TRUE(cursor.ok()) << cursor.error().to_string();
    while (cursor.ok()) {
      auto batch = (*cursor)->next();
      EXPECT_TRUE(batch.ok()) << batch.error().to_string();
      if (!batch.ok() || !*batch) break;
      const ColumnData* values = (*batch)->find_fixed(column::kValue);
      for (const Group& group : (*batch)->groups) {
        std::string name(Labels(group.labels).get("__name__"));
        for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row)
          rows[name][UnixNanos{(*batch)->times()[row]}.to_millis()] = values->floats[row];
      }
    }
    return rows;
  }

  // Sums of the buckets of samples in (after, until].
  Rows expected_sums(int64_t resolution, int64_t after, int64_t until) const {
    Rows rows;
    for (const auto& [name, samples] : samples_) {
      for (const auto& [time, value] : samples) {
        if (time > after && time <= until) rows[name][tier_bucket_end(time, resolution)] += value;
      }
    }
    return rows;
  }
  void expect_sums(int64_t after, int64_t until) {
    EXPECT_EQ(read(TierRead{kFive, TierAspect::sum}), expected_sums(kFive, after, until));
    EXPECT_EQ(read(TierRead{kHour, TierAspect::sum}), expected_sums(kHour, after, until));
  }

  std::vector<TierSpan> spans(size_t tier) {
    auto report = engine_->tiers(*engine_->snapshot(kDefaultTenant), kBegin - 10 * kDay, kBegin + 40 * kDay);
    EXPECT_TRUE(report.ok());
    return report->tiers.at(tier).spans;
  }
  size_t tier_parts() {
    size_t count = 0;
    for (const StoredPart& part : engine_->stored_parts(kDefaultTenant)) count += part.resolution_ms != 0;
    return count;
  }
  void erase(const std::string& name, int64_t begin, int64_t end) {
    Scan what;
    what.table = Table::samples;
    what.where = Expr::compare(label_column("__name__"), CompareOp::equal, name);
    what.range = {at(begin), at(end)};
    ASSERT_TRUE(engine_->erase(what).ok());
    std::erase_if(samples_[name],
                  [&](const auto& sample) { return sample.first >= begin && sample.first < end; });
    if (samples_[name].empty()) samples_.erase(name);
  }

  std::mt19937_64 random_{7};
  FaultDisk disk_;
  ManualClock clock_{UnixNanos::from_millis(kBegin)};
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  Rows samples_;
};

TEST_F(EngineTiers, ADayThatIsOverIsWrittenOnceLateSamplesHaveHadTheirTime) {
  open();
  write_days("a", 19'700, 1);
  write_days("b", 19'700, 2);
  clock_.set(at(kBegin + kDay + kHour - 1));
  settle();
  EXPECT_EQ(tier_parts(), 0u);
  EXPECT_TRUE(spans(0).empty());
  clock_.set(at(kBegin + kDay + kHour));
  work_all();
  EXPECT_EQ(tier_parts(), 2u);
  expect_sums(kBegin, kBegin + kDay);
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{kBegin, kBegin + kDay}}));
  EXPECT_EQ(spans(1), (std::vector<TierSpan>{{kBegin, kBegin + kDay}}));
  open();
  expect_sums(kBegin, kBegin + kDay);
  clock_.set(at(kBegin + 3 * kDay));
  work_all();
  expect_sums(kBegin, kBegin + 2 * kDay);
  EXPECT_EQ(spans(1), (std::vector<TierSpan>{{kBegin, kBegin + 2 * kDay}}));
}

TEST_F(EngineTiers, ASampleAtMidnightBelongsToTheDayThatEnds) {
  open();
  write("a", {{kBegin, 1}, {kBegin + 1, 2}, {kBegin + kDay, 3}, {kBegin + kDay + 1, 4}});
  clock_.set(at(kBegin + 4 * kDay));
  settle();
  expect_sums(kBegin - kDay, kBegin + 2 * kDay);
  Rows last = read(TierRead{kHour, TierAspect::last});
  EXPECT_EQ(last["a"], (std::map<int64_t, double>{
                           {kBegin, 1}, {kBegin + 1, 2}, {kBegin + kDay, 3}, {kBegin + kDay + 1, 4}}));
}

TEST_F(EngineTiers, LateSamplesMakeTheirDayBeWrittenAnew) {
  open();
  write_days("a", 19'700, 3);
  clock_.set(at(kBegin + 4 * kDay));
  settle();
  expect_sums(kBegin, kBegin + 3 * kDay);
  write("late", {{kBegin + kDay + 5, 42}});
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{kBegin, kBegin + kDay}})) << "in memory it counts already";
  ASSERT_TRUE(engine_->flush().ok());
  EXPECT_EQ(spans(0),
            (std::vector<TierSpan>{{kBegin, kBegin + kDay}, {kBegin + 2 * kDay, kBegin + 3 * kDay}}));
  open();  // what is dirty is in the manifest
  EXPECT_EQ(spans(1),
            (std::vector<TierSpan>{{kBegin, kBegin + kDay}, {kBegin + 2 * kDay, kBegin + 3 * kDay}}));
  work_all();
  expect_sums(kBegin, kBegin + 3 * kDay);
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{kBegin, kBegin + 3 * kDay}}));
}

TEST_F(EngineTiers, SamplesGoAndTiersStayEachAsLongAsItsRetentionSays) {
  options_.retention.metrics_nanos = 2 * kDay * kNanosPerMilli;
  options_.retention.tiers = {{kFive, 5 * kDay * kNanosPerMilli}, {kHour, 9 * kDay * kNanosPerMilli}};
  open();
  for (int64_t day = 0; day < 4; ++day) {
    write_days("a", 19'700 + day, 1);
    ASSERT_TRUE(engine_->flush().ok());
  }
  // Samples wait for their tiers.
  clock_.set(at(kBegin + 5 * kDay + 60'000));
  ASSERT_TRUE(engine_->apply_retention().ok());
  EXPECT_EQ(read(std::nullopt)["a"].size(), 3 * 1440u) << "longer than two days more they do not";
  work_all();
  ASSERT_TRUE(engine_->apply_retention().ok());
  EXPECT_EQ(read(std::nullopt)["a"].size(), 1440u);
  expect_sums(kBegin + kDay, kBegin + 4 * kDay);
  auto report = engine_->tiers(*engine_->snapshot(kDefaultTenant), kBegin, kBegin + 9 * kDay);
  EXPECT_EQ(report->raw_after_ms, kBegin + 3 * kDay);
  open();
  report = engine_->tiers(*engine_->snapshot(kDefaultTenant), kBegin, kBegin + 9 * kDay);
  EXPECT_EQ(report->raw_after_ms, kBegin + 3 * kDay);

  // Series are still found where only tiers know them.
  Scan scan;
  scan.table = Table::samples;
  scan.range = {at(kBegin + kDay), at(kBegin + 2 * kDay)};
  Cancel cancel;
  EXPECT_EQ(engine_->series(*engine_->snapshot(kDefaultTenant), scan, cancel)->size(), 1u);

  clock_.set(at(kBegin + 8 * kDay + 60'000));
  ASSERT_TRUE(engine_->apply_retention().ok());
  EXPECT_EQ(read(TierRead{kFive, TierAspect::sum}),
            expected_sums(kFive, kBegin + 3 * kDay, kBegin + 4 * kDay));
  EXPECT_EQ(read(TierRead{kHour, TierAspect::sum}), expected_sums(kHour, kBegin + kDay, kBegin + 4 * kDay));
  clock_.set(at(kBegin + 13 * kDay + 60'000));
  ASSERT_TRUE(engine_->apply_retention().ok());
  EXPECT_EQ(tier_parts(), 0u);
}

TEST_F(EngineTiers, ATenantMayHaveItsOwnRetentionAndTiers) {
  options_.retention.metrics_nanos = kDay * kNanosPerMilli;
  options_.tenant_retention["quiet"] = {30 * kDay * kNanosPerMilli, 0, 0, {}};
  open();
  for (const Tenant& tenant : {kDefaultTenant, Tenant("quiet")}) {
    BatchBuilder builder(Table::samples);
    Labels labels{{"__name__", "a"}};
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    builder.add_row(at(kBegin + kHour));
    builder.set_float(Scope::fixed, column::kValue, 1);
    WriteRequest request;
    request.tenant = tenant;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(*engine_, std::move(request)).ok());
  }
  clock_.set(at(kBegin + 5 * kDay));
  settle();
  ASSERT_TRUE(engine_->apply_retention().ok());
  std::vector<StoredPart> own = engine_->stored_parts("quiet");
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].resolution_ms, 0);
  EXPECT_TRUE(engine_->tiers(*engine_->snapshot("quiet"), kBegin, kBegin + kDay)->tiers.empty());
  std::vector<StoredPart> others = engine_->stored_parts(kDefaultTenant);
  ASSERT_EQ(others.size(), 2u);
  EXPECT_EQ(others[0].resolution_ms, kFive);
  EXPECT_EQ(others[1].resolution_ms, kHour);
}

TEST_F(EngineTiers, ErasuresTakeFromTiersToo) {
  open();
  write_days("a", 19'700, 3);
  write_days("b", 19'700, 3);
  clock_.set(at(kBegin + 4 * kDay));
  settle();
  // Of a bucket's middle: gone from answers at once, the rest of the bucket comes back from the samples.
  erase("a", kBegin + 30 * 60'000, kBegin + 33 * 60'000);
  int64_t bucket = kBegin + 35 * 60'000;
  EXPECT_FALSE(read(TierRead{kFive, TierAspect::sum})["a"].contains(bucket));
  EXPECT_FALSE(read(TierRead{kFive, TierAspect::first})["a"].contains(bucket - kFive + 60'000));
  EXPECT_TRUE(read(TierRead{kFive, TierAspect::sum})["a"].contains(bucket + kFive));
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{kBegin + kDay, kBegin + 3 * kDay}}));
  work_all();
  expect_sums(kBegin, kBegin + 3 * kDay);
  open();
  expect_sums(kBegin, kBegin + 3 * kDay);
  // A whole series.
  erase("b", INT64_MIN / kNanosPerMilli + 1, kBegin + 30 * kDay);
  EXPECT_FALSE(read(TierRead{kHour, TierAspect::sum}).contains("b"));
  work_all();
  expect_sums(kBegin, kBegin + 3 * kDay);
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{kBegin, kBegin + 3 * kDay}}));
  while (*engine_->merge()) {
  }
  ASSERT_TRUE(engine_->merge().ok());
  EXPECT_TRUE(parse_manifest(*read_file(disk_, std::string(kManifestFile), 1 << 20))
                  ->tenants[kDefaultTenant]
                  .erasures.empty())
      << "nothing holds what was erased, so that the erasures are forgotten";
  open();
  expect_sums(kBegin, kBegin + 3 * kDay);
}

TEST_F(EngineTiers, WhatIsErasedWhereOnlyTiersAreLeftTakesWholeBuckets) {
  options_.retention.metrics_nanos = kDay * kNanosPerMilli;
  open();
  write_days("a", 19'700, 2);
  clock_.set(at(kBegin + 5 * kDay));
  settle();
  ASSERT_TRUE(engine_->apply_retention().ok());
  ASSERT_TRUE(read(std::nullopt).empty());
  Rows before = read(TierRead{kHour, TierAspect::sum});
  Rows sums = expected_sums(kFive, kBegin, kBegin + 2 * kDay);
  erase("a", kBegin + 30 * 60'000, kBegin + 33 * 60'000);
  // It begins with the end of one bucket and goes into the next.
  sums["a"].erase(kBegin + 30 * 60'000);
  sums["a"].erase(kBegin + 35 * 60'000);
  before["a"].erase(kBegin + kHour);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(read(TierRead{kFive, TierAspect::sum}), sums);
    EXPECT_EQ(read(TierRead{kHour, TierAspect::sum}), before);
    if (round == 0) work_all();
    if (round == 1) open();
  }
}

TEST_F(EngineTiers, PartsOfEightDaysBecomeOneAndLateSamplesTakeThemApart) {
  open();
  int64_t first = 19'704;  // a multiple of eight
  write_days("a", first, 10);
  clock_.set(at((first + 11) * kDay));
  settle();
  EXPECT_EQ(tier_parts(), 2 * (1 + 2u)) << "eight days in one, two by themselves";
  expect_sums(first * kDay, (first + 10) * kDay);
  open();
  expect_sums(first * kDay, (first + 10) * kDay);
  write("late", {{(first + 3) * kDay + 5, 1}});
  settle();
  expect_sums(first * kDay, (first + 10) * kDay);
  EXPECT_EQ(spans(0), (std::vector<TierSpan>{{first * kDay, (first + 10) * kDay}}));
}

TEST_F(EngineTiers, ABackupHasTheTiers) {
  open();
  write_days("a", 19'700, 1);
  clock_.set(at(kBegin + 3 * kDay));
  settle();
  ASSERT_TRUE(engine_->backup("copy").ok());
  std::string manifest = *read_file(disk_, "copy/" + std::string(kManifestFile), 1 << 20);
  std::vector<std::string> parts = parse_manifest(manifest)->tenants[kDefaultTenant].tier_parts;
  EXPECT_EQ(parts.size(), 2u);
  for (const std::string& part : parts)
    EXPECT_TRUE(*disk_.exists("copy/" + tenant_directory(kDefaultTenant) + "/tiers/" + part));
}

TEST_F(EngineTiers, RetentionBySizeDropsWhatEndsFirstOfAllSignals) {
  open();
  for (int64_t day = 0; day < 6; ++day) {
    std::map<int64_t, double> samples;
    for (int64_t minute = 1; minute < 1440; ++minute)
      samples[kBegin + day * kDay + minute * 60'000] = static_cast<double>(random_() % 1000);
    write("a", samples);
    BatchBuilder logs(Table::logs);
    Labels stream{{"app", "web"}};
    std::vector<LabelRef> view = stream.view();
    logs.begin_group_copy(view);
    for (int i = 0; i < 500; ++i) {
      logs.add_row(at(kBegin + day * kDay + 1000 + i));
      std::string line;
      for (int word = 0; word < 4; ++word) line += std::to_string(random_());
      logs.set_string(Scope::fixed, column::kLine, logs.arena().copy(line));
    }
    WriteRequest request;
    request.batches.push_back(logs.finish());
    ASSERT_TRUE(append_and_wait(*engine_, std::move(request)).ok());
    ASSERT_TRUE(engine_->flush().ok());
  }
  clock_.set(at(kBegin + 6 * kDay));
  uint64_t all = 0;
  for (const StoredPart& part : engine_->stored_parts(kDefaultTenant)) all += part.bytes;
  auto log_days = [&] {
    Scan scan;
    scan.table = Table::logs;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    std::set<int64_t> days;
    auto cursor = open_scan(*engine_, *engine_->snapshot(kDefaultTenant), scan, budget, cancel);
    while (auto batch = *(*cursor)->next()) {
      for (int64_t time : batch->times()) days.insert(tier_day(UnixNanos{time}.to_millis()));
    }
    return days;
  };
  ASSERT_EQ(log_days().size(), 6u);
  // The metrics alone would fit.
  options_.retention_bytes = all + 40'000;
  open();
  ASSERT_TRUE(engine_->apply_retention().ok());
  std::set<int64_t> left = log_days();
  EXPECT_LT(left.size(), 6u);
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(*left.rbegin(), 19'705) << "the newest stay";
  std::set<int64_t> metric_days;
  Rows stored = read(std::nullopt);
  for (const auto& [time, value] : stored["a"]) metric_days.insert(tier_day(time));
  EXPECT_EQ(metric_days, left) << "each signal loses the same days";
  std::set<int64_t> before = left;
  ASSERT_TRUE(engine_->apply_retention().ok());
  EXPECT_EQ(log_days(), before) << "what fits stays";
}

TEST_F(EngineTiers, PowerLossAtAnyChange) {
  uint64_t base = test_seed() % 1'000'000;
  for (uint64_t seed = base; seed < base + 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    FaultDisk disk;
    ManualClock clock(at(kBegin + 2 * kDay));
    EngineOptions options = options_;
    options.disk = &disk;
    options.clock = &clock;
    samples_.clear();
    auto reopen = [&] {
      engine_.reset();
      disk.restore_power();
      auto opened = Engine::open(options);
      ASSERT_TRUE(opened.ok()) << opened.error().to_string();
      ASSERT_TRUE((*opened)->start_report().lost.empty());
      engine_ = std::move(*opened);
    };
    reopen();
    for (int life = 0; life < 3; ++life) {
      disk.fail_after(5 + random() % 60, ErrorCode::io, FaultDisk::Failing::from_then_on);
      for (int step = 0; step < 12; ++step) {
        std::map<int64_t, double> samples;
        for (int i = 0; i < 20; ++i)
          samples[kBegin + 1 + static_cast<int64_t>(random() % (3 * kDay))] =
              static_cast<double>(random() % 100);
        // Names are never written twice: what was not acknowledged is there wholly or not at all.
        std::string name = "s" + std::to_string(life) + "_" + std::to_string(step);
        if (try_write(name, samples).ok()) samples_[name] = samples;
        if (random() % 3 == 0) (void)engine_->flush().ok();
        if (random() % 3 == 0) (void)engine_->merge().ok();
        if (random() % 2 == 0) (void)engine_->downsample().ok();
        clock.advance(static_cast<int64_t>(random() % 4) * kHour * kNanosPerMilli);
      }
      disk.cut_power(random());
      reopen();
      if (HasFatalFailure()) return;
    }
    clock.set(at(kBegin + 5 * kDay));
    settle();
    Rows stored = read(std::nullopt);
    for (const auto& [name, samples] : samples_)
      ASSERT_EQ(stored[name], samples) << name << " was acknowledged";
    samples_ = stored;  // and what was written without its answer
    expect_sums(kBegin, kBegin + 3 * kDay);
    engine_.reset();  // before its disk
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace obelisk
