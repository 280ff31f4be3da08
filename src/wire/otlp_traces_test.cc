#include "wire/otlp_traces.h"

#include <gtest/gtest.h>

#include "wire/any_value.h"
#include "wire/events_and_links.h"
#include "wire/otlp_test_messages.h"

namespace obelisk {
namespace {

using namespace otlp_test;

DecodedTraces decode(const std::string& body) {
  Result<DecodedTraces> result = decode_otlp_traces(std::make_shared<const std::string>(body));
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedTraces{};
}

std::string_view text_at(const Batch& batch, Scope scope, const std::string& name, size_t row) {
  const ColumnData* data = batch.find(ColumnId{scope, name});
  return data != nullptr && data->is_present(row) && !data->strings.empty() ? data->strings[row] : "(absent)";
}

int64_t int_at(const Batch& batch, std::string_view name, size_t row) {
  const ColumnData* data = batch.find_fixed(name);
  return data != nullptr && data->is_present(row) ? data->ints[row] : -1;
}

std::string event(std::string_view name, uint64_t time) {
  std::string out;
  MessageWriter writer(out);
  writer.add_fixed64(1, time);
  writer.add_string(2, name.data(), name.size());
  writer.add_message(3, key_value("exception.type", string_value("Timeout")));
  return out;
}

std::string full_span() {
  std::string out = span(trace_id(1), span_id(2), "GET /cart", 1'000, 3'500);
  MessageWriter writer(out);
  writer.add_string(3, "ot=th:8");
  writer.add_bytes(4, span_id(1));
  writer.add_message(9, key_value("http.route", string_value("/cart")));
  writer.add_message(9, key_value("retries", int_value(-2)));
  writer.add_message(9, key_value("ratio", double_value(0.5)));
  writer.add_message(9, key_value("cached", bool_value(true)));
  writer.add_message(9, key_value("tags", array_value({string_value("a"), int_value(7)})));
  writer.add_uint32(10, 3);
  writer.add_message(11, event("exception", 2'000));
  writer.add_message(11, event("retry", 2'100));
  std::string status;
  MessageWriter(status).add_string(2, "card declined");
  MessageWriter(status).add_enum(3, 2);
  writer.add_message(15, status);
  writer.add_fixed32(16, 0x101);
  return out;
}

TEST(OtlpTraces, EveryFieldGetsItsColumn) {
  DecodedTraces decoded =
      decode(request(resource({key_value("service.name", string_value("shop"))}),
                     {scope_records(scope("lib", "1.2", {key_value("s", int_value(1))}), {full_span()})}));
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  ASSERT_EQ(batch.row_count, 1u);
  EXPECT_EQ(batch.times()[0], 1'000);
  EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[0].view(), trace_id(1));
  EXPECT_EQ(int_at(batch, column::kSpanId, 0), 2);
  EXPECT_EQ(int_at(batch, column::kParentSpanId, 0), 1);
  EXPECT_EQ(int_at(batch, column::kDuration, 0), 2'500);
  EXPECT_EQ(int_at(batch, column::kKind, 0), 2);
  EXPECT_EQ(int_at(batch, column::kStatusCode, 0), 2);
  EXPECT_EQ(int_at(batch, column::kFlags, 0), 0x101);
  EXPECT_EQ(int_at(batch, column::kDroppedAttributesCount, 0), 3);
  EXPECT_EQ(text_at(batch, Scope::fixed, "name", 0), "GET /cart");
  EXPECT_EQ(text_at(batch, Scope::fixed, "status_message", 0), "card declined");
  EXPECT_EQ(text_at(batch, Scope::fixed, "trace_state", 0), "ot=th:8");
  EXPECT_EQ(text_at(batch, Scope::fixed, "scope_name", 0), "lib");
  EXPECT_EQ(text_at(batch, Scope::fixed, "scope_version", 0), "1.2");
  EXPECT_EQ(text_at(batch, Scope::resource, "service.name", 0), "shop");
  EXPECT_EQ(batch.find({Scope::instrumentation, "s"}, ColumnType::int64)->ints[0], 1);
  EXPECT_EQ(text_at(batch, Scope::attribute, "http.route", 0), "/cart");
  EXPECT_EQ(batch.find({Scope::attribute, "retries"}, ColumnType::int64)->ints[0], -2);
  EXPECT_EQ(batch.find({Scope::attribute, "ratio"}, ColumnType::float64)->floats[0], 0.5);
  EXPECT_EQ(batch.find({Scope::attribute, "cached"}, ColumnType::boolean)->ints[0], 1);
  const ColumnData* tags = batch.find({Scope::attribute, "tags"}, ColumnType::any);
  ASSERT_NE(tags, nullptr);
  EXPECT_EQ(any_value_to_json(tags->strings[0]), R"(["a",7])");
}

std::shared_ptr<const std::string> shared_body(std::string body) {
  return std::make_shared<const std::string>(std::move(body));
}

// Several requests give the rows that each gives alone, in their order, with each one's own resource.
TEST(OtlpTraces, RequestsTogetherHaveTheRowsOfEach) {
  std::vector<std::shared_ptr<const std::string>> bodies = {
      shared_body(request(resource({key_value("service.name", string_value("shop"))}),
                          {scope_records(scope("lib", "1.2"), {full_span()})})),
      shared_body(""),
      shared_body(request(resource({key_value("host.name", string_value("a"))}),
                          {scope_records(scope("", ""), {span(trace_id(7), span_id(8), "two", 10, 20),
                                                         span(trace_id(7), span_id(9), "three", 11, 20)})}))};
  Result<std::vector<Batch>> together = decode_otlp_traces_together(bodies);
  ASSERT_TRUE(together.ok()) << together.error().to_string();
  bodies.clear();  // the batches keep what they point to
  ASSERT_EQ(together->size(), 1u);
  const Batch& batch = together->front();
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  ASSERT_EQ(batch.row_count, 3u);
  EXPECT_EQ(batch.times(), (std::vector<int64_t>{1'000, 10, 11}));
  const std::vector<std::string_view> names = {"GET /cart", "two", "three"},
                                      services = {"shop", "(absent)", "(absent)"},
                                      hosts = {"(absent)", "a", "a"},
                                      scopes = {"lib", "(absent)", "(absent)"},
                                      routes = {"/cart", "(absent)", "(absent)"};
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(text_at(batch, Scope::fixed, "name", row), names[row]);
    EXPECT_EQ(text_at(batch, Scope::resource, "service.name", row), services[row]);
    EXPECT_EQ(text_at(batch, Scope::resource, "host.name", row), hosts[row]);
    EXPECT_EQ(text_at(batch, Scope::fixed, "scope_name", row), scopes[row]);
    EXPECT_EQ(text_at(batch, Scope::attribute, "http.route", row), routes[row]);
  }
}

TEST(OtlpTraces, RequestsTogetherAreAllGoodOrNoneIsTaken) {
  auto good = shared_body(request(resource({}), {scope_records(scope("", ""), {full_span()})}));
  auto malformed = shared_body("\x0a\xff");
  auto rejected = shared_body(
      request(resource({}), {scope_records(scope("", ""), {span(trace_id(1), span_id(0), "no id", 1, 2)})}));
  for (const auto& bad : {malformed, rejected}) {
    for (size_t place = 0; place < 3; ++place) {
      std::vector<std::shared_ptr<const std::string>> bodies(3, good);
      bodies[place] = bad;
      EXPECT_FALSE(decode_otlp_traces_together(bodies).ok()) << "the bad one at " << place;
    }
  }
}

TEST(OtlpTraces, EventsAreReadableFromTheirColumns) {
  DecodedTraces decoded = decode(request(resource({}), {scope_records(scope("", ""), {full_span()})}));
  ASSERT_EQ(decoded.batches.size(), 1u);
  std::vector<SpanEventView> events = read_span_events(decoded.batches[0], 0);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].name, "exception");
  EXPECT_EQ(events[1].name, "retry");
  EXPECT_EQ(events[1].time.value, 2'100);
  ASSERT_EQ(events[0].attributes.size(), 1u);
  EXPECT_EQ(events[0].attributes[0].key, "exception.type");
  EXPECT_EQ(events[0].attributes[0].value.text, "Timeout");
}

// A sender may write lengths in more bytes than needed; the column must hold them in a readable form all the
// same.
TEST(OtlpTraces, EventWithAnOverlongLengthPrefix) {
  std::string message = event("late", 5);
  std::string spans = span(trace_id(1), span_id(2), "a", 1, 2);
  spans += static_cast<char>(0x5a);
  spans += static_cast<char>(message.size() | 0x80);
  spans += static_cast<char>(0x80);
  spans += static_cast<char>(0x00);
  spans += message;
  DecodedTraces decoded = decode(request(resource({}), {scope_records(scope("", ""), {spans})}));
  ASSERT_EQ(decoded.batches.size(), 1u);
  std::vector<SpanEventView> events = read_span_events(decoded.batches[0], 0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "late");
}

TEST(OtlpTraces, InvalidSpansAreCountedAndTheRestStays) {
  DecodedTraces decoded = decode(request(
      resource({}), {scope_records(scope("", ""), {span("short", span_id(1), "a", 1, 2),
                                                   span(std::string(16, '\0'), span_id(1), "b", 1, 2),
                                                   span(trace_id(1), "", "c", 1, 2),
                                                   span(trace_id(1), span_id(9), "good", 1, 2),
                                                   span(trace_id(1), span_id(9), "d", 1ull << 63, 2)})}));
  EXPECT_EQ(decoded.rejected_spans, 4u);
  EXPECT_NE(decoded.rejection.find("trace id"), std::string::npos);
  ASSERT_EQ(decoded.batches.size(), 1u);
  ASSERT_EQ(decoded.batches[0].row_count, 1u);
  EXPECT_EQ(text_at(decoded.batches[0], Scope::fixed, "name", 0), "good");
}

TEST(OtlpTraces, EndBeforeStartGivesDurationZero) {
  DecodedTraces decoded = decode(
      request(resource({}), {scope_records(scope("", ""), {span(trace_id(1), span_id(1), "a", 10, 5)})}));
  EXPECT_EQ(int_at(decoded.batches.at(0), column::kDuration, 0), 0);
}

// The resource may follow the spans it describes on the wire.
TEST(OtlpTraces, ResourceAfterScopes) {
  std::string inner;
  MessageWriter(inner).add_message(2,
                                   scope_records(scope("", ""), {span(trace_id(1), span_id(1), "a", 1, 2)}));
  MessageWriter(inner).add_message(1, resource({key_value("service.name", string_value("late"))}));
  std::string body;
  MessageWriter(body).add_message(1, inner);
  EXPECT_EQ(text_at(decode(body).batches.at(0), Scope::resource, "service.name", 0), "late");
}

TEST(OtlpTraces, RowsOfSeveralResourcesKeepTheirOwn) {
  auto one = [](const char* name, uint64_t id) {
    return request(resource({key_value("service.name", string_value(name))}),
                   {scope_records(scope("", ""), {span(trace_id(1), span_id(id), name, 1, 2)})});
  };
  std::string unnamed =
      request(resource({}), {scope_records(scope("", ""), {span(trace_id(1), span_id(5), "x", 1, 2)})});
  DecodedTraces decoded = decode(one("a", 1) + unnamed + one("b", 2));
  const Batch& batch = decoded.batches.at(0);
  ASSERT_TRUE(batch.check().ok());
  EXPECT_EQ(text_at(batch, Scope::resource, "service.name", 0), "a");
  EXPECT_EQ(text_at(batch, Scope::resource, "service.name", 1), "(absent)");
  EXPECT_EQ(text_at(batch, Scope::resource, "service.name", 2), "b");
}

TEST(OtlpTraces, MalformedBytesGiveAnErrorWithPosition) {
  std::string body = request(resource({}), {scope_records(scope("", ""), {full_span()})});
  body.resize(body.size() - 1);
  Result<DecodedTraces> result = decode_otlp_traces(std::make_shared<const std::string>(body));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(result.error().message.find("unexpected end of the input"), std::string::npos)
      << result.error().message;
  EXPECT_TRUE(result.error().position.has_value());
}

TEST(OtlpTraces, NestingIsBounded) {
  std::string value = int_value(1);
  for (int i = 0; i < 200; ++i) value = array_value({value});
  std::string deep = span(trace_id(1), span_id(1), "a", 1, 2);
  MessageWriter(deep).add_message(9, key_value("deep", value));
  Result<DecodedTraces> result = decode_otlp_traces(
      std::make_shared<const std::string>(request(resource({}), {scope_records(scope("", ""), {deep})})));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("nests deeper than 64"), std::string::npos);
}

// 3,000 spans without a single shared attribute name: memory must follow the values, not rows x columns.
TEST(OtlpTraces, SpansWithoutSharedAttributesAreCutIntoBatches) {
  std::vector<std::string> spans;
  for (uint64_t i = 1; i <= 3'000; ++i) {
    std::string one = span(trace_id(i), span_id(i), "a", 1, 2);
    MessageWriter(one).add_message(9, key_value("attribute." + std::to_string(i), int_value(1)));
    spans.push_back(one);
  }
  DecodedTraces decoded = decode(request(resource({key_value("service.name", string_value("shop"))}),
                                         {scope_records(scope("lib", "1"), spans)}));
  EXPECT_GT(decoded.batches.size(), 1u);
  size_t rows = 0;
  size_t bytes = 0;
  for (const Batch& batch : decoded.batches) {
    ASSERT_TRUE(batch.check().ok());
    for (size_t row = 0; row < batch.row_count; ++row) {
      ASSERT_EQ(text_at(batch, Scope::resource, "service.name", row), "shop");
      ASSERT_EQ(text_at(batch, Scope::fixed, "scope_name", row), "lib");
    }
    rows += batch.row_count;
    bytes += batch.memory_bytes();
  }
  EXPECT_EQ(rows, 3'000u);
  EXPECT_LT(bytes, 3'000u * 4'096u);
}

TEST(OtlpTraces, TooManyAttributesRejectTheSpan) {
  std::string wide = span(trace_id(1), span_id(1), "wide", 1, 2);
  for (int i = 0; i < 1'100; ++i)
    MessageWriter(wide).add_message(9, key_value("a" + std::to_string(i), int_value(i)));
  DecodedTraces decoded = decode(request(
      resource({}), {scope_records(scope("", ""), {wide, span(trace_id(1), span_id(2), "ok", 1, 2)})}));
  EXPECT_EQ(decoded.rejected_spans, 1u);
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(decoded.batches[0].row_count, 1u);
  EXPECT_EQ(decoded.batches[0].find({Scope::attribute, "a5"}), nullptr);
}

// More records than are remembered while their scope is looked for, and the scope behind them.
TEST(OtlpTraces, AScopeAfterVeryManySpansIsTheirs) {
  constexpr uint64_t kSpans = 40'000;
  std::string spans;
  MessageWriter writer(spans);
  for (uint64_t i = 1; i <= kSpans; ++i)
    writer.add_message(2, span(trace_id(1), span_id(i), "step", 1'000 + i, 2'000 + i));
  writer.add_message(1, scope("lib", "1.2"));
  DecodedTraces decoded =
      decode(request(resource({key_value("service.name", string_value("shop"))}), {spans}));
  uint64_t expected = 0;
  for (const Batch& batch : decoded.batches) {
    for (size_t row = 0; row < batch.row_count; ++row) {
      ASSERT_EQ(int_at(batch, column::kSpanId, row), static_cast<int64_t>(++expected));
      ASSERT_EQ(text_at(batch, Scope::fixed, "scope_name", row), "lib");
      ASSERT_EQ(text_at(batch, Scope::resource, "service.name", row), "shop");
    }
  }
  EXPECT_EQ(expected, kSpans);
  EXPECT_EQ(decoded.rejected_spans, 0u);
}

}  // namespace
}  // namespace obelisk
