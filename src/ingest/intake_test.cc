#include "ingest/intake.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/self_metrics.h"
#include "model/histogram.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000'000;

// Keeps what was written, and can be told to fail.
class RecordingWriter : public Writer {
 public:
  void append(WriteRequest request, Done done) override {
    if (failure) return done(*failure);
    for (Batch& batch : request.batches) {
      ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
      batches.push_back(std::move(batch));
    }
    ++requests;
    done(LogPosition{++sequence});
  }
  std::optional<Error> failure;
  std::vector<Batch> batches;
  uint64_t sequence = 0;
  int requests = 0;
};

class IntakeTest : public testing::Test {
 protected:
  Result<IntakeOutcome> write(std::vector<Batch> batches) {
    std::optional<Result<IntakeOutcome>> result;
    intake_.write(kDefaultTenant, std::move(batches),
                  [&](Result<IntakeOutcome> outcome) { result = std::move(outcome); });
    EXPECT_TRUE(result.has_value());
    return *result;
  }
  Result<IntakeOutcome> write(Batch batch) {
    std::vector<Batch> batches;
    batches.push_back(std::move(batch));
    return write(std::move(batches));
  }

  ManualClock clock_{UnixNanos{kNow}};
  RecordingWriter writer_;
  Intake intake_{writer_, clock_};
};

Batch log_batch(std::initializer_list<std::pair<int64_t, std::string_view>> lines,
                const Labels& labels = {{"app", "shop"}}) {
  BatchBuilder rows(Table::logs);
  rows.begin_group_copy(labels.view());
  for (const auto& [time, line] : lines) {
    rows.add_row(UnixNanos{time});
    rows.set_string(Scope::fixed, column::kLine, rows.arena().copy(line));
  }
  return rows.finish();
}

TEST_F(IntakeTest, StoresRowsAndCountsThem) {
  uint64_t before = counter("obelisk_intake_rows_total", "", {{"table", "logs"}}).value();
  Result<IntakeOutcome> outcome = write(log_batch({{kNow, "a"}, {kNow, "b"}}));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->accepted_rows, 2u);
  EXPECT_EQ(outcome->rejected_rows, 0u);
  EXPECT_EQ(outcome->message, "");
  ASSERT_EQ(writer_.batches.size(), 1u);
  EXPECT_EQ(counter("obelisk_intake_rows_total", "", {{"table", "logs"}}).value(), before + 2);
}

TEST_F(IntakeTest, RowsOverALimitAreLeftOutTheRestIsStored) {
  Counter& refused =
      counter("obelisk_intake_refused_rows_total", "", {{"table", "logs"}, {"reason", "line_too_long"}});
  uint64_t before = refused.value();
  std::string long_line(300'000, 'x');
  Result<IntakeOutcome> outcome = write(log_batch(
      {{kNow, "kept"}, {kNow, long_line}, {kNow + 601 * kNanosPerSecond, "future"}, {kNow, "also kept"}}));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->accepted_rows, 2u);
  EXPECT_EQ(outcome->rejected_rows, 2u);
  EXPECT_NE(outcome->message.find("entry for stream '{app=\"shop\"}' has timestamp too new"),
            std::string::npos)
      << outcome->message;
  EXPECT_NE(outcome->message.find("(2 rows rejected)"), std::string::npos);
  ASSERT_EQ(writer_.batches.at(0).row_count, 2u);
  EXPECT_EQ(writer_.batches[0].find_fixed(column::kLine)->strings[1], "also kept");
  EXPECT_EQ(refused.value(), before + 1);
}

TEST_F(IntakeTest, TextsFollowLokiAndPrometheus) {
  EXPECT_NE(write(log_batch({{kNow, std::string(300'000, 'x')}}))
                ->message.find("max entry size '262144' bytes exceeded for stream '{app=\"shop\"}' while "
                               "adding an entry with length "
                               "'300000' bytes"),
            std::string::npos);
  std::string long_text(5'000, 'v');
  EXPECT_NE(
      write(log_batch({{kNow, "x"}}, Labels{{"app", long_text}}))->message.find("has label value too long"),
      std::string::npos);
  EXPECT_NE(
      write(log_batch({{kNow, "x"}}, Labels{{long_text, "y"}}))->message.find("has label name too long"),
      std::string::npos);
  std::vector<Label> many;
  for (int i = 0; i < 70; ++i) many.push_back({"l" + std::to_string(i), "v"});
  EXPECT_NE(write(log_batch({{kNow, "x"}}, Labels(many)))->message.find("has 70 label names; limit 64"),
            std::string::npos);

  BatchBuilder rows(Table::samples);
  rows.begin_group_copy(Labels{{"__name__", "up"}, {"x", long_text}}.view());
  rows.add_row(UnixNanos{kNow});
  rows.set_float(Scope::fixed, column::kValue, 1);
  EXPECT_NE(
      write(rows.finish())->message.find("label_value_length_limit exceeded (metric: up, label name: x"),
      std::string::npos);
  EXPECT_TRUE(writer_.batches.empty());
}

TEST_F(IntakeTest, ARequestWithoutAcceptableRowsSucceedsWithoutAWrite) {
  Result<IntakeOutcome> outcome = write(log_batch({{kNow + 3600 * kNanosPerSecond, "x"}}));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->accepted_rows, 0u);
  EXPECT_EQ(outcome->rejected_rows, 1u);
  EXPECT_EQ(writer_.requests, 0);
  EXPECT_TRUE(write(std::vector<Batch>{}).ok());
}

TEST_F(IntakeTest, TheWritersErrorIsPassedOn) {
  writer_.failure = make_error(ErrorCode::overloaded, "queue full");
  Result<IntakeOutcome> outcome = write(log_batch({{kNow, "a"}}));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::overloaded);
}

TEST_F(IntakeTest, TraceIdsAreFoundInLines) {
  ASSERT_TRUE(write(log_batch({{kNow, "x trace_id=0af7651916cd43dd8448eb211c80319c"}})).ok());
  const ColumnData* trace = writer_.batches.at(0).find_fixed(column::kTraceId);
  ASSERT_NE(trace, nullptr);
  EXPECT_EQ(trace->trace_ids[0].to_hex(), "0af7651916cd43dd8448eb211c80319c");
}

Batch metadata_batch(std::string_view family, std::string_view help) {
  BatchBuilder rows(Table::metadata);
  rows.add_row(UnixNanos{kNow});
  rows.set_string(Scope::fixed, column::kMetricFamily, rows.arena().copy(family));
  rows.set_string(Scope::fixed, column::kMetricType, "gauge");
  rows.set_string(Scope::fixed, column::kHelp, rows.arena().copy(help));
  return rows.finish();
}

TEST_F(IntakeTest, MetadataIsStoredWhenItIsNewsOnly) {
  EXPECT_EQ(write(metadata_batch("up", "help"))->accepted_rows, 1u);
  EXPECT_EQ(write(metadata_batch("up", "help"))->accepted_rows, 1u);
  EXPECT_EQ(writer_.requests, 1);
  EXPECT_TRUE(write(metadata_batch("up", "other help")).ok());
  EXPECT_EQ(writer_.requests, 2);
  clock_.advance(3601 * kNanosPerSecond);
  EXPECT_TRUE(write(metadata_batch("up", "other help")).ok());
  EXPECT_EQ(writer_.requests, 3);
  // What failed was not stored, so it is news again.
  writer_.failure = make_error(ErrorCode::no_space, "disk full");
  EXPECT_FALSE(write(metadata_batch("down", "help")).ok());
  writer_.failure.reset();
  EXPECT_TRUE(write(metadata_batch("down", "help")).ok());
  EXPECT_EQ(writer_.requests, 4);
}

Batch delta_batch(int64_t time, double value) {
  BatchBuilder rows(Table::samples);
  rows.begin_group_copy(Labels{{"__name__", "requests_total"}}.view());
  rows.add_row(UnixNanos{time});
  rows.set_int(Scope::fixed, column::kStartTime, time - 10);
  rows.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
  rows.set_float(Scope::fixed, column::kValue, value);
  return rows.finish();
}

TEST_F(IntakeTest, DeltasAreStoredAsCumulativeSamples) {
  ASSERT_TRUE(write(delta_batch(1'000, 5)).ok());
  ASSERT_TRUE(write(delta_batch(2'000, 7)).ok());
  ASSERT_EQ(writer_.batches.size(), 2u);
  EXPECT_EQ(writer_.batches[1].find_fixed(column::kValue)->floats[0], 12);
  EXPECT_EQ(writer_.batches[1].find_fixed(column::kStartTime)->ints[0], 990);
  EXPECT_EQ(writer_.batches[1].find_fixed(column::kTemporality), nullptr);
  Result<IntakeOutcome> repeated = write(delta_batch(2'000, 7));
  EXPECT_EQ(repeated->rejected_rows, 1u);
  EXPECT_EQ(writer_.batches.size(), 2u);
}

// The memory store behind the intake: what went in comes out.
TEST(IntakeWithStore, RowsAreReadable) {
  MemoryStore store;
  ManualClock clock(UnixNanos{kNow});
  Intake intake(store, clock);
  std::vector<Batch> batches;
  batches.push_back(log_batch({{kNow, "hello"}}));
  bool done = false;
  intake.write("tenant-a", std::move(batches), [&](Result<IntakeOutcome> outcome) { done = outcome.ok(); });
  ASSERT_TRUE(done);
  Scan scan;
  scan.table = Table::logs;
  scan.all_columns = true;
  Budget budget(1 << 20);
  Cancel cancel;
  Result<Snapshot> at = store.snapshot("tenant-a");
  ASSERT_TRUE(at.ok());
  scan.tenant = "tenant-a";
  auto cursor = open_scan(store, *at, scan, budget, cancel);
  ASSERT_TRUE(cursor.ok()) << cursor.error().to_string();
  Result<BatchPtr> batch = (*cursor)->next();
  ASSERT_TRUE(batch.ok());
  ASSERT_NE(*batch, nullptr);
  EXPECT_EQ((*batch)->find_fixed(column::kLine)->strings[0], "hello");
}

}  // namespace
}  // namespace obelisk
