// Goal: an empty answer names what emptied it, with right counts. Method: a few traces in a memory store, a
// query for each way to find nothing.
#include "query/traceql/explain.h"

#include <gtest/gtest.h>

#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

constexpr std::string_view kTraces = R"(
trace a1
  a shop A 0s 1s span.n=2 span.zone="x" error
    b shop B 1s 250ms span.n=1
    c pay C 2s 500ms span.zone="y"
trace a2
  d shop A 5s 2s span.n=3 span.zone="x"
)";

class TraceqlExplain : public testing::Test {
 protected:
  TraceqlExplain() {
    WriteRequest request;
    request.batches.push_back(test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  TraceqlExplanation explain(std::string_view query, int64_t seconds = 60) {
    Budget budget;
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, store_.snapshot(kDefaultTenant).value(), budget, cancel};
    UnixNanos start{kTestEpoch};
    auto result = explain_traceql(context, query, {start, start + seconds * kNanosPerSecond});
    EXPECT_TRUE(result.ok()) << query << ": " << result.error().message;
    return result.ok() ? std::move(*result) : TraceqlExplanation{};
  }
  std::string why(std::string_view query, int64_t seconds = 60) {
    std::string all;
    for (const std::string& one : explain(query, seconds).why_empty) all += (all.empty() ? "" : "; ") + one;
    return all;
  }

  MemoryStore store_;
};

TEST_F(TraceqlExplain, WhatFindsSomethingIsCountedStageByStage) {
  TraceqlExplanation found = explain("{ name != \"B\" } | by(name) | count() > 0 | { status = error }");
  EXPECT_TRUE(found.why_empty.empty()) << found.why_empty[0];
  EXPECT_EQ(found.spans, 4u);
  ASSERT_EQ(found.pipelines.size(), 1u);
  ASSERT_EQ(found.pipelines[0].stages.size(), 4u);
  EXPECT_EQ(found.pipelines[0].stages[0].spans, 3u);
  EXPECT_EQ(found.pipelines[0].stages[2].text, "count() > 0");
  EXPECT_EQ(found.pipelines[0].stages[3].spans, 1u);
}

TEST_F(TraceqlExplain, TheConditionThatNobodyFits) {
  EXPECT_EQ(why("{ resource.service.name = \"shop\" && span.zone = \"none\" }"),
            "no span of the range fits span.zone = \"none\"; without it 3 spans would fit "
            "{ resource.service.name = \"shop\" && span.zone = \"none\" }");
  EXPECT_EQ(why("{ name = \"D\" }"), "no span of the range fits { name = \"D\" }");
}

TEST_F(TraceqlExplain, ConditionsThatNeverMeet) {
  TraceqlExplanation found = explain("{ name = \"C\" && status = error }");
  ASSERT_EQ(found.pipelines[0].stages[0].filters.size(), 1u);
  const std::vector<ExplainedCondition>& conditions = found.pipelines[0].stages[0].filters[0].conditions;
  ASSERT_EQ(conditions.size(), 2u);
  EXPECT_EQ(conditions[0].alone, 1u);
  EXPECT_EQ(conditions[0].without, 1u);
  ASSERT_EQ(found.why_empty.size(), 2u);
  EXPECT_NE(found.why_empty[0].find("but none of the 1 that fit the rest"), std::string::npos)
      << found.why_empty[0];
}

// Conditions are counted by the text they are shown with: it must mean the same, whatever they are made of.
TEST_F(TraceqlExplain, ConditionsOfEveryKindAreCounted) {
  for (std::string_view query :
       {R"({ ."5" = nil && span.n / 2.0 = 1 && span.n / 2 = 1 && name = "A" })",
        R"({ (span.n = 2 || span.n = 3) && name = "A" && !(status = ok) && -span.n < -1.5 })",
        R"({ span."a b\"c" = nil && duration > 1.5ms && kind = unspecified && span.n * 2 + 1 = 5 })",
        R"({ name =~ "A|\\d\"\n\t" && span.n != 1e9 && .n >= minInt && trace:rootName = `A` })",
        R"({ (span.zone = "x" || nil = span.q) && (true || .a) && parent = nil && span:childCount > 1 })"})
    EXPECT_EQ(why(query), "") << query;
  TraceqlExplanation found = explain(R"({ (span.n = 2 || span.n = 3) && name = "A" })");
  EXPECT_EQ(found.pipelines[0].stages[0].filters[0].text,
            R"({ ((span.n = 2) || (span.n = 3)) && name = "A" })");
  EXPECT_EQ(found.pipelines[0].stages[0].filters[0].spans, 2u);
}

TEST_F(TraceqlExplain, StagesAndRelations) {
  EXPECT_EQ(why("{ name = \"C\" } > { name = \"A\" }"),
            "{ name = \"C\" } > { name = \"A\" } leaves none of the 4 spans before it");
  EXPECT_EQ(why("{ } | count() > 10"), "count() > 10 leaves none of the 4 spans before it");
  EXPECT_EQ(why("{ name = \"Z\" } > { name = \"A\" }"), "no span of the range fits { name = \"Z\" }");
  EXPECT_EQ(why("({ } | count() > 10)"), "({ } | count() > 10) leaves none of the 4 spans before it");
}

TEST_F(TraceqlExplain, MetricsAndTheirThresholds) {
  EXPECT_EQ(why("{ name = \"A\" } | rate()"), "");
  EXPECT_EQ(why("{ name = \"Z\" } | rate()"), "no span of the range fits { name = \"Z\" }");
  EXPECT_EQ(why("{ name = \"C\" } | avg_over_time(span.n)"),
            "none of the 1 spans has a number in span.n, which avg_over_time(span.n) measures");
  EXPECT_NE(why("{ } | count_over_time() > 100").find("a comparison"), std::string::npos);
  EXPECT_EQ(why("({ name = \"Z\" } | rate()) / ({ } | rate())"),
            "no span of the range fits { name = \"Z\" }");
}

TEST_F(TraceqlExplain, AnEmptyRange) {
  Budget budget;
  Cancel cancel;
  QueryContext context{store_, kDefaultTenant, store_.snapshot(kDefaultTenant).value(), budget, cancel};
  UnixNanos late{kTestEpoch + 3600 * kNanosPerSecond};
  auto result = explain_traceql(context, "{ name = \"A\" }", {late, late + kNanosPerSecond});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->why_empty.size(), 1u);
  EXPECT_EQ(result->why_empty[0], "no span at all started in the range");
  EXPECT_FALSE(explain_traceql(context, "{ name = }", {late, late + kNanosPerSecond}).ok());
}

}  // namespace
}  // namespace obelisk::traceql
