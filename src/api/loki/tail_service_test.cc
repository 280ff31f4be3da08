// Goal: a tail shows each entry once, in order, whenever it arrives, and says what it could not show.
#include "api/loki/test_loki_api.h"

namespace obelisk::loki {
namespace {

class TailApi : public LokiApiTest {
 protected:
  const Labels web_{{"app", "web"}};
  const HttpHeaders upgrade_{{"upgrade", "websocket"},
                             {"connection", "Upgrade"},
                             {"sec-websocket-version", "13"},
                             {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};

  std::shared_ptr<RecordingSink> tail(std::string_view selector, std::string_view rest = "") {
    auto sink = send("GET", query("tail", selector, rest), upgrade_);
    EXPECT_FALSE(sink->answer) << sink->answer->body;
    return sink;
  }
  // What came with one round.
  std::vector<std::string> round(RecordingSink& sink) {
    tails_.poll();
    return std::exchange(sink.socket->messages, {});
  }
  static std::string message(std::string_view values) {
    return R"({"streams":[{"stream":{"app":"web"},"values":[)" + std::string(values) + "]}]}";
  }
  using Messages = std::vector<std::string>;
};

TEST_F(TailApi, HistoryThenWhatIsNew) {
  write({{web_, 90, "one", {}},
         {web_, 95, "two", {}},
         {web_, 97, "three", {}},
         {Labels{{"app", "api"}}, 98, "other", {}}});
  auto sink = tail("{app=\"web\"}", "&limit=2");
  EXPECT_EQ(round(*sink),
            Messages{message(R"(["1700000095000000000","two"],["1700000097000000000","three"])")});
  EXPECT_EQ(round(*sink), Messages{});
  write({{web_, 101, "four", {}}});
  clock_.advance(2 * kNanosPerSecond);
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000101000000000","four"])")});
  // Late, but within the look-back; what the limit cut off stays cut off.
  write({{web_, 96, "late", {}}});
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000096000000000","late"])")});
  // From the near future, and only once.
  write({{web_, 130, "ahead", {}}});
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000130000000000","ahead"])")});
  clock_.advance(30 * kNanosPerSecond);
  write({{web_, 131, "next", {}}});
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000131000000000","next"])")});
}

TEST_F(TailApi, StagesFormatAndFilter) {
  auto sink = tail("{app=\"web\"} | logfmt | level=\"error\" | line_format \"{{.msg}}\" | keep app");
  write({{web_, 99, "level=info msg=a", {}}, {web_, 100, "level=error msg=b", {}}});
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000100000000000","b"])")});
}

TEST_F(TailApi, DelayHoldsEntriesBack) {
  auto sink = tail("{app=\"web\"}", "&delay_for=5");
  write({{web_, 98, "young", {}}});
  EXPECT_EQ(round(*sink), Messages{});
  clock_.advance(3 * kNanosPerSecond);
  EXPECT_EQ(round(*sink), Messages{message(R"(["1700000098000000000","young"])")});
  EXPECT_EQ(round(*sink), Messages{});
}

TEST_F(TailApi, DroppedEntriesAreReported) {
  auto sink = tail("{app=\"web\"}");
  sink->socket->refuse = true;
  write({{web_, 99, "lost", {}}});
  EXPECT_EQ(round(*sink), Messages{});
  sink->socket->refuse = false;
  write({{web_, 100, "kept", {}}});
  EXPECT_EQ(
      round(*sink),
      Messages{
          R"({"streams":[{"stream":{"app":"web"},"values":[["1700000100000000000","kept"]]}],)"
          R"("dropped_entries":[{"labels":{"app":"web"},"timestamp":"1700000099000000000"}],"dropped_entries_total":1})"});
  EXPECT_EQ(round(*sink), Messages{});
}

TEST_F(TailApi, ManyEntriesComeInSeveralMessages) {
  auto sink = tail("{app=\"web\"}");
  EXPECT_EQ(round(*sink), Messages{});
  std::vector<LogLine> lines;
  for (int i = 0; i < 6000; ++i) lines.push_back({web_, 100, "line " + std::to_string(i), {}});
  write(lines);
  std::string all;
  for (const std::string& text : round(*sink)) all += text;
  for (int i = 0; i < 6000; ++i)
    ASSERT_NE(all.find("\"line " + std::to_string(i) + "\""), std::string::npos) << i;
  EXPECT_EQ(round(*sink), Messages{});
}

TEST_F(TailApi, EndsWithItsConnection) {
  auto first = tail("{app=\"web\"}");
  auto second = tail("{app=\"web\"}");
  EXPECT_EQ(tails_.tail_count(), 2u);
  first->handlers.on_close(1000, "");
  second->socket->close(1000, "");
  tails_.poll();
  EXPECT_EQ(tails_.tail_count(), 0u);
}

TEST_F(TailApi, RefusesWhatItCannotFollow) {
  error(query("tail", "{app=\"web\"}"), 400);  // no upgrade
  auto refused = [&](const std::string& target, int status) {
    auto sink = send("GET", target, upgrade_);
    return sink->answer && sink->answer->status == status;
  };
  EXPECT_TRUE(refused(query("tail", "rate({app=\"web\"}[1m])"), 400));
  EXPECT_TRUE(refused(query("tail", "{app=\"web\"}", "&delay_for=6"), 400));
  EXPECT_TRUE(refused(query("tail", "{app=\"web"), 400));
  std::vector<std::shared_ptr<RecordingSink>> open;
  for (size_t i = 0; i < TailService::kTailsPerTenantMax; ++i) open.push_back(tail("{app=\"web\"}"));
  EXPECT_TRUE(refused(query("tail", "{app=\"web\"}"), 429));
  open[0]->handlers.on_close(1000, "");
  open[0] = tail("{app=\"web\"}");
}

TEST_F(TailApi, ItsOwnThreadPolls) {
  auto service = std::make_unique<TailService>(store_, clock_, 5);
  auto socket = std::make_shared<FakeWebSocket>();
  TailRequest request;
  request.tenant = kDefaultTenant;
  request.selector.matchers.push_back({"app", logql::MatchOp::equal, "web"});
  request.start = {kTestEpoch * kNanosPerSecond};
  auto tail = service->reserve(request);
  ASSERT_TRUE(tail.ok());
  service->start(*tail, socket);
  write({{web_, 50, "x", {}}});
  // The fake socket's messages have no lock: they are looked at when the thread is gone.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (socket->sent == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  service.reset();
  EXPECT_EQ(socket->messages.size(), 1u);
  EXPECT_EQ(socket->close_code, 1001);
}

}  // namespace
}  // namespace obelisk::loki
