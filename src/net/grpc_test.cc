// gRPC as the official C++ client speaks it.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

// The abseil inside grpc++ defines this name for every includer, and ours has the same meaning.
#undef GUARDED_BY

#include "net/grpc_router.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

using namespace std::chrono_literals;

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

grpc::ByteBuffer to_buffer(const std::string& text) {
  grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

struct GrpcAnswer {
  grpc::Status status;
  std::vector<std::string> messages;
  std::string trailer;
};

class GrpcTest : public testing::Test {
 protected:
  void serve(const GrpcHandler& handler, const TestServer::Adjust& adjust = {}) {
    server_ = std::make_unique<TestServer>(
        [](HttpExchangePtr exchange) { exchange->respond_text(404, "not gRPC"); },
        [&](ServerOptions& options) {
          options.grpc_handler = handler;
          if (adjust) adjust(options);
        });
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ =
        grpc::CreateCustomChannel(server_->server().address(), grpc::InsecureChannelCredentials(), arguments);
  }

  // Sends one message and reads all answers. `adjust` may set deadlines, metadata and compression.
  GrpcAnswer call(const std::string& method, const std::string& message,
                  const std::function<void(grpc::ClientContext&)>& adjust = {},
                  const std::function<void(grpc::ClientContext&, size_t)>& after_message = {}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    if (adjust) adjust(context);
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    auto stream = stub.PrepareCall(&context, method, &queue);
    auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      EXPECT_TRUE(queue.Next(&tag, &ok));
      return ok;
    };
    GrpcAnswer answer;
    stream->StartCall(nullptr);
    wait();
    stream->WriteLast(to_buffer(message), grpc::WriteOptions(), nullptr);
    wait();
    for (;;) {
      grpc::ByteBuffer buffer;
      stream->Read(&buffer, nullptr);
      if (!wait()) break;
      answer.messages.push_back(to_string(buffer));
      if (after_message) after_message(context, answer.messages.size());
    }
    stream->Finish(&answer.status, nullptr);
    wait();
    auto trailers = context.GetServerTrailingMetadata();
    if (auto it = trailers.find("x-trailer"); it != trailers.end())
      answer.trailer = std::string(it->second.data(), it->second.size());
    return answer;
  }

  std::unique_ptr<TestServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(GrpcTest, AnswersAUnaryCall) {
  serve([](GrpcCallPtr call) {
    EXPECT_EQ(call->request().messages.size(), 1u);
    call->send(call->request().path + " " + call->request().messages[0] + " " +
               std::string(call->request().header("x-scope-orgid")));
    call->finish(GrpcStatus::ok, "", {{"x-trailer", "seen"}});
  });
  GrpcAnswer answer = call("/some.Service/Method", "hello", [](grpc::ClientContext& context) {
    context.AddMetadata("x-scope-orgid", "tenant");
  });
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.messages, std::vector<std::string>{"/some.Service/Method hello tenant"});
  EXPECT_EQ(answer.trailer, "seen");
}

TEST_F(GrpcTest, CarriesEmptyAndLargeMessages) {
  serve([](GrpcCallPtr call) { call->finish_with(std::move(call->request().messages.at(0))); });
  EXPECT_EQ(call("/a/b", "").messages, std::vector<std::string>{""});
  std::string large(20 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 131 >> 5);
  GrpcAnswer answer = call("/a/b", large);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.messages.at(0) == large);
}

TEST_F(GrpcTest, DecompressesGzip) {
  serve([](GrpcCallPtr call) {
    EXPECT_EQ(call->request().header("grpc-encoding"), "gzip");
    call->finish_with(std::to_string(call->request().messages.at(0).size()));
  });
  GrpcAnswer answer = call("/a/b", std::string(100'000, 'z'), [](grpc::ClientContext& context) {
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  });
  EXPECT_EQ(answer.messages, std::vector<std::string>{"100000"}) << answer.status.error_message();
}

TEST_F(GrpcTest, ABombIsRefused) {
  serve([](GrpcCallPtr call) { call->finish_with("not reached"); },
        [](ServerOptions& options) { options.body_bytes_max = 1 << 20; });
  GrpcAnswer answer = call("/a/b", std::string(16 << 20, 'z'), [](grpc::ClientContext& context) {
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(answer.status.error_message().find("1048576 bytes"), std::string::npos)
      << answer.status.error_message();
}

TEST_F(GrpcTest, ALargeMessageIsRefusedByItsPrefix) {
  serve([](GrpcCallPtr call) { call->finish_with("not reached"); },
        [](ServerOptions& options) { options.body_bytes_max = 1 << 20; });
  GrpcAnswer answer = call("/a/b", std::string(8 << 20, 'z'));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED)
      << answer.status.error_message();
  EXPECT_NE(answer.status.error_message().find("1048576"), std::string::npos);
}

TEST_F(GrpcTest, CarriesStatusAndText) {
  serve([](GrpcCallPtr call) { call->finish(GrpcStatus::not_found, "50% of \xC3\xBC\nis missing"); });
  GrpcAnswer answer = call("/a/b", "x");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(answer.status.error_message(), "50% of \xC3\xBC\nis missing");
  EXPECT_TRUE(answer.messages.empty());
}

TEST_F(GrpcTest, StreamsMessagesAndThenAStatus) {
  serve([](GrpcCallPtr call) {
    for (int i = 0; i < 100; ++i) call->send(std::string(10'000, static_cast<char>('a' + i % 26)));
    call->finish(GrpcStatus::resource_exhausted, "enough");
  });
  GrpcAnswer answer = call("/a/b", "x");
  ASSERT_EQ(answer.messages.size(), 100u);
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(answer.messages[static_cast<size_t>(i)] ==
                std::string(10'000, static_cast<char>('a' + i % 26)))
        << i;
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(answer.status.error_message(), "enough");
}

TEST_F(GrpcTest, MessagesArriveBeforeTheEnd) {
  auto held = std::make_shared<std::promise<GrpcCallPtr>>();
  serve([held](GrpcCallPtr call) {
    call->send("first");
    held->set_value(call);
  });
  auto kept = held->get_future();
  GrpcAnswer answer = call("/a/b", "x", {}, [&](grpc::ClientContext&, size_t count) {
    if (count != 1) return;
    GrpcCallPtr open = kept.get();
    open->send("second");
    open->finish(GrpcStatus::ok);
  });
  EXPECT_EQ(answer.messages, (std::vector<std::string>{"first", "second"}));
  EXPECT_TRUE(answer.status.ok());
}

TEST_F(GrpcTest, TheDeadlineCancelsTheCall) {
  auto cancelled = std::make_shared<std::promise<void>>();
  auto kept = std::make_shared<GrpcCallPtr>();
  serve([=](GrpcCallPtr call) {
    *kept = call;
    EXPECT_TRUE(call->request().timeout_nanos.has_value());
    call->on_cancel([cancelled] { cancelled->set_value(); });
  });
  GrpcAnswer answer = call("/a/b", "x", [](grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + 2s);
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(cancelled->get_future().wait_for(60s), std::future_status::ready);
  (*kept)->finish_with("too late");
  kept->reset();
}

TEST_F(GrpcTest, TheClientsCancelReachesTheHandler) {
  auto cancelled = std::make_shared<std::promise<void>>();
  auto kept = std::make_shared<GrpcCallPtr>();
  serve([=](GrpcCallPtr call) {
    *kept = call;
    call->on_cancel([cancelled] { cancelled->set_value(); });
    call->send("one");
  });
  GrpcAnswer answer =
      call("/a/b", "x", {}, [](grpc::ClientContext& context, size_t) { context.TryCancel(); });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(cancelled->get_future().wait_for(60s), std::future_status::ready);
  (*kept)->finish(GrpcStatus::ok);
  kept->reset();
}

TEST_F(GrpcTest, UnknownMethodsAndDroppedCallsHaveAStatus) {
  auto router = std::make_shared<GrpcRouter>();
  router->add("/known.Service/Drop", [](GrpcCallPtr) {});
  serve([router](GrpcCallPtr call) { router->route(std::move(call)); });
  GrpcAnswer unknown = call("/known.Service/Other", "x");
  EXPECT_EQ(unknown.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_NE(unknown.status.error_message().find("/known.Service/Other"), std::string::npos);
  EXPECT_EQ(call("/known.Service/Drop", "x").status.error_code(), grpc::StatusCode::INTERNAL);
}

TEST_F(GrpcTest, WithoutAHandlerEveryCallIsUnimplemented) {
  serve({});
  EXPECT_EQ(call("/a/b", "x").status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcTest, ManyCallsShareAConnection) {
  serve([](GrpcCallPtr call) { call->finish_with(std::move(call->request().messages.at(0))); });
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        std::string message = std::to_string(t * 1000 + i);
        GrpcAnswer answer = call("/a/b", message);
        if (answer.status.ok() && answer.messages == std::vector<std::string>{message}) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace obelisk
