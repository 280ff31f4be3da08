// Tenants' own settings over HTTP: who may change what, and what a patch makes of them.
#include <gtest/gtest.h>

#include "api/request/recording_sinks.h"
#include "api/tempo/tempo_api.h"
#include "env/fault_disk.h"
#include "pipeline/override_store.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class OverridesTest : public testing::Test {
 protected:
  OverridesTest() {
    auto check = [](std::string_view json) -> Result<std::string> {
      if (json.find("bad") != std::string_view::npos)
        return make_error(ErrorCode::invalid_argument, "bad is not known");
      return std::string(json);
    };
    register_tempo_api(router_, grpc_router_, context_, {store_.get(), check, [](const Tenant& tenant) {
                                                           return "{\"all of\":\"" + tenant + "\"}";
                                                         }});
  }

  HttpResponse call(std::string method, std::string body = "", std::string if_match = "",
                    std::string tenant = "team") {
    HttpHeaders headers{{"x-scope-orgid", tenant}};
    if (!if_match.empty()) headers.emplace_back("if-match", if_match);
    HttpResponse response = answer_of(router_, method, "/api/overrides", headers, body);
    version_ = std::string(find_header(response.headers, "etag"));
    return response;
  }

  FaultDisk disk_;
  ManualClock clock_{{1'700'000'000 * kNanosPerSecond}};
  std::unique_ptr<OverrideStore> store_ = std::move(*OverrideStore::open(disk_, clock_));
  MemoryStore data_;
  Intake intake_{data_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{data_, pipeline_, clock_, {}, true, 64u << 20, "0.1.0", "abc"};
  Router router_;
  GrpcRouter grpc_router_;
  std::string version_;
};

TEST_F(OverridesTest, AChangeNamesWhatItReplaces) {
  EXPECT_EQ(call("GET").status, 404);
  EXPECT_EQ(call("POST", "{}").status, 428);
  EXPECT_EQ(call("POST", "{\"bad\":1}", "0").status, 400);
  EXPECT_EQ(call("POST", "{}", "1").status, 412);
  EXPECT_EQ(call("POST", "{\"a\":1}", "0").status, 200);
  std::string first = version_;
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(call("POST", "{}", "0").status, 412);
  EXPECT_EQ(call("GET").body, "{\"a\":1}");
  EXPECT_EQ(version_, first);
  EXPECT_EQ(call("GET", "", "", "other").status, 404);  // of another tenant
  EXPECT_EQ(call("POST", "{\"a\":2}", first).status, 200);
  EXPECT_NE(version_, first);
  std::string second = version_;
  EXPECT_EQ(call("DELETE").status, 428);
  EXPECT_EQ(call("DELETE", "", first).status, 412);
  EXPECT_EQ(call("DELETE", "", second, "other").status, 404);
  EXPECT_EQ(call("DELETE", "", second).status, 200);
  EXPECT_EQ(call("GET").status, 404);
}

TEST_F(OverridesTest, APatchIsLaidOverWhatIsThere) {
  EXPECT_EQ(call("PATCH", R"({"a":{"b":1,"gone":null},"list":[1,2]})").body, R"({"a":{"b":1},"list":[1,2]})");
  EXPECT_EQ(call("PATCH", R"({"a":{"c":[]},"list":[3],"d":"x"})").body,
            R"({"a":{"b":1,"c":[]},"list":[3],"d":"x"})");
  EXPECT_EQ(call("PATCH", R"({"a":{"b":null},"d":{"e":1}})").body,
            R"({"a":{"c":[]},"list":[3],"d":{"e":1}})");
  EXPECT_EQ(call("PATCH", R"({"a":null})").body, R"({"list":[3],"d":{"e":1}})");
  for (std::string_view wrong : {"", "[]", "null", "{", R"({"bad":1})"})
    EXPECT_EQ(call("PATCH", std::string(wrong)).status, 400) << wrong;
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(call("PATCH", deep).status, 400);
  EXPECT_EQ(call("PATCH", std::string(2 << 20, ' ')).status, 413);
  EXPECT_EQ(call("GET").body, R"({"list":[3],"d":{"e":1}})");
}

TEST_F(OverridesTest, AllThatIsInForce) {
  auto get = [&](std::string_view query) {
    return answer_of(router_, "GET", "/api/overrides?" + std::string(query), {{"x-scope-orgid", "team"}}, "");
  };
  EXPECT_EQ(get("scope=merged").body, R"({"all of":"team"})");
  EXPECT_EQ(get("scope=merged").status, 200);
  EXPECT_EQ(get("scope=api").status, 404);
  EXPECT_EQ(get("scope=some").status, 400);
  EXPECT_EQ(answer_of(router_, "GET", "/api/overrides", {}, "").status, 401);
}

}  // namespace
}  // namespace obelisk
