// Goal: targets follow what a watch tells, across ends, breaks and expired versions, and where it is refused
// or too large everything is listed. Against a server that answers lists and holds watches open as an API
// server does.
#include "collect/discovery/kubernetes_watch.h"

#include <chrono>

#include "collect/discovery/sources_test.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

// Of one collection. A watch stays open until the test ends it.
class FakeApiServer {
 public:
  std::string url() const { return server_.url(""); }
  void set_objects(std::vector<std::string> objects, int version) {
    MutexLock lock(mutex_);
    objects_ = std::move(objects);
    version_ = version;
  }
  // The status of watches from now on.
  void set_watch_status(int status) {
    MutexLock lock(mutex_);
    watch_status_ = status;
  }
  size_t lists() {
    MutexLock lock(mutex_);
    return lists_;
  }
  // Waits for watch number n, counted from 1; the version that it began from, or "none".
  std::string version_of_watch(size_t n) {
    MutexLock lock(mutex_);
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (versions_.size() < n && std::chrono::steady_clock::now() < until)
      lock.wait_for(changed_, std::chrono::milliseconds(50));
    return versions_.size() < n ? "none" : versions_[n - 1];
  }
  // To the newest watch.
  void send(const std::string& text) { watch()->write(text); }
  void send_event(std::string_view type, std::string_view object) {
    std::string event = fmt::format("{{\"type\":\"{}\",\"object\":{}}}", type, object);
    std::erase(event, '\n');
    send(event + "\n");
  }
  void end_watch() { watch()->finish(); }
  void break_watch() {
    MutexLock lock(mutex_);
    watch_.reset();  // an exchange that is lost breaks its response off
  }

 private:
  HttpExchangePtr watch() {
    MutexLock lock(mutex_);
    return watch_;
  }
  void serve(HttpExchangePtr exchange) {
    MutexLock lock(mutex_);
    const std::string& target = exchange->request().target;
    Parameters parameters = *Parameters::parse(target.substr(target.find('?') + 1));
    if (!parameters.contains("watch")) {
      ++lists_;
      return exchange->respond(
          {200,
           {{"content-type", "application/json"}},
           fmt::format("{{\"metadata\": {{\"resourceVersion\": \"{}\"}}, \"items\": [{}]}}", version_,
                       fmt::join(objects_, ","))});
    }
    versions_.emplace_back(parameters.get_or("resourceVersion", ""));
    changed_.notify_all();
    EXPECT_EQ(parameters.get_or("allowWatchBookmarks", ""), "true");
    if (watch_status_ != 200) return exchange->respond_text(watch_status_, "no");
    exchange->begin(200, {{"content-type", "application/json"}});
    watch_ = std::move(exchange);
  }

  Mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> objects_;
  int version_ = 0;
  int watch_status_ = 200;
  size_t lists_ = 0;
  std::vector<std::string> versions_;
  HttpExchangePtr watch_;
  TestServer server_{[this](HttpExchangePtr exchange) { serve(std::move(exchange)); }};
};

std::string service(std::string_view name, int port, int version) {
  return fmt::format(
      R"({{"metadata": {{"name": "{}", "namespace": "shop", "resourceVersion": "{}",
                         "managedFields": [{{"manager": "kubectl"}}]}},
           "spec": {{"type": "ClusterIP", "ports": [{{"port": {}}}]}}}})",
      name, version, port);
}

std::string in_one_line(std::string text) {
  std::erase(text, '\n');
  return text;
}

class KubernetesWatchTest : public testing::Test {
 protected:
  ~KubernetesWatchTest() override {
    discoverer_.reset();
    server_.break_watch();
  }
  void begin() {
    KubernetesDiscovery settings;
    settings.role = KubernetesDiscovery::Role::service;
    settings.api_server = server_.url();
    options_.pause_nanos_min = 20 * kNanosPerMilli;
    options_.pause_nanos_max = 100 * kNanosPerMilli;
    discoverer_ = make_kubernetes_discoverer(settings, fetcher_, options_);
  }
  // Addresses without the host's rest.
  Lines addresses() {
    Lines all;
    for (const std::string& line : discovered(*discoverer_)) {
      size_t at = line.find("__address__=\"") + 13;
      std::string address = line.substr(at, line.find('"', at) - at);
      all.push_back(address.replace(address.find(".shop.svc"), 9, ""));
    }
    return all;
  }
  // Events come after the call that waits for them: asks until it is so.
  ::testing::AssertionResult comes_to(const Lines& expected) {
    Lines last;
    for (int i = 0; i < 20; ++i) {
      if ((last = addresses()) == expected) return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << testing::PrintToString(last);
  }

  FakeApiServer server_;
  HttpFetcher fetcher_;
  KubernetesWatchOptions options_;
  std::unique_ptr<Discoverer> discoverer_;
};

TEST_F(KubernetesWatchTest, EventsAddChangeAndRemoveTargets) {
  server_.set_objects({service("a", 1, 3), service("b", 2, 4)}, 10);
  begin();
  EXPECT_EQ(addresses(), (Lines{"a:1", "b:2"}));
  EXPECT_EQ(discoverer_->pause_nanos(), kNanosPerSecond);
  ASSERT_EQ(server_.version_of_watch(1), "10");
  server_.send_event("ADDED", service("c", 3, 11));
  EXPECT_TRUE(comes_to({"a:1", "b:2", "c:3"}));
  // In pieces, and several at once.
  std::string line = in_one_line(fmt::format("{{\"type\":\"MODIFIED\",\"object\":{}}}", service("a", 9, 12)));
  server_.send(line.substr(0, 30));
  server_.send(line.substr(30) + "\n");
  EXPECT_TRUE(comes_to({"a:9", "b:2", "c:3"}));
  server_.send_event("DELETED", service("b", 2, 13));
  EXPECT_TRUE(comes_to({"a:9", "c:3"}));
  EXPECT_EQ(server_.lists(), 1u);
}

TEST_F(KubernetesWatchTest, GoesOnFromTheLastVersionAfterAnEndAndABreak) {
  server_.set_objects({service("a", 1, 3)}, 10);
  begin();
  EXPECT_EQ(addresses(), Lines{"a:1"});
  ASSERT_EQ(server_.version_of_watch(1), "10");
  server_.send_event("BOOKMARK", R"({"metadata": {"resourceVersion": "20"}})");
  server_.end_watch();
  ASSERT_EQ(server_.version_of_watch(2), "20");
  server_.send_event("ADDED", service("b", 2, 21));
  EXPECT_TRUE(comes_to({"a:1", "b:2"}));
  server_.break_watch();
  ASSERT_EQ(server_.version_of_watch(3), "21");
  server_.set_watch_status(500);
  server_.break_watch();
  ASSERT_EQ(server_.version_of_watch(5), "21");
  server_.set_watch_status(200);
  EXPECT_EQ(addresses(), (Lines{"a:1", "b:2"})) << "what is known stays while the server fails";
  EXPECT_EQ(server_.lists(), 1u);
}

TEST_F(KubernetesWatchTest, ListsAgainWhenItsVersionHasExpired) {
  server_.set_objects({service("a", 1, 3)}, 10);
  begin();
  EXPECT_EQ(addresses(), Lines{"a:1"});
  ASSERT_EQ(server_.version_of_watch(1), "10");
  server_.set_objects({service("b", 2, 30)}, 30);
  server_.send_event("ERROR", R"({"kind": "Status", "code": 410, "reason": "Expired"})");
  EXPECT_TRUE(comes_to({"b:2"}));
  ASSERT_EQ(server_.version_of_watch(2), "30");
  server_.set_objects({service("c", 3, 40)}, 40);
  server_.set_watch_status(410);
  server_.break_watch();
  EXPECT_TRUE(comes_to({"c:3"}));
  EXPECT_GE(server_.lists(), 3u);
}

TEST_F(KubernetesWatchTest, AnEventThatCannotBeReadMeansToListAgain) {
  server_.set_objects({service("a", 1, 3)}, 10);
  begin();
  EXPECT_EQ(addresses(), Lines{"a:1"});
  ASSERT_EQ(server_.version_of_watch(1), "10");
  server_.set_objects({service("b", 2, 30)}, 30);
  server_.send("{\"type\": nonsense\n");
  EXPECT_TRUE(comes_to({"b:2"}));
  ASSERT_EQ(server_.version_of_watch(2), "30");
  server_.set_objects({service("c", 3, 40)}, 40);
  for (int i = 0; i < 9; ++i) server_.send(std::string(1 << 20, ' '));  // an event without an end
  EXPECT_TRUE(comes_to({"c:3"}));
}

TEST_F(KubernetesWatchTest, WhereItIsRefusedEverythingIsListed) {
  server_.set_objects({service("a", 1, 3)}, 10);
  server_.set_watch_status(403);
  begin();
  EXPECT_TRUE(comes_to({"a:1"}));
  ASSERT_EQ(server_.version_of_watch(1), "10");
  server_.set_objects({service("b", 2, 30)}, 30);
  EXPECT_TRUE(comes_to({"b:2"}));
  EXPECT_EQ(discoverer_->pause_nanos(), 15 * kNanosPerSecond);
  EXPECT_EQ(server_.version_of_watch(1), "10");
}

TEST_F(KubernetesWatchTest, WhatDoesNotFitIntoMemoryIsListed) {
  std::vector<std::string> many;
  Lines expected;
  for (int i = 100; i < 150; ++i) {
    many.push_back(service(fmt::format("s{}", i), i, i));
    expected.push_back(fmt::format("s{}:{}", i, i));
  }
  server_.set_objects(many, 200);
  options_.nodes_max = 300;
  begin();
  EXPECT_TRUE(comes_to(expected));
  EXPECT_EQ(discoverer_->pause_nanos(), 15 * kNanosPerSecond);
}

TEST_F(KubernetesWatchTest, AServerThatIsAwayIsAnErrorUntilItIsThere) {
  KubernetesDiscovery settings;
  settings.role = KubernetesDiscovery::Role::service;
  settings.api_server = "http://127.0.0.1:1";
  auto discoverer = make_kubernetes_discoverer(settings, fetcher_, options_);
  EXPECT_FALSE(discoverer->discover(kGoOn).ok());
  EXPECT_FALSE(discoverer->discover(kGoOn).ok());
}

}  // namespace
}  // namespace obelisk::collect
