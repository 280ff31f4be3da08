// Goal: queries that other servers die of end early, with a reason, within their budget; the same question
// asked as a sum is answered. Method: 2,000 streams of five lines with a trace id each, so that every line is
// a series of its own unless it is summed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <utility>

#include "plan/read_progress.h"
#include "query/logql/engine.h"
#include "query/logql/parser.h"
#include "query/logql/patterns.h"
#include "storage/memory/memory_store.h"
#include "storage/writer.h"

namespace obelisk::logql {
namespace {

constexpr int64_t kBegin = 1'700'000'000 * kNanosPerSecond;
constexpr int kStreams = 2000, kLines = 5;

class QueryLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    BatchBuilder builder(Table::logs);
    for (int stream = 0; stream < kStreams; ++stream) {
      std::string pod = fmt::format("pod-{}", stream);
      LabelRef labels[] = {{"job", "shop"}, {"pod", pod}};
      builder.begin_group_copy(labels);
      for (int i = 0; i < kLines; ++i) {
        builder.add_row({kBegin + i * kNanosPerSecond});
        builder.set_string(Scope::fixed, column::kLine, "a card, by hand");
        builder.set_string(Scope::attribute, "trace_id",
                           builder.arena().copy(fmt::format("{:032x}", stream * kLines + i)));
      }
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  Result<LogqlResult> ask(const std::string& query, uint64_t budget_bytes, uint64_t* used = nullptr) {
    Budget budget(budget_bytes);
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, cancel};
    RangeRequest request;
    request.start = {kBegin};
    request.end = {kBegin + 60 * kNanosPerSecond};
    request.step_nanos = kNanosPerSecond;
    Result<LogqlResult> result = query_range(context, query, request, LogqlLimits());
    if (used != nullptr) *used = budget.used_bytes();
    return result;
  }

  MemoryStore store_;
};

// A store whose scans but the first open only when the query's time is over.
class SlowReader : public Reader {
 public:
  explicit SlowReader(Reader& inner) : inner_(inner) {}
  Result<Snapshot> snapshot(const Tenant& tenant) override { return inner_.snapshot(tenant); }
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override { return inner_.plan(at, scan); }
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override {
    while (opened_ > 0 && cancel.check().ok()) std::this_thread::yield();
    ++opened_;
    return inner_.open(plan, budget, cancel);
  }
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override {
    return inner_.series(at, scan, cancel);
  }
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override {
    return inner_.columns(at, scan);
  }
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override {
    return inner_.values(at, scan, column, limit, cancel);
  }

 private:
  Reader& inner_;
  int opened_ = 0;
};

// A store whose scans give one batch and then say that time is up.
class TimeIsUpReader : public SlowReader {
 public:
  using SlowReader::SlowReader;
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override {
    OBELISK_TRY(std::unique_ptr<Cursor> inner, SlowReader::open(plan, budget, cancel));
    return std::unique_ptr<Cursor>(std::make_unique<OneBatch>(std::move(inner)));
  }

 private:
  class OneBatch : public Cursor {
   public:
    explicit OneBatch(std::unique_ptr<Cursor> inner) : inner_(std::move(inner)) {}
    Result<BatchPtr> next() override {
      if (std::exchange(done_, true)) return make_error(ErrorCode::timeout, "time is up");
      return inner_->next();
    }
    Coverage coverage() const override { return inner_->coverage(); }

   private:
    std::unique_ptr<Cursor> inner_;
    bool done_ = false;
  };
};

TEST_F(QueryLimits, PatternsOfParsedLinesAreOfAllOrSaySo) {
  RangeRequest request;
  request.start = {kBegin};
  request.end = {kBegin + 60 * kNanosPerSecond};
  request.step_nanos = 60 * kNanosPerSecond;
  auto ask_reader = [&](Reader& reader) {
    Budget budget;
    Cancel cancel;
    QueryContext context{reader, kDefaultTenant, *reader.snapshot(kDefaultTenant), budget, cancel};
    return find_patterns(context, parse_query(R"({job="shop"} | logfmt | job="shop")")->selector, request);
  };
  Result<PatternsResult> all = ask_reader(store_);
  ASSERT_TRUE(all.ok()) << all.error().to_string();
  EXPECT_EQ(all->incomplete, "");
  ASSERT_EQ(all->patterns.size(), 1u);
  EXPECT_EQ(all->patterns[0].counts[0], uint64_t{kStreams} * kLines);
  TimeIsUpReader reader(store_);
  Result<PatternsResult> some = ask_reader(reader);
  ASSERT_TRUE(some.ok()) << some.error().to_string();
  EXPECT_EQ(some->incomplete, "partial: only 10000 lines were counted, from no particular time: time is up");
}

TEST_F(QueryLimits, TheSumOfEverythingIsAnswered) {
  for (const char* query : {R"(sum(count_over_time({job=~".+"}[60s])))",
                            R"(sum(count_over_time({job=~".+"} |~ ".*a.*b.*" [60s])))",
                            R"(sum by (job) (count_over_time({job=~".+"} | trace_id != "" [60s])))"}) {
    Result<LogqlResult> result = ask(query, 64 << 20);
    ASSERT_TRUE(result.ok()) << query << ": " << result.error().to_string();
    ASSERT_EQ(result->matrix.size(), 1u) << query;
    EXPECT_EQ(result->matrix[0].values[10], kStreams * kLines) << query;
  }
}

TEST_F(QueryLimits, TooManySeriesAreRefusedWhenTheFirstTooManyTurnsUp) {
  for (const char* query : {R"(rate({job=~".+"}[60s]))", R"(rate({job=~".+"} |~ ".*a.*b.*" [60s]))",
                            R"(sum by (trace_id) (count_over_time({job=~".+"}[60s])))"}) {
    Result<LogqlResult> result = ask(query, 2 << 20);  // far from enough for all of them
    ASSERT_FALSE(result.ok()) << query;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument) << result.error().to_string();
    EXPECT_NE(result.error().message.find("maximum number of series (500)"), std::string::npos)
        << result.error().message;
  }
}

TEST_F(QueryLimits, WhatNeedsMoreThanItsBudgetSaysSo) {
  // The answer has five series, but all have to be known for them.
  const char* query = R"(topk(5, sum by (trace_id) (count_over_time({job=~".+"}[60s]))))";
  uint64_t used = 0;
  Result<LogqlResult> result = ask(query, 4 << 20, &used);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::too_large) << result.error().to_string();
  EXPECT_LT(used, 8u << 20);
  result = ask(query, 256 << 20);
  ASSERT_TRUE(result.ok()) << result.error().to_string();
}

// What a log query found until its memory or its time was used up is the beginning of its answer.
TEST_F(QueryLimits, ALogQueryThatCannotFinishSaysPartialWithTheReason) {
  RangeRequest request;
  request.start = {kBegin};
  request.end = {kBegin + kLines * kNanosPerSecond};
  request.limit = 5'000;
  auto ask_reader = [&](Reader& reader, uint64_t budget_bytes, std::chrono::milliseconds time) {
    Budget budget(budget_bytes);
    Cancel cancel(Cancel::Clock::now() + time);
    QueryContext context{reader, kDefaultTenant, *reader.snapshot(kDefaultTenant), budget, cancel};
    return query_range(context, R"({job="shop"} | drop trace_id)", request, LogqlLimits());
  };
  auto expect_partial = [&](const Result<LogqlResult>& result, std::string_view reason) {
    ASSERT_TRUE(result.ok()) << result.error().to_string();
    EXPECT_FALSE(result->statistics.complete);
    const std::string& said = result->statistics.incomplete_reason;
    EXPECT_NE(said.find("partial: not all lines at and before"), std::string::npos) << said;
    EXPECT_NE(said.find(reason), std::string::npos) << said;
    EXPECT_GT(result->entry_count, 0u);
    EXPECT_LT(result->entry_count, request.limit);
    // The newest ones: all of the second that was read, or some.
    for (const LogStream& stream : result->streams) {
      for (const LogEntry& entry : stream.entries)
        EXPECT_EQ(entry.time, kBegin + (kLines - 1) * kNanosPerSecond);
    }
  };
  expect_partial(ask_reader(store_, 300 << 10, std::chrono::hours(1)), "memory");
  SlowReader slow(store_);
  expect_partial(ask_reader(slow, 1 << 30, std::chrono::milliseconds(1'000)), "time");
  // What may be read is used up: the same.
  auto progress = std::make_shared<ReadProgress>();
  count_reads_into(progress);
  Cancel stop;
  progress->limit_reads({kStreams * kLines + 1, 0}, &stop);  // the first look at everything
  Budget budget;
  QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, stop};
  expect_partial(query_range(context, R"({job="shop"} | drop trace_id)", request, LogqlLimits()),
                 "too many lines");
  progress->limit_reads({}, nullptr);
  count_reads_into(nullptr);
  // Nothing found in time: an error, not an empty answer.
  Result<LogqlResult> nothing = ask_reader(store_, 1 << 30, std::chrono::milliseconds(-1));
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().code, ErrorCode::timeout);
}

}  // namespace
}  // namespace obelisk::logql
