#include "net/router.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

// Keeps the whole answer of one exchange.
class KeptAnswer : public ResponseSink {
 public:
  void send_response(HttpResponse given) override { response = std::move(given); }
  void send_head(int, HttpHeaders) override {}
  void send_chunk(std::string, WriteDone) override {}
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  HttpResponse response;
};

class RouterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto answer = [](std::string name) {
      return [name](HttpExchangePtr exchange, const PathParameters& parameters) {
        std::string text = name;
        if (name.find("label") != std::string::npos) text += " " + parameters.get("name");
        if (name.find("rest") != std::string::npos) text += " " + parameters.get("rest");
        exchange->respond_text(200, text);
      };
    };
    router_.add("GET", "/", answer("root"));
    router_.add("GET", "/api/v1/query", answer("query"));
    router_.add("POST", "/api/v1/query", answer("query post"));
    router_.add("GET", "/api/v1/label/{name}/values", answer("label"));
    router_.add("GET", "/api/v1/label/special/values", answer("special"));
    router_.add("PUT", "/metrics/job/{rest...}", answer("rest"));
  }
  HttpResponse route(std::string method, std::string target) {
    auto sink = std::make_shared<KeptAnswer>();
    HttpRequest request;
    request.method = std::move(method);
    request.path = target;
    request.target = std::move(target);
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink->response;
  }
  Router router_;
};

TEST_F(RouterTest, FindsLiteralsParametersAndRests) {
  EXPECT_EQ(route("GET", "/").body, "root\n");
  EXPECT_EQ(route("GET", "/api/v1/query?query=up").body, "query\n");
  EXPECT_EQ(route("POST", "/api/v1/query").body, "query post\n");
  EXPECT_EQ(route("GET", "/api/v1/label/job/values").body, "label job\n");
  EXPECT_EQ(route("GET", "/api/v1/label/special/values").body, "special\n");
  EXPECT_EQ(route("PUT", "/metrics/job/a/instance/b").body, "rest a/instance/b\n");
}

TEST_F(RouterTest, DecodesParametersAfterSplitting) {
  EXPECT_EQ(route("GET", "/api/v1/label/a%2Fb%20c/values").body, "label a/b c\n");
  EXPECT_EQ(route("GET", "/api/v1/label/a%2/values").status, 400);
}

TEST_F(RouterTest, UnknownPathIsNamed) {
  HttpResponse response = route("GET", "/api/v1/querry");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("/api/v1/querry"), std::string::npos);
  EXPECT_EQ(route("GET", "/api/v1/query/").status, 404);
  EXPECT_EQ(route("GET", "/api/v1/label//values").status, 404);
  EXPECT_EQ(route("PUT", "/metrics/job/").status, 404);
  EXPECT_EQ(route("GET", "/api").status, 404);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "/a";
  EXPECT_EQ(route("GET", deep).status, 404);
}

TEST_F(RouterTest, WrongMethodGetsAllow) {
  HttpResponse response = route("DELETE", "/api/v1/query");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(find_header(response.headers, "allow"), "GET, HEAD, POST");
  EXPECT_EQ(route("GET", "/metrics/job/a").status, 405);
}

TEST_F(RouterTest, HeadIsServedByGet) {
  EXPECT_EQ(route("HEAD", "/api/v1/query").body, "query\n");
}

TEST_F(RouterTest, FallbackReplacesThe404) {
  router_.set_fallback([](HttpExchangePtr exchange) { exchange->respond_text(200, "page"); });
  EXPECT_EQ(route("GET", "/anything").body, "page\n");
  EXPECT_EQ(route("DELETE", "/api/v1/query").status, 405);
}

TEST(HttpExchange, AnswersWhenItIsDropped) {
  auto sink = std::make_shared<KeptAnswer>();
  std::make_shared<HttpExchange>(HttpRequest{}, sink).reset();
  EXPECT_EQ(sink->response.status, 500);
}

}  // namespace
}  // namespace obelisk
