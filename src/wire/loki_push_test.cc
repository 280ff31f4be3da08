#include "wire/loki_push.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "wire/loki_label_text.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

DecodedLokiPush decode_json(std::string body) {
  Result<DecodedLokiPush> result = decode_loki_push_json(body);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedLokiPush{};
}

std::string labels_of(const Batch& batch, size_t group) {
  return Labels(batch.groups.at(group).labels).to_string();
}

TEST(LokiPushJson, StreamsLinesAndMetadata) {
  DecodedLokiPush decoded = decode_json(
      R"({"streams":[{"stream":{"app":"shop","env":"prod"},"values":[
        ["1700000000000000001","plain line"],
        ["1700000000000000002","with \"quotes\" and \u00e9\n",{"trace_id":"0af7","user":"a\\b"}]]},
        {"values":[["3","values before stream"]],"stream":{"job":"batch"}}]})");
  const Batch& batch = decoded.batches.at(0);
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  ASSERT_EQ(batch.groups.size(), 2u);
  EXPECT_EQ(labels_of(batch, 0), R"({app="shop", env="prod", service_name="shop"})");
  EXPECT_EQ(labels_of(batch, 1), R"({job="batch", service_name="batch"})");
  const ColumnData* line = batch.find_fixed(column::kLine);
  EXPECT_EQ(line->strings[0], "plain line");
  EXPECT_EQ(line->strings[1], "with \"quotes\" and \xc3\xa9\n");
  EXPECT_EQ(line->strings[2], "values before stream");
  EXPECT_EQ(batch.times(), (std::vector<int64_t>{1700000000000000001, 1700000000000000002, 3}));
  const ColumnData* user = batch.find({Scope::attribute, "user"});
  EXPECT_FALSE(user->is_present(0));
  EXPECT_EQ(user->strings[1], "a\\b");
  EXPECT_EQ(batch.find_fixed(column::kOrigin)->ints[0], 0);
}

TEST(LokiPushJson, OldForm) {
  DecodedLokiPush decoded = decode_json(
      R"({"streams":[{"labels":"{app=\"shop\", name=`x`}","entries":[{"ts":"2026-01-02T15:04:05.5Z","line":"old"}]}]})");
  const Batch& batch = decoded.batches.at(0);
  EXPECT_EQ(labels_of(batch, 0), R"({app="shop", name="x", service_name="shop"})");
  EXPECT_EQ(batch.times()[0], 1767366245500000000);
}

TEST(LokiPushJson, ServiceNameIsAdded) {
  EXPECT_EQ(
      labels_of(decode_json(R"({"streams":[{"stream":{"x":"y"},"values":[["1","a"]]}]})").batches.at(0), 0),
      R"({service_name="unknown_service", x="y"})");
  EXPECT_EQ(labels_of(decode_json(
                          R"({"streams":[{"stream":{"service_name":"own","app":"y"},"values":[["1","a"]]}]})")
                          .batches.at(0),
                      0),
            R"({app="y", service_name="own"})");
}

TEST(LokiPushJson, StreamsWithBadLabelsAreCountedAndTheRestStays) {
  DecodedLokiPush decoded = decode_json(
      R"({"streams":[{"stream":{},"values":[["1","a"],["2","b"]]},{"stream":{"a-b":"c"},"values":[["1","a"]]},
         {"stream":{"ok":"yes"},"values":[["1","kept"]]},{"stream":{"empty":"stream"},"values":[]}]})");
  EXPECT_EQ(decoded.rejected_lines, 3u);
  EXPECT_EQ(decoded.rejection, "error at least one label pair is required per stream");
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(decoded.batches[0].row_count, 1u);
}

TEST(LokiPushJson, MalformedRequestsAreErrors) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"streams":[{"stream":{"a":"b"},"values":[[1700000000000000000,"x"]]}]})",
       "timestamp (nanoseconds since the epoch) must be a string"},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["soon","x"]]}]})", "no timestamp in nanoseconds"},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1"]]}]})", "needs a timestamp and a line"},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":5}]]}]})",
       "a value of structured metadata must be a string"},
      {R"({"streams":[{"stream":{"a":5},"values":[["1","x"]]}]})", "a label value must be a string"},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}{})", "Loki push: "},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]} trailing)", "Loki push: "},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1","x"],"y"]}]})",
       "streams[0] entry 1: an entry must be an array"},
      {R"({"streams":[{}]})", "\"labels\" is missing"},
      {R"({"streams":[{"labels":"{a=b}","entries":[]}]})", "expected a value in quotes"},
      {R"({"streams":[{"stream":{"a":"b"},"values":[["1","x")", "Loki push: "},
      {"", "Loki push: "},
      {"[]", "Loki push: "},
  };
  for (const auto& [body, message] : cases) {
    Result<DecodedLokiPush> result = decode_loki_push_json(body);
    ASSERT_FALSE(result.ok()) << body;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(result.error().message.find(message), std::string::npos) << result.error().message;
  }
}

std::string timestamp(int64_t seconds, int32_t nanos) {
  std::string out;
  Writer(out).add_int64(1, seconds);
  Writer(out).add_int32(2, nanos);
  return out;
}

std::string push_request(std::string_view labels, const std::string& time) {
  std::string metadata;
  Writer(metadata).add_string(1, "trace_id");
  Writer(metadata).add_string(2, "0af7");
  std::string entry;
  Writer(entry).add_message(1, time);
  Writer(entry).add_string(2, "hello");
  Writer(entry).add_message(3, metadata);
  std::string stream;
  Writer(stream).add_string(1, labels.data(), labels.size());
  Writer(stream).add_message(2, entry);
  std::string out;
  Writer(out).add_message(1, stream);
  return out;
}

TEST(LokiPushProtobuf, StreamsLinesAndMetadata) {
  auto body = std::make_shared<const std::string>(
      push_request(R"({app="shop", b="x\ty"})", timestamp(1700000000, 5)));
  Result<DecodedLokiPush> decoded = decode_loki_push_protobuf(*body, body);
  ASSERT_TRUE(decoded.ok()) << decoded.error().to_string();
  const Batch& batch = decoded->batches.at(0);
  ASSERT_TRUE(batch.check().ok());
  EXPECT_EQ(label_value(batch.groups[0].labels, "b"), "x\ty");
  EXPECT_EQ(batch.times()[0], 1700000000000000005);
  EXPECT_EQ(batch.find_fixed(column::kLine)->strings[0], "hello");
  EXPECT_EQ(batch.find({Scope::attribute, "trace_id"})->strings[0], "0af7");
}

TEST(LokiPushProtobuf, Errors) {
  auto error_of = [](std::string body) {
    auto owner = std::make_shared<const std::string>(std::move(body));
    Result<DecodedLokiPush> result = decode_loki_push_protobuf(*owner, owner);
    return result.ok() ? std::string("no error") : result.error().message;
  };
  EXPECT_NE(error_of(push_request("{app=}", timestamp(1, 0))).find("error parsing labels '{app=}'"),
            std::string::npos);
  EXPECT_NE(error_of(push_request("{a=\"b\"}", timestamp(INT64_MAX, 0))).find("out of range"),
            std::string::npos);
  std::string cut = push_request("{a=\"b\"}", timestamp(1, 0));
  cut.pop_back();
  EXPECT_NE(error_of(cut).find("unexpected end"), std::string::npos);
}

TEST(LokiLabelText, EscapesAndErrors) {
  Arena arena;
  std::vector<LabelRef> labels;
  ASSERT_TRUE(parse_loki_label_text(R"( { a = "\x41\u00e9\101\\" , b=`\n`, } )", arena, labels).ok());
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0].value,
            "A\xc3\xa9"
            "A\\");
  EXPECT_EQ(labels[1].value, "\\n");
  labels.clear();
  EXPECT_TRUE(parse_loki_label_text("{}", arena, labels).ok());
  for (std::string_view bad :
       {"", "a", "{", "{a}", "{a=", "{a=\"", "{a=\"\\", "{a=\"\\q\"}", "{a=\"b\" c=\"d\"}", "{1=\"b\"}",
        "{a=\"b\"}x", "{a=\"\\xZZ\"}", "{a=\"\\ud800\"}", "{a=\"\\400\"}"}) {
    EXPECT_FALSE(parse_loki_label_text(bad, arena, labels).ok()) << bad;
  }
}

}  // namespace
}  // namespace obelisk
