#include "wire/otlp_logs.h"

#include <gtest/gtest.h>

#include "wire/otlp_test_messages.h"

namespace obelisk {
namespace {

using namespace otlp_test;

constexpr UnixNanos kNow{1'700'000'000'000'000'000};

DecodedLogs decode(const std::string& body) {
  Result<DecodedLogs> result = decode_otlp_logs(std::make_shared<const std::string>(body), kNow);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedLogs{};
}

std::string log_record(uint64_t time, uint64_t observed, const std::string& body) {
  std::string out;
  MessageWriter writer(out);
  if (time != 0) writer.add_fixed64(1, time);
  if (observed != 0) writer.add_fixed64(11, observed);
  writer.add_message(5, body);
  return out;
}

std::string labels_of(const Batch& batch, size_t group) {
  return Labels(batch.groups.at(group).labels).to_string();
}

TEST(OtlpLogs, IndexedResourceAttributesAreLabelsTheRestColumns) {
  std::string record = log_record(5, 6, string_value("hello"));
  MessageWriter writer(record);
  writer.add_enum(2, 9);
  writer.add_string(3, "INFO");
  writer.add_message(6, key_value("order.id", int_value(77)));
  writer.add_bytes(9, trace_id(3));
  writer.add_bytes(10, span_id(4));
  writer.add_string(12, "order.placed");
  DecodedLogs decoded = decode(request(resource({key_value("service.name", string_value("shop")),
                                                 key_value("k8s.pod.name", string_value("shop-0")),
                                                 key_value("host.name", string_value("node-1"))}),
                                       {scope_records(scope("lib", "2"), {record})}));
  const Batch& batch = decoded.batches.at(0);
  ASSERT_TRUE(batch.check().ok());
  EXPECT_EQ(labels_of(batch, 0), R"({k8s_pod_name="shop-0", service_name="shop"})");
  EXPECT_EQ(batch.find({Scope::resource, "service.name"}), nullptr);
  EXPECT_EQ(batch.find({Scope::resource, "host.name"})->strings[0], "node-1");
  EXPECT_EQ(batch.find({Scope::attribute, "order.id"}, ColumnType::int64)->ints[0], 77);
  EXPECT_EQ(batch.times()[0], 5);
  EXPECT_EQ(batch.find_fixed(column::kLine)->strings[0], "hello");
  EXPECT_EQ(batch.find_fixed(column::kOrigin)->ints[0], kLogOriginOtlp);
  EXPECT_EQ(batch.find_fixed(column::kObservedTime)->ints[0], 6);
  EXPECT_EQ(batch.find_fixed(column::kSeverityNumber)->ints[0], 9);
  EXPECT_EQ(batch.find_fixed(column::kSeverityText)->strings[0], "INFO");
  EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[0].view(), trace_id(3));
  EXPECT_EQ(batch.find_fixed(column::kSpanId)->ints[0], 4);
  EXPECT_EQ(batch.find_fixed(column::kEventName)->strings[0], "order.placed");
  EXPECT_EQ(batch.find_fixed(column::kScopeName)->strings[0], "lib");
}

TEST(OtlpLogs, TimeIsTheEventsElseObservedElseNow) {
  DecodedLogs decoded = decode(request(
      resource({}),
      {scope_records(scope("", ""), {log_record(1, 2, string_value("a")), log_record(0, 3, string_value("b")),
                                     log_record(0, 0, string_value("c"))})}));
  EXPECT_EQ(decoded.batches.at(0).times(), (std::vector<int64_t>{1, 3, kNow.value}));
}

TEST(OtlpLogs, BodiesThatAreNoStringsBecomeText) {
  std::string map =
      map_value({key_value("a", int_value(1)), key_value("b", array_value({bool_value(true)}))});
  DecodedLogs decoded = decode(
      request(resource({}),
              {scope_records(scope("", ""), {log_record(1, 0, map), log_record(1, 0, int_value(42)),
                                             log_record(1, 0, double_value(1.5)), log_record(1, 0, "")})}));
  const ColumnData* line = decoded.batches.at(0).find_fixed(column::kLine);
  EXPECT_EQ(line->strings[0], R"({"a":1,"b":[true]})");
  EXPECT_EQ(line->strings[1], "42");
  EXPECT_EQ(line->strings[2], "1.5");
  EXPECT_EQ(line->strings[3], "");
}

TEST(OtlpLogs, ServiceNameIsDiscoveredOrUnknown) {
  auto labels = [](std::initializer_list<std::string> attributes) {
    return labels_of(decode(request(resource(attributes),
                                    {scope_records(scope("", ""), {log_record(1, 0, string_value("x"))})}))
                         .batches.at(0),
                     0);
  };
  EXPECT_EQ(labels({}), R"({service_name="unknown_service"})");
  EXPECT_EQ(labels({key_value("k8s.container.name", string_value("api"))}),
            R"({k8s_container_name="api", service_name="api"})");
}

TEST(OtlpLogs, AMalformedTraceIdDoesNotCostTheLine) {
  std::string record = log_record(1, 0, string_value("x"));
  MessageWriter(record).add_bytes(9, "short");
  DecodedLogs decoded = decode(request(resource({}), {scope_records(scope("", ""), {record})}));
  EXPECT_EQ(decoded.batches.at(0).row_count, 1u);
  EXPECT_EQ(decoded.batches.at(0).find_fixed(column::kTraceId), nullptr);
}

TEST(OtlpLogs, TimesBeyondTheRangeAreRejected) {
  DecodedLogs decoded = decode(
      request(resource({}), {scope_records(scope("", ""), {log_record(1ull << 63, 0, string_value("x")),
                                                           log_record(1, 0, string_value("kept"))})}));
  EXPECT_EQ(decoded.rejected_records, 1u);
  EXPECT_EQ(decoded.batches.at(0).row_count, 1u);
}

TEST(OtlpLogs, EveryResourceIsItsOwnGroup) {
  auto one = [](const char* name) {
    return request(resource({key_value("service.name", string_value(name)), key_value("pid", int_value(1))}),
                   {scope_records(scope("", ""), {log_record(1, 0, string_value("x")),
                                                  log_record(2, 0, string_value("y"))})});
  };
  DecodedLogs decoded = decode(one("a") + one("b"));
  const Batch& batch = decoded.batches.at(0);
  ASSERT_TRUE(batch.check().ok());
  ASSERT_EQ(batch.groups.size(), 2u);
  EXPECT_EQ(batch.groups[1].first_row, 2u);
  EXPECT_EQ(labels_of(batch, 1), R"({service_name="b"})");
}

}  // namespace
}  // namespace obelisk
