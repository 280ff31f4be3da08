#pragma once
// A Loki API over a memory store with a clock set by hand, and sinks that record what is answered. For tests
// only.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <atomic>
#include <optional>

#include "api/loki/loki_api.h"
#include "api/request/multi_tenant_reader.h"
#include "env/fault_disk.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk::loki {

class FakeWebSocket : public WebSocket {
 public:
  bool send_text(std::string message) override {
    if (refuse || closed_) return false;
    messages.push_back(std::move(message));
    ++sent;
    return true;
  }
  size_t queued_bytes() const override { return 0; }
  void close(uint16_t code, std::string reason) override {
    closed_ = true;
    close_code = code;
    close_reason = std::move(reason);
  }
  bool closed() const override { return closed_; }

  bool refuse = false;
  std::vector<std::string> messages;
  std::atomic<size_t> sent = 0;  // of them
  uint16_t close_code = 0;
  std::string close_reason;

 private:
  bool closed_ = false;
};

class RecordingSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int, HttpHeaders) override {}
  void send_chunk(std::string, WriteDone) override {}
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers given) override {
    handlers = std::move(given);
    return std::shared_ptr<WebSocket>(socket);
  }
  std::optional<HttpResponse> answer;
  WebSocketHandlers handlers;
  std::shared_ptr<FakeWebSocket> socket = std::make_shared<FakeWebSocket>();
};

struct LogLine {
  Labels stream;
  int64_t seconds = 0;  // after kTestEpoch
  std::string line;
  std::vector<std::pair<std::string, std::string>> metadata;
};

class LokiApiTest : public testing::Test {
 protected:
  static constexpr int64_t kTestEpoch = 1'700'000'000;

  LokiApiTest() {
    deletes_ = std::move(*DeleteService::open(disk_, store_, store_, clock_, {3600 * kNanosPerSecond, {}}));
    auto store = rules::RuleStore::open(disk_, rules::RuleLanguage::logql);
    rule_store_ = std::move(*store);
    rule_store_->on_change([this] { rule_manager_.load(rule_store_->all_groups()); });
    register_loki_api(router_, context_, tails_,
                      {rule_store_.get(), [this] { return rule_manager_.status(); }}, *deletes_);
  }

  void write(const std::vector<LogLine>& lines) {
    BatchBuilder builder(Table::logs);
    for (const LogLine& line : lines) {
      std::vector<LabelRef> view = line.stream.view();
      builder.begin_group_copy(view);
      builder.add_row({(kTestEpoch + line.seconds) * kNanosPerSecond});
      builder.set_string(Scope::fixed, column::kLine, builder.arena().copy(line.line));
      for (const auto& [name, value] : line.metadata)
        builder.set_string(Scope::attribute, name, builder.arena().copy(value));
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  std::shared_ptr<RecordingSink> send(std::string method, const std::string& target, HttpHeaders headers = {},
                                      std::string body = "") {
    HttpRequest request;
    request.method = std::move(method);
    request.target = target;
    Result<TargetParts> parts = split_target(target);
    request.path = parts->path;
    request.query = parts->query;
    request.headers = std::move(headers);
    request.body = std::move(body);
    auto sink = std::make_shared<RecordingSink>();
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink;
  }
  // The body of a 200 answer that is JSON.
  std::string json(const std::string& target, HttpHeaders headers = {}) {
    auto sink = send("GET", target, std::move(headers));
    EXPECT_TRUE(sink->answer && sink->answer->status == 200)
        << target << " " << (sink->answer ? sink->answer->body : "");
    if (!sink->answer) return "";
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(sink->answer->body).error(), simdjson::SUCCESS) << sink->answer->body;
    return sink->answer->body;
  }
  // The answer without its stats, which hold measured times.
  std::string without_stats(const std::string& target, HttpHeaders headers = {}) {
    std::string body = json(target, std::move(headers));
    size_t at = body.find(",\"stats\":");
    EXPECT_NE(at, std::string::npos) << body;
    return body.substr(0, at) + "}}";
  }
  // The body of a 200 answer that need not be JSON.
  std::string text(const std::string& target) {
    auto sink = send("GET", target);
    EXPECT_TRUE(sink->answer && sink->answer->status == 200) << target;
    return sink->answer ? sink->answer->body : "";
  }
  std::string error(const std::string& target, int status) {
    auto sink = send("GET", target);
    EXPECT_TRUE(sink->answer && sink->answer->status == status)
        << target << " " << (sink->answer ? sink->answer->body : "");
    EXPECT_TRUE(sink->answer && find_header(sink->answer->headers, "content-type").starts_with("text/plain"));
    return sink->answer ? sink->answer->body : "";
  }
  static std::string query(std::string_view path, std::string_view query, std::string_view rest = "") {
    return "/loki/api/v1/" + std::string(path) + "?query=" + percent_encode(query) + std::string(rest);
  }

  MemoryStore store_;
  ManualClock clock_{{(kTestEpoch + 100) * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  MultiTenantReader reader_{store_};
  ApiContext context_{reader_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  FaultDisk disk_;
  std::unique_ptr<DeleteService> deletes_;
  std::unique_ptr<rules::RuleStore> rule_store_;
  rules::RuleManager rule_manager_{store_, intake_, clock_, {}, nullptr};
  TailService tails_{store_, clock_, 0};
  Router router_;
};

}  // namespace obelisk::loki
