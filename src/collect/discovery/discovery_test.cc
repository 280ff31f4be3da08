// Each kind against files or a server of the test; what the servers say is written by hand after the formats
// of the systems they stand for.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "collect/discovery/discovery_manager.h"
#include "collect/discovery/sources_test.h"
#include "wire/shared_files_test.h"

namespace obelisk::collect {
namespace {

TEST(FileDiscovery, FollowsItsFiles) {
  Folder folder;
  folder.write("a.json", R"([{"targets": ["x:1", "y:2"], "labels": {"env": "prod"}}, {"targets": ["z:3"]}])");
  folder.write("b.yml", "- targets: ['w:4']\n");
  auto discoverer =
      make_file_discoverer({{folder.file("*.json"), folder.file("b.yml")}, 300 * kNanosPerSecond});
  std::string a = folder.file("a.json");
  std::string b = folder.file("b.yml");
  Lines first{fmt::format(R"({{__address__="w:4", __meta_filepath="{}"}})", b),
              fmt::format(R"({{__address__="x:1", __meta_filepath="{}", env="prod"}})", a),
              fmt::format(R"({{__address__="y:2", __meta_filepath="{}", env="prod"}})", a),
              fmt::format(R"({{__address__="z:3", __meta_filepath="{}"}})", a)};
  EXPECT_EQ(discovered(*discoverer), first);
  EXPECT_LE(discoverer->pause_nanos(), 5 * kNanosPerSecond);
  folder.write("a.json", "[{\"targets\": [");  // broken: keeps what it had
  EXPECT_EQ(discovered(*discoverer), first);
  folder.write("a.json", "[]");
  EXPECT_EQ(discovered(*discoverer), Lines{first[0]});
  folder.write("c.json", R"([{"targets": ["v:5"]}])");  // new under the pattern
  EXPECT_EQ(discovered(*discoverer).size(), 2u);
  std::filesystem::remove(b);
  EXPECT_EQ(discovered(*discoverer).size(), 1u);
}

TEST(FileDiscovery, ReadsTheReferencesFixtures) {
  auto root = shared_folder("conformance/prometheus-config/file-sd-fixtures");
  if (!root) GTEST_SKIP() << "no conformance data beside the repository";
  for (const auto& entry : std::filesystem::directory_iterator(*root)) {
    auto discoverer = make_file_discoverer({{entry.path().string()}, kNanosPerSecond});
    bool valid = entry.path().filename().string().starts_with("valid");
    EXPECT_EQ(discovered(*discoverer).size(), valid ? 3u : 0u) << entry.path();
  }
}

TEST(HttpDiscovery, ReadsTargetGroups) {
  JsonServer server;
  HttpFetcher fetcher;
  HttpDiscovery settings;
  settings.url = server.url("/targets");
  settings.http.authorization = Authorization{"Bearer", {"token", ""}};
  auto discoverer = make_http_discoverer(settings, fetcher);
  server.set("/targets", R"([{"targets": ["127.0.0.1:9090"], "labels": {"__meta_datacenter": "bru1"}}])");
  EXPECT_EQ(
      discovered(*discoverer),
      Lines{fmt::format(R"({{__address__="127.0.0.1:9090", __meta_datacenter="bru1", __meta_url="{}"}})",
                        settings.url)});
  EXPECT_EQ(server.last().header("x-prometheus-refresh-interval-seconds"), "60");
  EXPECT_EQ(server.last().header("authorization"), "Bearer token");
  EXPECT_EQ(server.last().header("accept"), "application/json");
  for (const auto& [body, type] : {std::pair("[]", "text/plain"), std::pair("[null]", "application/json"),
                                   std::pair("{", "application/json"), std::pair("{}", "application/json"),
                                   std::pair(R"([{"targets": [{"a": 1}]}])", "application/json")}) {
    server.set("/targets", body, type);
    EXPECT_FALSE(discoverer->discover(kGoOn).ok()) << body;
  }
  server.set("/targets", "[]", "application/json; charset=utf-8");
  EXPECT_TRUE(discovered(*discoverer).empty());
  if (auto root = shared_folder("conformance/prometheus-config/http-sd-fixtures")) {
    server.set("/targets", read_whole_file(*root / "http_sd.good.json"));
    EXPECT_EQ(discovered(*discoverer).size(), 1u);
  }
}

// Answers each question with what the test gives it: 16-bit type and record data, or an error code.
class DnsServer {
 public:
  DnsServer() {
    socket_ = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    OBELISK_ASSERT(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~DnsServer() {
    stopping_ = true;
    thread_.join();
    close(socket_);
  }
  void set(int type, std::vector<std::string> records, int code = 0) {
    MutexLock lock(mutex_);
    records_[type] = std::move(records);
    code_ = code;
  }
  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

 private:
  void run() {
    while (!stopping_) {
      pollfd ready{socket_, POLLIN, 0};
      if (poll(&ready, 1, 50) <= 0) continue;
      char question[512];
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      ssize_t length =
          recvfrom(socket_, question, sizeof question, 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (length < 12) continue;
      std::string answer = answer_to(std::string(question, static_cast<size_t>(length)));
      sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
  }
  std::string answer_to(const std::string& question) {
    MutexLock lock(mutex_);
    size_t end = question.find('\0', 12) + 5;  // name, type, class
    int type =
        static_cast<unsigned char>(question[end - 4]) << 8 | static_cast<unsigned char>(question[end - 3]);
    const std::vector<std::string>& records = records_[type];
    std::string answer = question.substr(0, 2) + std::string("\x81", 1) + static_cast<char>(0x80 | code_);
    answer += std::string("\0\1\0", 3) + static_cast<char>(records.size()) + std::string("\0\0\0\0", 4);
    answer += question.substr(12, end - 12);
    for (const std::string& data : records) {
      answer += std::string("\xc0\x0c", 2) + question.substr(end - 4, 4) + std::string("\0\0\0\x3c", 4);
      answer += static_cast<char>(data.size() >> 8);
      answer += static_cast<char>(data.size());
      answer += data;
    }
    return answer;
  }

  int socket_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  Mutex mutex_;
  std::map<int, std::vector<std::string>> records_;
  int code_ = 0;
};

TEST(DnsDiscovery, ReadsEachRecordType) {
  DnsServer server;
  auto look_up = [&](DnsDiscovery::Type type, uint16_t port) {
    DnsDiscovery settings;
    settings.names = {"web.example.com."};
    settings.type = type;
    settings.port = port;
    return discovered(*make_dns_discoverer(settings, server.address()));
  };
  const std::string host = std::string("\3db1\7example\3com\0", 17);
  server.set(33, {std::string("\0\1\0\1\x0c\xea", 6) + host});
  EXPECT_EQ(look_up(DnsDiscovery::Type::srv, 0),
            Lines{R"({__address__="db1.example.com:3306", __meta_dns_name="web.example.com.", )"
                  R"(__meta_dns_srv_record_port="3306", __meta_dns_srv_record_target="db1.example.com."})"});
  server.set(1, {"\x7f\x01\x02\x03", "\x0a\x01\x02\x03"});
  EXPECT_EQ(look_up(DnsDiscovery::Type::a, 80),
            (Lines{R"({__address__="10.1.2.3:80", __meta_dns_name="web.example.com."})",
                   R"({__address__="127.1.2.3:80", __meta_dns_name="web.example.com."})"}));
  server.set(28, {std::string("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16)});
  EXPECT_EQ(look_up(DnsDiscovery::Type::aaaa, 80),
            Lines{R"({__address__="[::1]:80", __meta_dns_name="web.example.com."})"});
  server.set(15, {std::string("\0\5", 2) + host});
  EXPECT_EQ(look_up(DnsDiscovery::Type::mx, 25),
            Lines{R"({__address__="db1.example.com:25", __meta_dns_mx_record_target="db1.example.com.", )"
                  R"(__meta_dns_name="web.example.com."})"});
  server.set(2, {host});
  EXPECT_EQ(look_up(DnsDiscovery::Type::ns, 53),
            Lines{R"({__address__="db1.example.com:53", __meta_dns_name="web.example.com.", )"
                  R"(__meta_dns_ns_record_target="db1.example.com."})"});
}

TEST(DnsDiscovery, AnAnswerWithoutRecordsEmptiesAndAFailureKeeps) {
  DnsServer server;
  DnsDiscovery settings;
  settings.names = {"web.example.com."};
  settings.type = DnsDiscovery::Type::a;
  settings.port = 80;
  auto discoverer = make_dns_discoverer(settings, server.address());
  server.set(1, {"\x0a\x01\x02\x03"});
  EXPECT_EQ(discovered(*discoverer).size(), 1u);
  server.set(1, {}, 2);  // SERVFAIL
  EXPECT_EQ(discovered(*discoverer).size(), 1u);
  server.set(1, {}, 3);  // NXDOMAIN
  EXPECT_EQ(discovered(*discoverer).size(), 0u);
}

constexpr std::string_view kNetworks = R"([
 {"Name": "backend", "Id": "net1", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"tier.x": "b"}},
 {"Name": "host", "Id": "net2", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {}}])";
constexpr std::string_view kContainers = R"([
 {"Id": "c1", "Names": ["/web"], "Labels": {"com.example/role": "web"}, "HostConfig": {"NetworkMode": "backend"},
  "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"}],
  "NetworkSettings": {"Networks": {"backend": {"NetworkID": "net1", "IPAddress": "172.20.0.2"},
                                   "other": {"NetworkID": "net9", "IPAddress": "172.21.0.2"}}}},
 {"Id": "c2", "Names": ["/sidecar"], "Labels": {}, "HostConfig": {"NetworkMode": "container:c1"}, "Ports": [],
  "NetworkSettings": {"Networks": {}}},
 {"Id": "c3", "Names": ["/agent"], "Labels": {}, "HostConfig": {"NetworkMode": "host"}, "Ports": [],
  "NetworkSettings": {"Networks": {"host": {"NetworkID": "net2", "IPAddress": ""}}}}])";

TEST(DockerDiscovery, ListsContainers) {
  JsonServer server;
  HttpFetcher fetcher;
  DockerDiscovery settings;
  settings.host = "tcp://" + server.address();
  settings.filters = {{"name", {"a", "b"}}};
  server.set("/networks", std::string(kNetworks));
  server.set("/containers/json?filters=%7B%22name%22%3A%5B%22a%22%2C%22b%22%5D%7D", std::string(kContainers));
  Lines lines = discovered(*make_docker_discoverer(settings, fetcher));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0],
            R"({__address__="172.20.0.2:80", __meta_docker_container_id="c1", )"
            R"(__meta_docker_container_label_com_example_role="web", __meta_docker_container_name="/web", )"
            R"(__meta_docker_container_network_mode="backend", __meta_docker_network_id="net1", )"
            R"(__meta_docker_network_ingress="false", __meta_docker_network_internal="false", )"
            R"(__meta_docker_network_ip="172.20.0.2", __meta_docker_network_label_tier_x="b", )"
            R"(__meta_docker_network_name="backend", __meta_docker_network_scope="local", )"
            R"(__meta_docker_port_private="80", __meta_docker_port_public="8080", )"
            R"(__meta_docker_port_public_ip="0.0.0.0"})");
  // The sidecar has no port of its own and its host's network: the same address, by the default port.
  EXPECT_NE(lines[1].find(R"(__address__="172.20.0.2:80", __meta_docker_container_id="c2")"),
            std::string::npos);
  EXPECT_NE(lines[2].find(R"(__address__="localhost", __meta_docker_container_id="c3")"), std::string::npos)
      << lines[2];
  settings.match_first_network = false;
  EXPECT_EQ(discovered(*make_docker_discoverer(settings, fetcher)).size(), 5u);
}

TEST(ConsulDiscovery, ListsTheInstancesOfServices) {
  JsonServer server;
  HttpFetcher fetcher;
  ConsulDiscovery settings;
  settings.server = server.address();
  settings.token.text = "secret";
  settings.tags = {"v1"};
  server.set("/v1/agent/self", R"({"Config": {"Datacenter": "dc1"}})");
  std::string catalog = R"({"web": ["v1", "canary"], "db": ["v2"], "consul": []})";
  server.set("/v1/catalog/services?dc=dc1&stale=", catalog);
  server.set("/v1/health/service/web?dc=dc1&stale=&tag=v1", R"([
    {"Node": {"Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1", "Meta": {"rack-id": "r1"},
              "TaggedAddresses": {"lan": "10.0.0.1"}},
     "Service": {"ID": "web-1", "Service": "web", "Tags": ["v1", "canary"], "Address": "", "Port": 8080,
                 "Meta": {"path": "/m"}},
     "Checks": [{"CheckID": "a", "Status": "passing"}, {"CheckID": "b", "Status": "warning"}]},
    {"Node": {"Node": "n2", "Address": "10.0.0.2"},
     "Service": {"ID": "web-2", "Service": "web", "Tags": [], "Address": "10.1.0.2", "Port": 80},
     "Checks": [{"CheckID": "_node_maintenance", "Status": "critical"}]}])");
  auto discoverer = make_consul_discoverer(settings, fetcher);
  Lines lines = discovered(*discoverer);
  EXPECT_EQ(
      lines,
      (Lines{
          R"({__address__="10.0.0.1:8080", __meta_consul_address="10.0.0.1", __meta_consul_dc="dc1", )"
          R"(__meta_consul_health="warning", __meta_consul_metadata_rack_id="r1", __meta_consul_node="n1", )"
          R"(__meta_consul_service="web", __meta_consul_service_id="web-1", )"
          R"(__meta_consul_service_metadata_path="/m", __meta_consul_service_port="8080", )"
          R"(__meta_consul_tagged_address_lan="10.0.0.1", __meta_consul_tags=",v1,canary,"})",
          R"({__address__="10.1.0.2:80", __meta_consul_address="10.0.0.2", __meta_consul_dc="dc1", )"
          R"(__meta_consul_health="maintenance", __meta_consul_node="n2", __meta_consul_service="web", )"
          R"(__meta_consul_service_address="10.1.0.2", __meta_consul_service_id="web-2", )"
          R"(__meta_consul_service_port="80", __meta_consul_tags=",,"})"}));
  EXPECT_EQ(server.last().header("x-consul-token"), "secret");
  // The next round waits for a change.
  server.set("/v1/catalog/services?dc=dc1&stale=&index=7&wait=30000ms", R"({})");
  EXPECT_TRUE(discovered(*discoverer).empty());
}

class DiscoveryManagerTest : public testing::Test {
 protected:
  PrometheusConfig config(const std::string& jobs) {
    auto parsed = parse_prometheus_config("scrape_configs:\n" + jobs, "p.yml");
    EXPECT_TRUE(parsed.ok()) << parsed.error().to_string();
    return *parsed;
  }
  // Waits until the job has these addresses.
  bool has(const std::string& job, const Lines& addresses) {
    MutexLock lock(mutex_);
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (addresses_[job] != addresses) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      lock.wait_for(changed_, std::chrono::milliseconds(100));
    }
    return true;
  }

  Mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Lines> addresses_;
  std::map<std::string, int> publications_;  // by job
  DiscoveryManager manager_{[this](const std::string& job, std::vector<TargetGroup> groups) {
    MutexLock lock(mutex_);
    ++publications_[job];
    addresses_[job].clear();
    for (const TargetGroup& group : groups) {
      for (const Labels& target : group.targets) addresses_[job].emplace_back(target.get("__address__"));
    }
    changed_.notify_all();
  }};
};

TEST_F(DiscoveryManagerTest, SharesKeepsAndEndsDiscoveries) {
  Folder folder;
  folder.write("t.json", R"([{"targets": ["x:1"]}])");
  std::string files =
      fmt::format("  file_sd_configs: [{{files: ['{}'], refresh_interval: 100ms}}]\n", folder.file("t.json"));
  manager_.apply(config("- job_name: a\n" + files + "- job_name: b\n" + files));
  EXPECT_TRUE(has("a", {"x:1"}));
  EXPECT_TRUE(has("b", {"x:1"}));
  folder.write("t.json", R"([{"targets": ["x:1", "y:1"]}])");
  EXPECT_TRUE(has("a", {"x:1", "y:1"}));
  // A reload with the same discovery publishes what is known at once.
  {
    MutexLock lock(mutex_);
    addresses_.clear();
  }
  manager_.apply(config("- job_name: c\n" + files));
  EXPECT_TRUE(has("c", {"x:1", "y:1"}));
  // Gone: nothing is published any more, as often as another discovery sees the file change.
  std::string others =
      fmt::format("  file_sd_configs: [{{files: ['{}'], refresh_interval: 50ms}}]\n", folder.file("t.json"));
  manager_.apply(config("- job_name: c\n- job_name: d\n" + others));
  auto published_to_c = [this] {
    MutexLock lock(mutex_);
    return publications_["c"];
  };
  int before = published_to_c();
  for (const char* address : {"z:1", "z:2", "z:3", "z:4"}) {
    folder.write("t.json", fmt::format(R"([{{"targets": ["{}"]}}])", address));
    EXPECT_TRUE(has("d", {address}));
  }
  EXPECT_EQ(published_to_c(), before);
}

TEST_F(DiscoveryManagerTest, StopsWhileAServerHangs) {
  std::promise<void> asked;
  TestServer hanging([&asked](HttpExchangePtr exchange) {
    exchange->on_cancel([exchange] {});
    asked.set_value();
  });
  manager_.apply(
      config(fmt::format("- job_name: a\n  http_sd_configs: [{{url: '{}'}}]\n", hanging.url("/x"))));
  asked.get_future().wait();
  auto stopped = std::chrono::steady_clock::now();
  manager_.stop();
  // Not after the request's own timeout, which is longer.
  EXPECT_LT(std::chrono::steady_clock::now() - stopped, std::chrono::seconds(30));
}

}  // namespace
}  // namespace obelisk::collect
