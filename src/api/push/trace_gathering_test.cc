#include "api/push/trace_gathering.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "api/push/push_api.h"
#include "net/http_client.h"
#include "net/io_loop.h"
#include "net/test_server.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"
#include "wire/otlp_test_messages.h"

namespace obelisk {
namespace {

using namespace otlp_test;

constexpr int64_t kNow = 1'700'000'000'000'000'000;

// Span ids count from `first_id`; 0 is none, which is rejected.
std::string body_of(uint64_t trace, size_t spans, int64_t start = kNow, uint64_t first_id = 1) {
  std::vector<std::string> records;
  auto time = static_cast<uint64_t>(start);
  for (size_t i = 0; i < spans; ++i)
    records.push_back(span(trace_id(trace), span_id(first_id + i), "a span", time, time + 5));
  return request(resource({key_value("service.name", string_value("shop"))}),
                 {scope_records(scope("", ""), records)});
}

// Keeps what it is given until it is told to answer.
class HoldingWriter : public Writer {
 public:
  void append(WriteRequest request, Done done) override {
    std::lock_guard lock(mutex);
    size_t rows = 0;
    for (const Batch& batch : request.batches) rows += batch.row_count;
    held.push_back({std::move(request.tenant), rows, std::move(done)});
  }
  std::vector<size_t> rows() {
    std::lock_guard lock(mutex);
    std::vector<size_t> all;
    for (const Held& one : held) all.push_back(one.rows);
    return all;
  }
  void answer(const Result<LogPosition>& result) {
    std::vector<Held> all;
    {
      std::lock_guard lock(mutex);
      all.swap(held);
    }
    for (Held& one : all) one.done(result);
  }
  struct Held {
    Tenant tenant;
    size_t rows;
    Done done;
  };
  std::mutex mutex;
  std::vector<Held> held;
};

class FakeRequest : public TraceRequest {
 public:
  explicit FakeRequest(std::string body) : body_(std::make_shared<const std::string>(std::move(body))) {}
  const std::shared_ptr<const std::string>& body() const override { return body_; }
  void forget_body() override { body_.reset(); }
  void take_alone() override { ++alone; }
  void finish(const Result<IntakeOutcome>& outcome) override {
    ++(outcome.ok() ? stored : failed);
    on_loop = IoLoop::current() != nullptr;
  }
  std::atomic<int> alone{0}, stored{0}, failed{0};
  std::atomic<bool> on_loop{false};

 private:
  std::shared_ptr<const std::string> body_;
};
using FakeRequestPtr = std::shared_ptr<FakeRequest>;

class TraceGatheringTest : public testing::Test {
 protected:
  TraceGatheringTest() { loop_->start(); }
  ~TraceGatheringTest() override { loop_->stop(); }

  // On the loop's thread; returns when it is done there.
  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_->post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  // One after the other without anything between.
  std::vector<FakeRequestPtr> add(const std::vector<std::string>& bodies, const Tenant& tenant = "a") {
    std::vector<FakeRequestPtr> requests;
    for (const std::string& body : bodies) requests.push_back(std::make_shared<FakeRequest>(body));
    on_loop([&] {
      for (const FakeRequestPtr& request : requests) gathering_.add(tenant, request);
    });
    return requests;
  }
  // Senders that were under way together, and are answered.
  void warm_up(size_t senders, const Tenant& tenant = "a") {
    for (int round = 0; round < 3; ++round) {
      add(std::vector<std::string>(senders, body_of(1, 1)), tenant);
      settle();
      writer_.answer(LogPosition{1});
      on_loop([] {});
    }
  }
  // Nothing waits for company any more.
  void settle() {
    // A timer of the same thread runs after all that were due before it, and none of those is due later.
    std::promise<void> done;
    on_loop([&] {
      auto later =
          std::chrono::steady_clock::now() + std::chrono::nanoseconds(2 * TraceGathering::kWaitMaxNanos);
      loop_->run_at(later, [&] { done.set_value(); });
    });
    done.get_future().wait();
  }

  HoldingWriter writer_;
  ManualClock clock_{UnixNanos{kNow}};
  Intake intake_{writer_, clock_};
  Pipeline pipeline_{intake_};
  TraceGathering gathering_{pipeline_};
  std::shared_ptr<IoLoop> loop_ = std::make_shared<IoLoop>("test");
};

TEST_F(TraceGatheringTest, OffTheNetworkThreadsIsTakenAlone) {
  auto request = std::make_shared<FakeRequest>(body_of(1, 1));
  gathering_.add("a", request);
  EXPECT_EQ(request->alone, 1);
}

TEST_F(TraceGatheringTest, ASenderThatIsAloneNeverWaits) {
  for (int i = 0; i < 5; ++i) {
    std::vector<FakeRequestPtr> requests = add({body_of(1, 3)});
    EXPECT_EQ(writer_.rows(), std::vector<size_t>{3});  // stored already, without a moment's waiting
    writer_.answer(LogPosition{1});
    on_loop([] {});
    EXPECT_EQ(requests[0]->stored, 1);
    EXPECT_TRUE(requests[0]->on_loop);
  }
}

TEST_F(TraceGatheringTest, RequestsThatComeTogetherAreStoredAsOneAndAnsweredEach) {
  warm_up(4);
  std::vector<FakeRequestPtr> requests = add({body_of(1, 1), body_of(2, 2), body_of(3, 3), body_of(4, 4)});
  EXPECT_EQ(writer_.rows(), std::vector<size_t>{10});
  for (const FakeRequestPtr& request : requests) EXPECT_EQ(request->stored, 0);
  writer_.answer(LogPosition{1});
  on_loop([] {});
  for (const FakeRequestPtr& request : requests) {
    EXPECT_EQ(request->stored, 1);
    EXPECT_EQ(request->alone, 0);
    EXPECT_EQ(request->body(), nullptr);
  }
}

TEST_F(TraceGatheringTest, WhoDoesNotComeIsNotWaitedForLong) {
  warm_up(4);
  std::vector<FakeRequestPtr> requests = add({body_of(1, 1), body_of(2, 2)});
  settle();
  EXPECT_EQ(writer_.rows(), std::vector<size_t>{3});
  writer_.answer(LogPosition{1});
  on_loop([] {});
  EXPECT_EQ(requests[0]->stored + requests[1]->stored, 2);
  add({body_of(1, 1), body_of(2, 2)});  // two are expected now
  EXPECT_EQ(writer_.rows(), std::vector<size_t>{3});
}

TEST_F(TraceGatheringTest, AFailureOfTheStoreIsTheAnswerToEach) {
  warm_up(3);
  std::vector<FakeRequestPtr> requests = add({body_of(1, 1), body_of(2, 2), body_of(3, 3)});
  writer_.answer(make_error(ErrorCode::no_space, "full"));
  on_loop([] {});
  for (const FakeRequestPtr& request : requests) {
    EXPECT_EQ(request->failed, 1);
    EXPECT_EQ(request->stored + request->alone, 0);
  }
}

TEST_F(TraceGatheringTest, WithABadOneEachIsTakenAlone) {
  const std::string malformed = "\x0a\xff", no_span_id = body_of(1, 1, kNow, 0),
                    in_the_future = body_of(1, 1, kNow + 3600 * kNanosPerSecond);
  for (const std::string& bad : {malformed, no_span_id, in_the_future}) {
    warm_up(3);
    std::vector<FakeRequestPtr> requests = add({body_of(1, 1), bad, body_of(3, 3)});
    EXPECT_TRUE(writer_.rows().empty());
    for (const FakeRequestPtr& request : requests) EXPECT_EQ(request->alone, 1);
    // So are those after them, for a while.
    std::vector<FakeRequestPtr> later =
        add(std::vector<std::string>(TraceGathering::kAloneAfterRefusal, body_of(1, 1)));
    for (const FakeRequestPtr& request : later) EXPECT_EQ(request->alone, 1);
    FakeRequestPtr after = add({body_of(1, 1)})[0];
    EXPECT_EQ(after->alone, 0);
    settle();
    writer_.answer(LogPosition{1});
    on_loop([] {});
    EXPECT_EQ(after->stored, 1);
  }
}

TEST_F(TraceGatheringTest, TenantsAreNotMixed) {
  warm_up(2, "a");
  warm_up(2, "b");
  std::vector<FakeRequestPtr> of_a = add({body_of(1, 1)}, "a"), of_b = add({body_of(2, 2)}, "b");
  settle();
  ASSERT_EQ(writer_.rows(), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(writer_.held[0].tenant, "a");
  EXPECT_EQ(writer_.held[1].tenant, "b");
  writer_.answer(LogPosition{1});
}

TEST_F(TraceGatheringTest, BytesThatWaitAreBounded) {
  warm_up(64);
  const std::string body = body_of(1, 300);
  const size_t within = TraceGathering::kBytesMax / body.size();
  ASSERT_LT(within + 1, 64u);
  add(std::vector<std::string>(within + 1, body));
  EXPECT_EQ(writer_.rows(), std::vector<size_t>{300 * (within + 1)});
  FakeRequestPtr large = add({body_of(1, 3000)})[0];
  EXPECT_EQ(large->alone, 1);
  writer_.answer(LogPosition{1});
}

TEST_F(TraceGatheringTest, MadeUpTenantsAreTakenAlone) {
  for (size_t i = 0; i < TraceGathering::kTenantsMax; ++i) add({body_of(1, 1)}, "t" + std::to_string(i));
  EXPECT_EQ(writer_.rows().size(), TraceGathering::kTenantsMax);
  EXPECT_EQ(add({body_of(1, 1)}, "one more")[0]->alone, 1);
  writer_.answer(LogPosition{1});
  on_loop([] {});
  EXPECT_EQ(add({body_of(1, 1)}, "one more")[0]->alone, 0);  // in the place of one that is idle
  writer_.answer(LogPosition{1});
}

// Senders of good, malformed and partly refused requests at the same time over real connections: each gets
// its own answer, and what was acknowledged, and nothing else, is stored.
TEST(TraceGatheringServer, EachSenderGetsItsOwnAnswer) {
  MemoryStore store;
  ManualClock clock{UnixNanos{kNow}};
  Intake intake{store, clock};
  Pipeline pipeline{intake};
  ApiContext context{store, pipeline, clock, {}, false, 1 << 20, "0.1.0", "test"};
  Router router;
  register_otlp_http(router, context);
  TestServer server(
      [&](HttpExchangePtr exchange) { router.route(std::move(exchange)); },
      [](ServerOptions& options) { options.is_quick = [](const HttpRequest&) { return true; }; });
  std::atomic<size_t> spans_taken{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> senders;
  for (uint64_t sender = 1; sender <= 8; ++sender) {
    senders.emplace_back([&, sender] {
      HttpClient client;
      for (int i = 0; i < 150; ++i) {
        ClientRequest request;
        request.method = "POST";
        request.url = server.url("/v1/traces");
        request.headers = {{"content-type", "application/x-protobuf"}};
        const bool malformed = sender == 1 && i % 70 == 69, partial = sender == 2 && i % 70 == 69;
        request.body = malformed ? "\x0a\xff" : body_of(sender * 1000 + static_cast<uint64_t>(i), sender);
        if (partial) request.body += body_of(1, 1, kNow, 0);
        Result<ClientResponse> response = client.request(request);
        if (!response.ok() || response->status != (malformed ? 400 : 200)) ++wrong;
        if (response.ok() && response->status == 200 && response->body.empty() == partial) ++wrong;
        if (response.ok() && response->status == 200) spans_taken += sender;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(spans_taken, 150u * 36 - 2);  // but the two malformed requests of one span
  Scan scan;
  scan.table = Table::spans;
  Budget budget;
  Cancel cancel;
  Result<Snapshot> at = store.snapshot(kDefaultTenant);
  ASSERT_TRUE(at.ok());
  auto cursor = open_scan(store, *at, scan, budget, cancel);
  ASSERT_TRUE(cursor.ok());
  size_t rows = 0;
  for (;;) {
    Result<BatchPtr> batch = (*cursor)->next();
    ASSERT_TRUE(batch.ok());
    if (*batch == nullptr) break;
    rows += (*batch)->row_count;
  }
  EXPECT_EQ(rows, spans_taken);
}

}  // namespace
}  // namespace obelisk
