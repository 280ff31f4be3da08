// A trace by parts: goal: what a viewer puts together from pages is the trace, and what the parts say is
// right. Method: a trace of a root with 500 calls that each have two children, in a memory store, read over
// the routes.
#include "api/obelisk/trace_parts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "api/request/recording_sinks.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class TracePartsTest : public testing::Test {
 protected:
  TracePartsTest() {
    register_trace_parts(router_, context_);
    BatchBuilder rows(Table::spans);
    add(rows, 1, 0, "GET /", "shop", 0, 1'000'000, 0);
    for (int64_t call = 0; call < 500; ++call) {
      int64_t id = 10 + call * 10;
      add(rows, id, 1, "call", "stock", call * 1000, 900, 0);
      add(rows, id + 1, id, "read", "db", call * 1000 + 100, 200, call % 100 == 0 ? 2 : 0);
      add(rows, id + 2, id, "read", "db", call * 1000 + 400, 200, 0);
    }
    WriteRequest request;
    request.batches.push_back(rows.finish());
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  static void add(BatchBuilder& rows, int64_t id, int64_t parent, std::string_view name,
                  std::string_view service, int64_t start, int64_t duration, int64_t status) {
    rows.add_row({start});
    rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex("abc"));
    rows.set_int(Scope::fixed, column::kSpanId, id);
    if (parent != 0) rows.set_int(Scope::fixed, column::kParentSpanId, parent);
    rows.set_string(Scope::fixed, column::kName, name);
    rows.set_string(Scope::resource, "service.name", service);
    rows.set_int(Scope::fixed, column::kDuration, duration);
    rows.set_int(Scope::fixed, column::kStatusCode, status);
    auto key = std::make_shared<const std::string>(fmt::format("key-{}", id));
    rows.keep_alive(key);
    rows.set_string(Scope::attribute, "app.key", *key);
    if (id % 10 == 1) rows.set_int(Scope::attribute, "app.rows", id);
  }

  std::string get(const std::string& part, int status = 200) {
    HttpResponse answer = answer_of(router_, "GET", "/obelisk/api/v1/traces/abc/" + part);
    EXPECT_EQ(answer.status, status) << answer.body;
    return answer.body;
  }

  static std::vector<std::string> span_ids(const std::string& body) {
    std::vector<std::string> ids;
    std::regex pattern("\"spanId\":\"([0-9a-f]+)\"");
    for (auto it = std::sregex_iterator(body.begin(), body.end(), pattern); it != std::sregex_iterator();
         ++it)
      ids.push_back((*it)[1]);
    return ids;
  }

  MemoryStore store_;
  ManualClock clock_{{1000}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
};

TEST_F(TracePartsTest, TheOverviewCountsEverySpan) {
  std::string body = get("overview");
  EXPECT_NE(body.find(R"("spans":1501,"errors":5,"levels":3,"tops":1)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"({"name":"db","spans":1000,"errors":5,"selfTimeNanos":"200000"})"), std::string::npos)
      << body;
}

TEST_F(TracePartsTest, PagesOfTheTreePutTogetherAreTheTrace) {
  std::set<std::string> seen;
  for (int offset = 0; offset < 1501; offset += 400) {
    std::string body = get(fmt::format("tree?depth=100&limit=400&offset={}", offset));
    EXPECT_NE(body.find("\"total\":1501"), std::string::npos);
    for (const std::string& id : span_ids(body)) EXPECT_TRUE(seen.insert(id).second) << id;
  }
  EXPECT_EQ(seen.size(), 1501u);
}

TEST_F(TracePartsTest, ALevelIsShownWithTheSizeOfWhatIsBelow) {
  std::string top = get("tree?depth=1");
  EXPECT_EQ(span_ids(top), (std::vector<std::string>{"0000000000000001"}));
  EXPECT_NE(top.find(R"("children":500,"subtreeSpans":1501,"subtreeErrors":5)"), std::string::npos) << top;
  std::string two = get("tree?depth=2&limit=3");
  EXPECT_NE(two.find("\"total\":501"), std::string::npos) << two;
  std::string below = get("tree?span=000000000000000a&depth=1");
  EXPECT_EQ(span_ids(below), (std::vector<std::string>{"000000000000000b", "000000000000000c"}));
}

TEST_F(TracePartsTest, EqualPathsAreAggregated) {
  std::string body = get("aggregate");
  EXPECT_NE(body.find(R"({"parent":1,"depth":2,"name":"read","service":"db","count":1000,"errors":5,)"
                      R"("durationNanos":"200000","selfTimeNanos":"200000","longestNanos":"200"})"),
            std::string::npos)
      << body;
  EXPECT_NE(get("aggregate?limit=2").find("\"leftOutSpans\":1000"), std::string::npos);
}

TEST_F(TracePartsTest, TheCriticalPathAndTextsAreFound) {
  std::string path = get("critical-path");
  EXPECT_EQ(span_ids(path)[0], "0000000000000001");
  EXPECT_NE(path.find("\"critical\":true"), std::string::npos);
  EXPECT_EQ(path.find("\"critical\":false"), std::string::npos);
  EXPECT_NE(get("tree?find=read").find("\"total\":1000"), std::string::npos);
}

std::string encoded(std::string_view text) {
  std::string out;
  for (unsigned char c : text) out += fmt::format("%{:02X}", c);
  return out;
}

TEST_F(TracePartsTest, ASearchFindsSpansByTheirAttributes) {
  std::string one = get("search?q=" + encoded(R"({ span.app.key = "key-82" })"));
  ASSERT_EQ(span_ids(one), std::vector<std::string>{SpanId{82}.to_hex()}) << one;
  EXPECT_NE(one.find(R"("total":1)"), std::string::npos) << one;
  // The root, seven calls with two children each, the eighth call and its first child come before it.
  EXPECT_NE(one.find(R"("position":24)"), std::string::npos) << one;
  std::string page = get("search?limit=2&offset=1&q=" + encoded("{ status = error }"));
  EXPECT_NE(page.find(R"("total":5)"), std::string::npos) << page;
  EXPECT_NE(page.find(SpanId{10 + 100 * 10 + 1}.to_hex()), std::string::npos) << page;
  EXPECT_NE(get("search?q=" + encoded("{ span.app.key =~ `key-1[01]` }")).find(R"("total":2)"),
            std::string::npos);
}

TEST_F(TracePartsTest, ASearchMayRelateSpans) {
  std::string failed = get("search?limit=500&q=" + encoded(R"({ name = "call" } &> { status = error })"));
  EXPECT_NE(failed.find(R"("total":10)"), std::string::npos) << failed;
  EXPECT_NE(get("search?q=" + encoded("{ span:childCount = 2 }")).find(R"("total":500)"), std::string::npos);
  EXPECT_NE(get("search?q=" + encoded("{ } | count() > 2000")).find(R"("total":0)"), std::string::npos);
}

TEST_F(TracePartsTest, ATextIsFoundInNamesAndAttributes) {
  EXPECT_NE(get("search?text=read").find(R"("total":1000)"), std::string::npos);
  EXPECT_NE(get("search?text=stock").find(R"("total":500)"), std::string::npos);
  EXPECT_EQ(span_ids(get("search?text=key-4982"))[0], SpanId{4982}.to_hex());
  std::string number = get("search?text=4981");  // app.rows is 4981, and app.key contains it
  EXPECT_NE(number.find(R"("total":1)"), std::string::npos) << number;
  EXPECT_NE(get("search?text=nowhere").find(R"("total":0,"spans":[])"), std::string::npos);
}

TEST_F(TracePartsTest, ASearchThatIsNoneSaysWhy) {
  EXPECT_NE(get("search", 400).find("one of q"), std::string::npos);
  EXPECT_NE(get("search?text=a&q=" + encoded("{}"), 400).find("one of q"), std::string::npos);
  EXPECT_NE(get("search?q=" + encoded("{ span.a = }"), 400).find("parse error"), std::string::npos);
  EXPECT_NE(get("search?q=" + encoded("{} | rate()"), 400).find("metrics query"), std::string::npos);
}

TEST_F(TracePartsTest, FailedSpansAreAListOfTheirOwn) {
  std::string failed = get("tree?failed=true&limit=2");
  EXPECT_NE(failed.find("\"total\":5"), std::string::npos) << failed;
  EXPECT_EQ(span_ids(failed).size(), 2u);
  EXPECT_EQ(failed.find("\"status\":0"), std::string::npos) << failed;
}

TEST_F(TracePartsTest, TheWayToASpanNamesThePlaceOfEach) {
  std::string way = get(fmt::format("way?span={}", SpanId{10 + 7 * 10 + 2}.to_hex()));
  EXPECT_EQ(span_ids(way),
            (std::vector<std::string>{SpanId{1}.to_hex(), SpanId{80}.to_hex(), SpanId{82}.to_hex()}));
  std::vector<std::string> places;
  std::regex pattern("\"place\":([0-9]+)");
  for (auto it = std::sregex_iterator(way.begin(), way.end(), pattern); it != std::sregex_iterator(); ++it)
    places.push_back((*it)[1]);
  EXPECT_EQ(places, (std::vector<std::string>{"0", "7", "1"}));
  // A page of the tree that begins at that place begins with the span.
  EXPECT_EQ(span_ids(get("tree?span=0000000000000001&depth=1&offset=7&limit=1"))[0], SpanId{80}.to_hex());
}

TEST_F(TracePartsTest, OneSpanIsReadAsItIsStored) {
  std::string span = get(fmt::format("span?span={}", SpanId{82}.to_hex()));
  EXPECT_NE(span.find(R"("spanId":"0000000000000052","parentSpanId":"0000000000000050","name":"read")"),
            std::string::npos)
      << span;
  EXPECT_NE(span.find(R"("key":"service.name","value":{"stringValue":"db"})"), std::string::npos) << span;
  EXPECT_NE(get("span", 400).find("span is missing"), std::string::npos);
}

// 500 calls of 900 ns, one a microsecond, below a root of a millisecond.
TEST_F(TracePartsTest, TheTimelineSaysWhatRunsWhen) {
  std::string line = get("timeline?columns=4&levels=2");
  EXPECT_NE(line.find(R"("services":["shop","stock","db"],"levels":[[0,0,0,0],[1,1,-1,-1]])"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find(R"("spans":[751,750,0,0],"errors":[3,2,0,0])"), std::string::npos) << line;
  std::string part = get("timeline?columns=2&levels=9&begin=100000&end=102000");
  EXPECT_NE(part.find(R"("beginNanos":"100000","endNanos":"102000")"), std::string::npos) << part;
  EXPECT_NE(part.find(R"("levels":[[0,0],[1,1],[2,2]],"spans":[3,3])"), std::string::npos) << part;
  EXPECT_NE(get("timeline?begin=5&end=5", 400).find("after begin"), std::string::npos);
  EXPECT_NE(get("timeline?columns=0", 400).find("invalid columns"), std::string::npos);
}

// Parts show the state that was opened; opening the trace again later shows what has come since.
TEST_F(TracePartsTest, AnOutlineIsKeptUntilTheTraceIsOpenedAgain) {
  EXPECT_NE(get("overview").find("\"spans\":1501"), std::string::npos);
  BatchBuilder rows(Table::spans);
  add(rows, 9'000, 1, "late", "shop", 5, 10, 0);
  WriteRequest request;
  request.batches.push_back(rows.finish());
  ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  clock_.advance(60 * kNanosPerSecond);
  EXPECT_NE(get("tree?depth=100").find("\"total\":1501"), std::string::npos);
  EXPECT_NE(get("overview").find("\"spans\":1502"), std::string::npos);
  EXPECT_NE(get("tree?depth=100").find("\"total\":1502"), std::string::npos);
}

TEST_F(TracePartsTest, WrongRequestsSayWhatIsWrong) {
  EXPECT_NE(get("tree?limit=0", 400).find("invalid limit"), std::string::npos);
  EXPECT_NE(get("tree?span=xyz", 400).find("invalid span"), std::string::npos);
  EXPECT_NE(get("tree?span=00000000000000ff", 404).find("no such span"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
