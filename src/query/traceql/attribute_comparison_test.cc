// Goal: counts of both sides are those of a count by hand, effects rank as they must, and attributes with
// more values than are listed still give exact counts. Method: a memory store with a known fault.
#include "query/traceql/attribute_comparison.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

class AttributeComparisonTest : public testing::Test {
 protected:
  // 3,000 spans, each with an id of its own; every tenth has variant b, and of those nine of ten failed; of
  // the others one in a hundred.
  AttributeComparisonTest() {
    std::string& text = sent_;
    for (int i = 0; i < 3000; ++i) {
      bool is_b = i % 10 == 0;
      bool failed = is_b ? i % 100 != 0 : i % 100 == 1;
      text += fmt::format(
          "trace {:x}\n  s{} shop A {}ms 1ms span.variant=\"{}\" span.id=\"id-{}\" span.port={}{}\n", i + 1,
          i, i, is_b ? "b" : "a", i, i % 2 == 0 ? 80 : 81, failed ? " error" : "");
    }
    WriteRequest request;
    request.batches.push_back(test_batch(text));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  Result<AttributeComparison> compare(std::string_view of, std::string_view selection, uint64_t limit = 10) {
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget_, cancel_};
    return compare_attributes(context, of, selection, {{kTestEpoch}, {kTestEpoch + 3600 * kNanosPerSecond}},
                              limit);
  }

  std::string sent_;
  MemoryStore store_;
  Budget budget_{100 << 20};
  Cancel cancel_;
};

TEST_F(AttributeComparisonTest, TheCauseComesFirstWithExactCounts) {
  auto found = compare("{}", "{ status = error }");
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  EXPECT_EQ(found->selected, 300u);  // 270 of b, 30 of a
  EXPECT_EQ(found->others, 2700u);
  ASSERT_GE(found->values.size(), 4u);
  EXPECT_EQ(found->values[0].attribute, "status");  // what was selected by
  EXPECT_EQ(found->values[0].type, "keyword");
  const ComparedValue* b = nullptr;
  for (const ComparedValue& value : found->values) {
    if (value.attribute == "span.variant" && value.value == "b") b = &value;
  }
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->selected, 270u);
  EXPECT_EQ(b->others, 30u);
  EXPECT_NEAR(b->effect, 2 * std::asin(std::sqrt(0.9)) - 2 * std::asin(std::sqrt(30.0 / 2700)), 1e-9);
  EXPECT_TRUE(b->significant);
  for (size_t i = 1; i < found->values.size(); ++i)
    EXPECT_LE(std::abs(found->values[i].effect), std::abs(found->values[i - 1].effect));
}

TEST_F(AttributeComparisonTest, WhatEventsAndLinksSayIsCompared) {
  WriteRequest request;
  request.batches.push_back(test_batch(R"(
trace e1
  e shop B 1s 1ms error event:exception@1us event.exception.type="Timeout"
trace e2
  f shop B 2s 1ms error event:exception@1us event.exception.type="Timeout" link:d1/a link.why="again"
trace e3
  g shop B 3s 1ms event:retry@1us event:retry@2us
)"));
  ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  EXPECT_FALSE(compare("{}", "{ event:name = \"retry\" }").ok())
      << "a store does not know what is in an array";
  auto found = compare("{ name = \"B\" }", "{ status = error }", 0);
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  std::map<std::string, std::pair<uint64_t, uint64_t>> counts;
  for (const ComparedValue& value : found->values)
    counts[value.attribute + "=" + value.value] = {value.selected, value.others};
  EXPECT_EQ(counts.at("event.exception.type=Timeout"), std::pair(2ul, 0ul));
  EXPECT_EQ(counts.at("event:name=exception"), std::pair(2ul, 0ul));
  EXPECT_EQ(counts.at("link.why=again"), std::pair(1ul, 0ul));
  EXPECT_FALSE(counts.contains("event:name=retry"));  // an array
}

TEST_F(AttributeComparisonTest, ASpanThatWasSentTwiceCountsOnce) {
  auto before = compare("{}", "{ status = error }", 0);
  WriteRequest request;
  request.batches.push_back(test_batch(sent_));
  ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  auto after = compare("{}", "{ status = error }", 0);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(after->selected, 300u);
  EXPECT_EQ(after->others, 2700u);
  ASSERT_EQ(after->values.size(), before->values.size());
  for (size_t i = 0; i < after->values.size(); ++i) {
    EXPECT_EQ(after->values[i].value, before->values[i].value);
    EXPECT_EQ(after->values[i].selected, before->values[i].selected);
    EXPECT_EQ(after->values[i].others, before->values[i].others);
  }
}

TEST_F(AttributeComparisonTest, WhatIsTheSameOnBothSidesIsNotSignificant) {
  auto found = compare("{ span.variant = \"a\" }", "{ span.port = 81 }", 100'000);
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  EXPECT_EQ(found->selected, 1500u);
  EXPECT_EQ(found->others, 1200u);
  size_t seen = 0;
  for (const ComparedValue& value : found->values) {
    if (value.attribute == "name") {
      ++seen;
      EXPECT_EQ(value.effect, 0);
      EXPECT_FALSE(value.significant);
    }
    if (value.attribute != "span.port") continue;
    ++seen;
    EXPECT_EQ(value.type, "int");
    EXPECT_EQ(value.selected, value.value == "81" ? 1500u : 0u);
    EXPECT_EQ(value.others, value.value == "81" ? 0u : 1200u);
  }
  EXPECT_EQ(seen, 3u);
}

// Each id occurs once: those of the selected that are not among the first thousand of all are counted too.
TEST_F(AttributeComparisonTest, ManyValuesAreCutByFrequencyAndStillExact) {
  auto found = compare("{}", "{ status = error }", 100'000);
  ASSERT_TRUE(found.ok());
  uint64_t selected = 0, ids = 0;
  for (const ComparedValue& value : found->values) {
    if (value.attribute != "span.id") continue;
    ++ids;
    selected += value.selected;
    EXPECT_EQ(value.selected + value.others, 1u) << value.value;
  }
  EXPECT_EQ(selected, 300u);
  EXPECT_GT(ids, 1000u);
  EXPECT_LE(ids, 1300u);
}

TEST_F(AttributeComparisonTest, OtherQueriesAreRefusedByName) {
  EXPECT_EQ(compare("{} | count() > 1", "{}").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(compare("{}", "{ parent.name = \"A\" }").error().code, ErrorCode::unsupported);
  EXPECT_EQ(compare("{}", "{ nosuch").error().code, ErrorCode::parse_error);
  auto none = compare("{}", "{ name = \"none\" }");
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->selected, 0u);
  EXPECT_TRUE(none->values.empty());
}

}  // namespace
}  // namespace obelisk::traceql
