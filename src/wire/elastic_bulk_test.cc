// Goal: bulk requests as shippers send them become rows; what is wrong fails alone, or with its line.
#include "wire/elastic_bulk.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr UnixNanos kNow{1'700'000'000'000'000'000};

std::string_view text_at(const Batch& batch, Scope scope, std::string_view name, size_t row) {
  const ColumnData* data = batch.find({scope, std::string(name)}, ColumnType::string);
  return data == nullptr || !data->is_present(row) ? std::string_view("(none)") : data->strings[row];
}

TEST(ElasticBulk, DocumentsBecomeLines) {
  auto decoded = decode_elastic_bulk(
      "{\"create\":{\"_index\":\"filebeat-8\"}}\n"
      "{\"@timestamp\":\"2023-11-14T22:13:21.5Z\",\"message\":\"hello\",\"service\":{\"name\":\"shop\"},"
      "\"log\":{\"level\":\"info\"},\"n\":3,\"f\":1.5,\"b\":true,\"z\":null,\"tags\":[\"a\",1]}\n"
      "\n"
      "{\"index\":{\"_id\":\"7\"}}\r\n"
      "{\"@timestamp\":1700000000123,\"other\":\"no message\"}\r\n",
      "from-path", kNow);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->failed_items, 0u);
  ASSERT_EQ(decoded->items.size(), 2u);
  EXPECT_EQ(decoded->items[1].action, "index");
  EXPECT_EQ(decoded->items[1].id, "7");
  EXPECT_EQ(decoded->items[1].index, "from-path");
  ASSERT_EQ(decoded->batches.size(), 1u);
  const Batch& batch = decoded->batches[0];
  ASSERT_TRUE(batch.check().ok());
  ASSERT_EQ(batch.row_count, 2u);
  EXPECT_EQ(batch.times()[0], 1'700'000'001'500'000'000);
  EXPECT_EQ(batch.times()[1], 1'700'000'000'123'000'000);
  EXPECT_EQ(Labels(batch.groups[0].labels).to_string(), "{index=\"filebeat-8\", service_name=\"shop\"}");
  EXPECT_EQ(Labels(batch.groups[1].labels).to_string(),
            "{index=\"from-path\", service_name=\"unknown_service\"}");
  EXPECT_EQ(text_at(batch, Scope::fixed, column::kLine, 0), "hello");
  EXPECT_EQ(text_at(batch, Scope::fixed, column::kLine, 1),
            "{\"@timestamp\":1700000000123,\"other\":\"no message\"}");
  EXPECT_EQ(text_at(batch, Scope::attribute, "log.level", 0), "info");
  EXPECT_EQ(text_at(batch, Scope::attribute, "tags", 0), "[\"a\",1]");
  EXPECT_EQ(text_at(batch, Scope::attribute, "other", 1), "no message");
  EXPECT_EQ(batch.find({Scope::attribute, "n"})->ints[0], 3);
  EXPECT_EQ(batch.find({Scope::attribute, "f"})->floats[0], 1.5);
  EXPECT_EQ(batch.find({Scope::attribute, "b"})->type, ColumnType::boolean);
  EXPECT_EQ(batch.find({Scope::attribute, "z"}), nullptr);
}

TEST(ElasticBulk, WhatIsWrongFailsAlone) {
  auto decoded = decode_elastic_bulk(
      "{\"create\":{}}\n{\"message\":\"good\"}\n"
      "{\"create\":{}}\n{\"message\":\n"
      "{\"create\":{}}\n{\"@timestamp\":\"yesterday\",\"message\":\"x\"}\n"
      "{\"delete\":{\"_id\":\"1\"}}\n"
      "{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n"
      "{\"create\":{}}\n{\"message\":\"good too\"}",
      "", kNow);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  ASSERT_EQ(decoded->items.size(), 6u);
  EXPECT_EQ(decoded->failed_items, 4u);
  EXPECT_TRUE(decoded->items[0].error.empty());
  EXPECT_NE(decoded->items[1].error.find("failed to parse"), std::string::npos);
  EXPECT_NE(decoded->items[2].error.find("@timestamp"), std::string::npos);
  EXPECT_NE(decoded->items[3].error.find("delete is not supported"), std::string::npos);
  EXPECT_NE(decoded->items[4].error.find("update is not supported"), std::string::npos);
  ASSERT_EQ(decoded->batches.size(), 1u);
  EXPECT_EQ(decoded->batches[0].row_count, 2u);
  EXPECT_EQ(decoded->batches[0].times()[0], kNow.value);
}

TEST(ElasticBulk, AnActionAtTheEndHasNoDocument) {
  for (const char* body : {"{\"create\":{}}\n", "{\"create\":{}}\n\n", "{\"create\":{}}\n   "}) {
    auto decoded = decode_elastic_bulk(body, "", kNow);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    ASSERT_EQ(decoded->items.size(), 1u);
    EXPECT_NE(decoded->items[0].error.find("has no document"), std::string::npos) << decoded->items[0].error;
    EXPECT_TRUE(decoded->batches.empty());
  }
}

TEST(ElasticBulk, ActionsThatAreNoneEndTheRequest) {
  for (const char* body : {"hello\n", "[]\n", "{}\n", "{\"frob\":{}}\n{}\n", "{\"create\":1}\n{}\n"}) {
    auto decoded = decode_elastic_bulk(body, "", kNow);
    ASSERT_FALSE(decoded.ok()) << body;
    EXPECT_NE(decoded.error().message.find("bulk line 1: Malformed action/metadata line"), std::string::npos);
  }
  std::string deep = "{\"create\":{}}\n";
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  deep += "1";
  for (int i = 0; i < 100; ++i) deep += "}";
  auto decoded = decode_elastic_bulk(deep, "", kNow);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->failed_items, 1u);
}

}  // namespace
}  // namespace obelisk
