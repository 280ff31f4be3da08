// Requests against a server of the test, with credentials of each kind.
#include "collect/fetch/http_fetcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net/test_server.h"

namespace obelisk::collect {
namespace {

class HttpFetcherTest : public testing::Test {
 protected:
  void serve(HttpExchangePtr exchange) {
    const HttpRequest& request = exchange->request();
    MutexLock lock(mutex_);
    if (request.path == "/token") {
      ++token_requests_;
      token_body_ = request.body;
      token_authorization_ = request.header("authorization");
      return exchange->respond(
          {token_status_,
           {{"content-type", "application/json"}},
           fmt::format(R"({{"access_token":"t{}","token_type":"bearer","expires_in":{}}})", token_requests_,
                       lifetime_seconds_)});
    }
    authorization_ = request.header("authorization");
    header_ = request.header("x-extra");
    exchange->respond_text(status_, "ok");
  }
  Result<ClientResponse> get(const HttpSettings& settings) {
    ClientRequest request;
    request.url = server_.url("/metrics");
    return fetcher_.fetch(request, settings);
  }
  OAuth2 oauth2() {
    OAuth2 settings;
    settings.client_id = "id";
    settings.client_secret.text = "se:cret";
    settings.token_url = server_.url("/token");
    settings.scopes = {"a", "b"};
    settings.endpoint_params = {{"audience", "x y"}};
    return settings;
  }

  Mutex mutex_;
  int token_requests_ = 0;
  int token_status_ = 200;
  int lifetime_seconds_ = 3600;
  int status_ = 200;
  std::string token_body_, token_authorization_, authorization_, header_;
  TestServer server_{[this](HttpExchangePtr exchange) { serve(std::move(exchange)); }};
  HttpFetcher fetcher_;
};

TEST_F(HttpFetcherTest, ReadsSecretsFromFilesForEachRequest) {
  std::string file = std::filesystem::temp_directory_path() / fmt::format("obelisk_secret_{}", getpid());
  HttpSettings settings;
  settings.authorization = Authorization{"Token", {"", file}};
  settings.headers = {{"X-Extra", {}, {"one"}, {}}};
  std::ofstream(file) << "first\n";
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(authorization_, "Token first");
  EXPECT_EQ(header_, "one");
  std::ofstream(file) << "second";
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(authorization_, "Token second");
  std::filesystem::remove(file);
  auto gone = get(settings);
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().message.find(file), std::string::npos);
}

TEST_F(HttpFetcherTest, BasicAuthentication) {
  HttpSettings settings;
  settings.basic_auth = BasicAuth{{"u", ""}, {"p", ""}};
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(authorization_, "Basic dTpw");
}

TEST_F(HttpFetcherTest, KeepsOAuth2TokensUntilTheyEnd) {
  HttpSettings settings;
  settings.oauth2 = oauth2();
  ASSERT_TRUE(get(settings).ok());
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(token_requests_, 1);
  EXPECT_EQ(authorization_, "Bearer t1");
  EXPECT_EQ(token_body_, "grant_type=client_credentials&scope=a%20b&audience=x%20y");
  EXPECT_EQ(token_authorization_, "Basic aWQ6c2UlM0FjcmV0");  // id:se%3Acret
  status_ = 401;                                              // revoked: the next request asks for a new one
  ASSERT_TRUE(get(settings).ok());
  status_ = 200;
  lifetime_seconds_ = 5;  // within the margin: never kept
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(authorization_, "Bearer t2");
  ASSERT_TRUE(get(settings).ok());
  EXPECT_EQ(authorization_, "Bearer t3");
}

TEST_F(HttpFetcherTest, ATokenThatIsRefusedIsAnErrorWithoutTheSecret) {
  HttpSettings settings;
  settings.oauth2 = oauth2();
  token_status_ = 403;
  auto refused = get(settings);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("403"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("se:cret"), std::string::npos);
}

}  // namespace
}  // namespace obelisk::collect
