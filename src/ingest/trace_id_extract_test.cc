#include "ingest/trace_id_extract.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kSpan = "b7ad6b7169203331";

std::string with_ids(std::string_view before, std::string_view after) {
  return std::string(before) + std::string(kTrace) + std::string(after);
}

TEST(TraceIdExtract, FindsKeysInLines) {
  for (const std::string& line :
       {with_ids(R"({"level":"error","trace_id":")", R"(","msg":"x"})"),
        with_ids(R"({"traceId": ")", R"("})"), with_ids("level=info traceID=", " msg=hi"),
        with_ids("trace.id=\"", "\""), with_ids("msg=x trace_id=", ""),
        with_ids(R"({"message":"{\"trace_id\":\")", R"(\"}"})"), with_ids("tracer started trace_id : ", ","),
        with_ids("[trace_id=", "]")}) {
    std::optional<TraceId> id = find_trace_id(line);
    ASSERT_TRUE(id.has_value()) << line;
    EXPECT_EQ(id->to_hex(), kTrace);
  }
}

TEST(TraceIdExtract, IgnoresWhatIsNoTraceId) {
  for (const std::string& line :
       {std::string(""), std::string("trace"), std::string("trace_id"), std::string("trace_id="),
        std::string("trace_id=short"), with_ids("my_trace_id=", ""), with_ids("trace_id=", "00"),
        with_ids("trace_ids=", ""), with_ids("trace_id ", ""), with_ids("trace_id=", "-x"),
        std::string("trace_id=00000000000000000000000000000000"), with_ids("subtrace_id=", "")}) {
    EXPECT_FALSE(find_trace_id(line).has_value()) << line;
  }
}

TEST(TraceIdExtract, FillsTheColumnsOfLogs) {
  BatchBuilder rows(Table::logs);
  std::string in_line = with_ids("trace_id=", " span_id=") + std::string(kSpan);
  rows.add_row({1});
  rows.set_string(Scope::fixed, column::kLine, in_line);
  rows.add_row({2});
  rows.set_string(Scope::fixed, column::kLine, "nothing here");
  rows.add_row({3});
  rows.set_string(Scope::fixed, column::kLine, "by attribute");
  rows.set_string(Scope::attribute, "traceId", kTrace);
  rows.set_string(Scope::attribute, "span_id", kSpan);
  Batch batch = rows.finish();
  extract_trace_ids(batch);
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  const ColumnData* trace = batch.find_fixed(column::kTraceId);
  ASSERT_NE(trace, nullptr);
  EXPECT_EQ(trace->trace_ids[0].to_hex(), kTrace);
  EXPECT_FALSE(trace->is_present(1));
  EXPECT_EQ(trace->trace_ids[2].to_hex(), kTrace);
  const ColumnData* span = batch.find_fixed(column::kSpanId);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(SpanId{static_cast<uint64_t>(span->ints[0])}.to_hex(), kSpan);
  EXPECT_EQ(SpanId{static_cast<uint64_t>(span->ints[2])}.to_hex(), kSpan);
}

TEST(TraceIdExtract, AGivenTraceIdStays) {
  BatchBuilder rows(Table::logs);
  std::string line = with_ids("trace_id=", "");
  TraceId given = *TraceId::from_hex("5b8efff798038103d269b633813fc60c");
  rows.add_row({1});
  rows.set_string(Scope::fixed, column::kLine, line);
  rows.set_trace_id(Scope::fixed, column::kTraceId, given);
  Batch batch = rows.finish();
  extract_trace_ids(batch);
  EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[0], given);
}

TEST(TraceIdExtract, BatchesWithoutIdsGetNoColumn) {
  BatchBuilder rows(Table::logs);
  rows.add_row({1});
  rows.set_string(Scope::fixed, column::kLine, "nothing");
  Batch batch = rows.finish();
  extract_trace_ids(batch);
  EXPECT_EQ(batch.find_fixed(column::kTraceId), nullptr);
}

TEST(TraceIdExtract, ExemplarLabels) {
  BatchBuilder rows(Table::exemplars);
  rows.add_row({1});
  rows.set_float(Scope::fixed, column::kValue, 1);
  rows.set_string(Scope::attribute, "traceID", kTrace);
  rows.set_string(Scope::attribute, "spanID", kSpan);
  Batch batch = rows.finish();
  extract_trace_ids(batch);
  EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[0].to_hex(), kTrace);
  EXPECT_EQ(SpanId{static_cast<uint64_t>(batch.find_fixed(column::kSpanId)->ints[0])}.to_hex(), kSpan);
}

}  // namespace
}  // namespace obelisk
