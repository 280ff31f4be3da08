#include "api/ui/ui_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace obelisk {
namespace {

using testing::HasSubstr;

constexpr ui::EmbeddedFile kFiles[] = {
    {"assets/main-abc123.js", "text/javascript", "\"js\"", true, "plain script", "gzip script", "br script"},
    {"icon.svg", "image/svg+xml", "\"icon\"", false, "<svg/>", "", ""},
    {"index.html", "text/html; charset=utf-8", "\"index\"", false, "<html>", "gzip html", "br html"},
};

class RecordingSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int, HttpHeaders) override { FAIL() << "the interface does not stream"; }
  void send_chunk(std::string, WriteDone) override { FAIL() << "the interface does not stream"; }
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
};

class UiApiTest : public testing::Test {
 protected:
  UiApiTest() { EXPECT_TRUE(register_ui_api(router_, kFiles)); }

  HttpResponse get(std::string path, HttpHeaders headers = {{"accept", "text/html,*/*"}},
                   std::string method = "GET") {
    HttpRequest request;
    request.method = std::move(method);
    request.target = path;
    request.path = std::move(path);
    request.headers = std::move(headers);
    auto sink = std::make_shared<RecordingSink>();
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink->answer.value();
  }

  Router router_;
};

TEST_F(UiApiTest, EveryViewIsTheIndexPage) {
  for (const char* path : {"/ui/", "/ui/index.html", "/ui/metrics", "/ui/traces/0123abcd"}) {
    HttpResponse response = get(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_EQ(response.body, "<html>") << path;
    EXPECT_EQ(find_header(response.headers, "content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(find_header(response.headers, "cache-control"), "no-cache");
  }
}

TEST_F(UiApiTest, ThePageOfATraceAsksForItsOverviewAtOnce) {
  auto link = [&](const char* path) { return std::string(find_header(get(path).headers, "link")); };
  EXPECT_EQ(link("/ui/traces/0123abCD"),
            "</obelisk/api/v1/traces/0123abCD/overview>; rel=preload; as=fetch; crossorigin");
  for (const char* path : {"/ui/", "/ui/traces", "/ui/traces/", "/ui/traces/0123abcx", "/ui/traces/01/23",
                           "/ui/traces/01%0d%0ax", "/ui/traces/000000000000000000000000000000000"})
    EXPECT_EQ(link(path), "") << path;
}

TEST_F(UiApiTest, AnUnknownFileIsNoPage) {
  EXPECT_EQ(get("/ui/metrics", {{"accept", "application/json"}}).status, 404);
  EXPECT_EQ(get("/ui/assets/gone-123456.js").status, 404);
  EXPECT_EQ(get("/ui/../../etc/passwd", {{"accept", "*/*"}}).status, 404);
  EXPECT_EQ(get("/ui/assets/main-abc123.js", {}, "POST").status, 405);
}

TEST_F(UiApiTest, WithoutTheTrailingSlashItRedirects) {
  HttpResponse response = get("/ui");
  EXPECT_EQ(response.status, 308);
  EXPECT_EQ(find_header(response.headers, "location"), "/ui/");
}

TEST_F(UiApiTest, TheEncodingIsTheBestThatIsAccepted) {
  auto body = [&](std::string_view accepted) {
    HttpResponse response = get("/ui/assets/main-abc123.js", {{"accept-encoding", std::string(accepted)}});
    EXPECT_EQ(find_header(response.headers, "vary"), "accept-encoding");
    return std::string(find_header(response.headers, "content-encoding")) + ": " + response.body;
  };
  EXPECT_EQ(body("gzip, deflate, br"), "br: br script");
  EXPECT_EQ(body("gzip;q=0.5, br;q=0"), "gzip: gzip script");
  EXPECT_EQ(body("br;q=0.000"), "identity: plain script");
  EXPECT_EQ(body(""), "identity: plain script");
}

TEST_F(UiApiTest, HashedNamesAreKeptForEver) {
  HttpResponse response = get("/ui/assets/main-abc123.js");
  EXPECT_EQ(find_header(response.headers, "cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(find_header(response.headers, "content-type"), "text/javascript");
}

TEST_F(UiApiTest, AKnownTagGetsNoBody) {
  for (const char* tags : {"\"index\"", "\"other\", W/\"index\"", "*"}) {
    HttpResponse response = get("/ui/", {{"accept", "text/html"}, {"if-none-match", tags}});
    EXPECT_EQ(response.status, 304) << tags;
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(find_header(response.headers, "etag"), "\"index\"");
  }
  EXPECT_EQ(get("/ui/", {{"accept", "text/html"}, {"if-none-match", "\"old\""}}).status, 200);
}

TEST_F(UiApiTest, EveryAnswerCarriesThePolicy) {
  for (const char* path : {"/ui/", "/ui/icon.svg", "/ui/assets/gone-123456.js"}) {
    HttpResponse response = get(path);
    EXPECT_THAT(std::string(find_header(response.headers, "content-security-policy")),
                HasSubstr("default-src 'none'; script-src 'self'"))
        << path;
    EXPECT_EQ(find_header(response.headers, "x-content-type-options"), "nosniff") << path;
  }
}

TEST(UiApi, ABuildWithoutTheInterfaceHasNoRoutes) {
  Router router;
  EXPECT_FALSE(register_ui_api(router, {}));
}

// What this very build embeds: sorted, since files are found by binary search, and whole.
TEST(UiApi, TheEmbeddedTableIsSortedAndComplete) {
  auto files = ui::embedded_files();
  if (files.empty()) GTEST_SKIP() << "built with OBELISK_UI=OFF";
  for (size_t i = 1; i < files.size(); ++i) EXPECT_LT(files[i - 1].path, files[i].path);
  for (const auto& file : files) {
    EXPECT_FALSE(file.identity.empty()) << file.path;
    EXPECT_GE(file.etag.size(), 10u) << file.path;
    EXPECT_EQ(file.immutable, file.path.starts_with("assets/")) << file.path;
  }
  Router router;
  EXPECT_TRUE(register_ui_api(router));
}

}  // namespace
}  // namespace obelisk
