#pragma once
// What answers are written to in tests of the APIs, and how their protobuf is looked into. Not part of the
// server.
#include <gtest/gtest.h>

#include <optional>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <vector>

#include "net/grpc_router.h"
#include "net/http_exchange.h"
#include "net/router.h"
#include "net/url.h"

namespace obelisk {

class RecordingSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int, HttpHeaders) override {}
  void send_chunk(std::string, WriteDone) override {}
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
};

// What a route answers to a request.
inline HttpResponse answer_of(const Router& router, std::string method, const std::string& target,
                              HttpHeaders headers = {}, std::string body = "") {
  HttpRequest request;
  request.method = std::move(method);
  request.target = target;
  Result<TargetParts> parts = split_target(request.target);
  request.path = parts->path;
  request.query = parts->query;
  request.headers = std::move(headers);
  request.body = std::move(body);
  auto sink = std::make_shared<RecordingSink>();
  router.route(std::make_shared<HttpExchange>(std::move(request), sink));
  EXPECT_TRUE(sink->answer.has_value()) << target;
  return sink->answer.value_or(HttpResponse{0, {}, {}});
}

class RecordingGrpcSink : public GrpcSink {
 public:
  void send_message(std::string message, WriteDone done) override {
    messages.push_back(std::move(message));
    if (done) done(true);
  }
  void send_status(GrpcStatus given, std::string given_text, HttpHeaders) override {
    status = given;
    text = std::move(given_text);
  }
  std::vector<std::string> messages;
  std::optional<GrpcStatus> status;
  std::string text;
};

inline std::shared_ptr<RecordingGrpcSink> call_grpc(const GrpcRouter& router, std::string path,
                                                    std::string message) {
  GrpcRequest request;
  request.path = std::move(path);
  request.messages.push_back(std::move(message));
  auto sink = std::make_shared<RecordingGrpcSink>();
  router.route(std::make_shared<GrpcCall>(std::move(request), sink));
  return sink;
}

// Field `number` of a protobuf message, every time it occurs.
inline std::vector<std::string> fields(const std::string& message, uint32_t number) {
  std::vector<std::string> found;
  protozero::pbf_reader reader(message);
  while (reader.next()) {
    if (reader.tag() == number && reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      found.push_back(reader.get_string());
    } else {
      reader.skip();
    }
  }
  return found;
}
inline std::string field(const std::string& message, uint32_t number) {
  std::vector<std::string> found = fields(message, number);
  return found.empty() ? "" : found[0];
}

}  // namespace obelisk
