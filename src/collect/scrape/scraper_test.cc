// Scraping a real HTTP server. Time is a hand-moved clock, and the schedule is run by the test, except where
// the scraper's own thread is what is tested.
#include "collect/scrape/scraper.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>
#include <future>

#include "collect/scrape/batch_lines_test.h"
#include "collect/scrape/target_series.h"
#include "net/test_server.h"

namespace obelisk::scrape {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr int64_t kStart = 1'000'000;  // seconds

// What a target answers next.
struct Page {
  int status = 200;
  std::string content_type = "text/plain; version=0.0.4";
  std::string body;
  bool hang = false;
};

class ScraperTest : public testing::Test {
 protected:
  void start(bool own_thread = false) {
    Scraper::Options options;
    options.clock = &clock_;
    options.own_thread = own_thread;
    options.output = [this](std::vector<Batch> batches, Intake::Done done) {
      {
        MutexLock lock(mutex_);
        for (Batch& batch : batches) written_.push_back(std::move(batch));
        ++writes_;
        write_seen_.notify_all();
      }
      done(IntakeOutcome{});
    };
    scraper_ = std::make_unique<Scraper>(std::move(options));
  }

  PrometheusConfig config(const std::string& extra = "", const std::string& labels = "{}") {
    auto parsed = collect::parse_prometheus_config(
        fmt::format("scrape_configs:\n- job_name: shop\n  scrape_interval: 10s\n  scrape_timeout: 1s\n{}"
                    "  static_configs: [{{targets: ['{}'], labels: {}}}]\n",
                    extra, server_.server().address(), labels),
        "p.yml");
    EXPECT_TRUE(parsed.ok()) << parsed.error().to_string();
    return *parsed;
  }

  // Moves to the scrape of interval number `n` and waits for it. Returns the new samples, instance and job
  // left out.
  Lines scrape(int n) {
    UnixNanos due = scraper_->run_due();
    if (n == 0) first_due_ = due;
    clock_.set(first_due_ + n * 10 * kNanosPerSecond);
    scraper_->run_due();
    scraper_->wait_until_idle();
    return take_samples();
  }
  Lines take_samples() {
    MutexLock lock(mutex_);
    Lines lines;
    std::string address = server_.server().address();
    for (std::string line : lines_of(written_, Table::samples)) {
      std::string target = fmt::format("instance=\"{}\", job=\"shop\"", address);
      if (size_t at = line.find(target); at != std::string::npos) line.erase(at, target.size());
      // Times in seconds after the first scrape.
      size_t at = line.find('@') + 1;
      double seconds = std::stod(line.substr(at)) - static_cast<double>(first_due_.value) / 1e9;
      line = line.substr(0, at) + fmt::format("{}", std::llround(seconds));
      if (line.starts_with("scrape_duration_seconds{")) line = "scrape_duration_seconds";
      lines.push_back(line);
    }
    written_.clear();
    return lines;
  }
  Lines report(int up, int scraped, int added, int seconds) {
    return {"scrape_duration_seconds",
            fmt::format("scrape_samples_post_metric_relabeling{{}} {} @{}", scraped, seconds),
            fmt::format("scrape_samples_scraped{{}} {} @{}", scraped, seconds),
            fmt::format("scrape_series_added{{}} {} @{}", added, seconds),
            fmt::format("up{{}} {} @{}", up, seconds)};
  }
  static Lines merged(Lines a, const Lines& b) {
    a.insert(a.end(), b.begin(), b.end());
    std::sort(a.begin(), a.end());
    return a;
  }

  void serve(HttpExchangePtr exchange) {
    Page page;
    {
      MutexLock lock(mutex_);
      page = page_;
      requests_.push_back(exchange->request());
    }
    if (page.hang) return exchange->on_cancel([exchange] { exchange->respond_text(200, "late"); });
    exchange->respond({page.status, {{"content-type", page.content_type}}, page.body});
  }
  void set_page(Page page) {
    MutexLock lock(mutex_);
    page_ = std::move(page);
  }
  HttpRequest last_request() {
    MutexLock lock(mutex_);
    return requests_.back();
  }

  Mutex mutex_;
  std::condition_variable write_seen_;
  Page page_;
  std::vector<HttpRequest> requests_;
  std::vector<Batch> written_;
  size_t writes_ = 0;
  ManualClock clock_{UnixNanos{kStart * kNanosPerSecond}};
  UnixNanos first_due_;
  TestServer server_{[this](HttpExchangePtr exchange) { serve(std::move(exchange)); }};
  std::unique_ptr<Scraper> scraper_;
};

TEST_F(ScraperTest, ScrapesOnSchedule) {
  start();
  set_page({.body = "a 1\nb{x=\"y\"} 2\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  EXPECT_EQ(scrape(0), merged(report(1, 2, 2, 0), {"a{} 1 @0", "b{, x=\"y\"} 2 @0"}));
  set_page({.body = "a 3\nb{x=\"y\"} 4\n"});
  EXPECT_EQ(scrape(1), merged(report(1, 2, 0, 10), {"a{} 3 @10", "b{, x=\"y\"} 4 @10"}));
  EXPECT_EQ(scrape(1), Lines{});  // not due again at the same time
  HttpRequest request = last_request();
  EXPECT_EQ(request.target, "/metrics");
  EXPECT_NE(request.header("accept").find("application/openmetrics-text;version=1.0.0"), std::string::npos);
  EXPECT_NE(request.header("accept").find("text/plain;version=0.0.4"), std::string::npos);
  EXPECT_EQ(request.header("x-prometheus-scrape-timeout-seconds"), "1");
  EXPECT_EQ(request.header("accept-encoding"), "gzip");
}

TEST_F(ScraperTest, AClockThatIsSetBackDoesNotStopScrapes) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  scrape(1);
  clock_.set(first_due_ + 86'400 * kNanosPerSecond);  // ahead: what was missed is not made up for
  scraper_->run_due();
  scraper_->wait_until_idle();
  EXPECT_EQ(take_samples().size(), 6u);
  clock_.set(first_due_ - 7205 * kNanosPerSecond);
  UnixNanos next = scraper_->run_due();
  EXPECT_GT(next, clock_.now());
  EXPECT_LE(next - clock_.now(), 10 * kNanosPerSecond);
  clock_.set(next);
  scraper_->run_due();
  scraper_->wait_until_idle();
  Lines lines = take_samples();
  EXPECT_EQ(lines.size(), 6u);  // of its own time, which is earlier than what there is
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "a{} 1 @-7200"), 1) << testing::PrintToString(lines);
}

TEST_F(ScraperTest, ShowsTargets) {
  start();
  ASSERT_TRUE(scraper_->reload(config("", "{env: prod}")).ok());
  auto targets = scraper_->targets();
  ASSERT_EQ(targets.size(), 1u);
  EXPECT_EQ(targets[0].health, TargetHealth::unknown);
  EXPECT_EQ(targets[0].last_scrape.value, 0);
  set_page({.body = "a 1\n"});
  scrape(0);
  TargetStatus status = scraper_->targets().at(0);
  EXPECT_EQ(status.job_name, "shop");
  EXPECT_EQ(status.scrape_url, server_.url("/metrics"));
  EXPECT_EQ(status.labels.get("env"), "prod");
  EXPECT_EQ(status.discovered_labels.get("__scrape_interval__"), "10s");
  EXPECT_EQ(status.health, TargetHealth::up);
  EXPECT_EQ(status.last_error, "");
  EXPECT_EQ(status.last_scrape.to_millis(), clock_.now().to_millis());
  EXPECT_GT(status.last_scrape_duration_seconds, 0);
  EXPECT_EQ(status.interval_nanos, 10 * kNanosPerSecond);
  EXPECT_EQ(status.timeout_nanos, kNanosPerSecond);
}

TEST_F(ScraperTest, AFailureIsDownAndStaleAndRecovers) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  const std::pair<Page, std::string> cases[] = {
      {{.status = 503, .body = "no"}, "server returned HTTP status 503 Service Unavailable"},
      {{.body = "a 1\nthis is { no line\n"}, "line 2"},
      {{.content_type = "text/html", .body = "a 1\n"}, "text/html"},
      {{.content_type = "application/openmetrics-text; version=1.0.0", .body = "a 1\n"}, "EOF"},
      {{.body = "", .hang = true}, "imed out"},
  };
  int n = 1;
  for (const auto& [page, message] : cases) {
    set_page(page);
    EXPECT_EQ(scrape(n), merged(report(0, 0, 0, n * 10), {fmt::format("a{{}} stale @{}", n * 10)}))
        << message;
    TargetStatus status = scraper_->targets().at(0);
    EXPECT_EQ(status.health, TargetHealth::down);
    EXPECT_NE(status.last_error.find(message), std::string::npos) << status.last_error;
    ++n;
    set_page({.body = "a 1\n"});
    EXPECT_EQ(scrape(n), merged(report(1, 1, 1, n * 10), {fmt::format("a{{}} 1 @{}", n * 10)}));
    EXPECT_EQ(scraper_->targets().at(0).last_error, "");
    ++n;
  }
}

TEST_F(ScraperTest, BoundsPages) {
  start();
  set_page({.body = "a 1\nb 2\nc 3\n"});
  ASSERT_TRUE(scraper_->reload(config("  sample_limit: 2\n")).ok());
  EXPECT_EQ(scrape(0), report(0, 3, 3, 0));
  EXPECT_NE(scraper_->targets().at(0).last_error.find("sample limit exceeded: 3 samples, the limit is 2"),
            std::string::npos);
  ASSERT_TRUE(scraper_->reload(config("  body_size_limit: 10B\n")).ok());
  EXPECT_EQ(scrape(1), report(0, 0, 0, 10));
  EXPECT_NE(scraper_->targets().at(0).last_error.find("over the limit of 10 bytes"), std::string::npos);
  ASSERT_TRUE(scraper_->reload(config("  sample_limit: 3\n  body_size_limit: 12B\n")).ok());
  EXPECT_EQ(scrape(2).size(), 8u);
}

TEST_F(ScraperTest, SendsCredentialsAndParameters) {
  start();
  ASSERT_TRUE(scraper_
                  ->reload(config(
                      "  basic_auth: {username: u, password: p}\n  params: {q: [a b]}\n  metrics_path: /m\n"))
                  .ok());
  scrape(0);
  EXPECT_EQ(last_request().header("authorization"), "Basic dTpw");
  EXPECT_EQ(last_request().target, "/m?q=a%20b");
  ASSERT_TRUE(
      scraper_->reload(config("  authorization: {credentials: token}\n  enable_compression: false\n")).ok());
  scrape(1);
  EXPECT_EQ(last_request().header("authorization"), "Bearer token");
  EXPECT_EQ(last_request().header("accept-encoding"), "");
}

TEST_F(ScraperTest, FallsBackToTheConfiguredFormat) {
  start();
  set_page({.content_type = "application/octet-stream", .body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config("  fallback_scrape_protocol: PrometheusText0.0.4\n")).ok());
  EXPECT_EQ(scrape(0), merged(report(1, 1, 1, 0), {"a{} 1 @0"}));
}

TEST_F(ScraperTest, AnUnreachableTargetIsDown) {
  start();
  PrometheusConfig unreachable = config();
  {
    TestServer gone([](HttpExchangePtr exchange) { exchange->respond_text(200, ""); });
    unreachable.jobs[0].discovery.static_groups[0].targets = {
        Labels{{"__address__", gone.server().address()}}};
  }
  ASSERT_TRUE(scraper_->reload(unreachable).ok());
  Lines lines = scrape(0);
  EXPECT_EQ(lines.size(), 5u);
  EXPECT_EQ(scraper_->targets().at(0).health, TargetHealth::down);
  EXPECT_NE(scraper_->targets().at(0).last_error, "");
}

TEST_F(ScraperTest, ARemovedTargetEndsItsSeries) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  clock_.advance(3 * kNanosPerSecond);
  ASSERT_TRUE(scraper_->reload(PrometheusConfig{}).ok());
  scraper_->wait_until_idle();
  EXPECT_EQ(
      take_samples(),
      (Lines{"a{} stale @3", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling{} stale @3",
             "scrape_samples_scraped{} stale @3", "scrape_series_added{} stale @3", "up{} stale @3"}));
  EXPECT_TRUE(scraper_->targets().empty());
}

TEST_F(ScraperTest, AChangedSettingKeepsSeriesAndSchedule) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  ASSERT_TRUE(scraper_->reload(config("  sample_limit: 100\n")).ok());
  scraper_->wait_until_idle();
  EXPECT_EQ(take_samples(), Lines{});
  EXPECT_EQ(scraper_->targets().at(0).health, TargetHealth::up);
  EXPECT_EQ(scrape(1), merged(report(1, 1, 0, 10), {"a{} 1 @10"}));
}

TEST_F(ScraperTest, ATargetRemovedWhileItIsScrapedEndsAfterwards) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  set_page({.body = "", .hang = true});
  clock_.advance(10 * kNanosPerSecond);
  scraper_->run_due();
  ASSERT_TRUE(scraper_->reload(PrometheusConfig{}).ok());
  scraper_->wait_until_idle();
  Lines lines = take_samples();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "a{} stale @10"), 1) << testing::PrintToString(lines);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "up{} stale @10"), 1) << testing::PrintToString(lines);
}

TEST_F(ScraperTest, ASlowTargetIsSkippedNotQueued) {
  start();
  set_page({.body = "", .hang = true});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  first_due_ = scraper_->run_due();
  clock_.set(first_due_);
  scraper_->run_due();
  for (int i = 1; i <= 3; ++i) {
    clock_.set(first_due_ + i * 10 * kNanosPerSecond);
    scraper_->run_due();
  }
  scraper_->wait_until_idle();
  MutexLock lock(mutex_);
  EXPECT_EQ(writes_, 1u);
}

TEST_F(ScraperTest, MissedIntervalsAreNotMadeUpFor) {
  start();
  set_page({.body = "a 1\n"});
  ASSERT_TRUE(scraper_->reload(config()).ok());
  scrape(0);
  EXPECT_EQ(scrape(50), merged(report(1, 1, 0, 500), {"a{} 1 @500"}));
}

TEST_F(ScraperTest, ABadReloadChangesNothing) {
  start();
  ASSERT_TRUE(scraper_->reload(config()).ok());
  auto bad = scraper_->reload(config("", "{__scheme__: gopher}"));
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message.find("gopher"), std::string::npos);
  EXPECT_EQ(scraper_->targets().size(), 1u);
}

TEST_F(ScraperTest, DiscoveredTargetsComeAndGo) {
  start();
  set_page({.body = "a 1\n"});
  PrometheusConfig discovering = config("  http_sd_configs: [{url: 'http://nowhere/'}]\n");
  discovering.jobs[0].discovery.static_groups.clear();
  ASSERT_TRUE(scraper_->reload(discovering).ok());
  EXPECT_TRUE(scraper_->targets().empty());
  TargetGroup group{"g", {Labels{{"__address__", server_.server().address()}}}, Labels{{"__meta_x", "y"}}};
  scraper_->set_discovered("shop", {group});
  scraper_->set_discovered("no such job", {group});
  EXPECT_EQ(scrape(0).size(), 6u);
  // Found again with another label that no target keeps, and a reload: it goes on.
  group.labels = Labels{{"__meta_x", "z"}};
  scraper_->set_discovered("shop", {group});
  ASSERT_TRUE(scraper_->reload(discovering).ok());
  EXPECT_EQ(scraper_->targets().at(0).discovered_labels.get("__meta_x"), "z");
  EXPECT_EQ(scrape(1), merged(report(1, 1, 0, 10), {"a{} 1 @10"}));
  scraper_->set_discovered("shop", {});
  scraper_->wait_until_idle();
  EXPECT_EQ(take_samples().size(), 6u);  // stale
  EXPECT_TRUE(scraper_->targets().empty());
}

TEST_F(ScraperTest, ShowsDroppedTargetsAndWritesFailures) {
  start();
  std::string log = testing::TempDir() + fmt::format("failures_{}.log", getpid());
  set_page({.status = 500, .body = ""});
  ASSERT_TRUE(scraper_
                  ->reload(config(fmt::format(
                      "  scrape_failure_log_file: {}\n"
                      "  extra_scrape_metrics: true\n"
                      "  relabel_configs: [{{source_labels: [env], regex: test, action: drop}}]\n",
                      log)))
                  .ok());
  EXPECT_EQ(scrape(0).size(), 8u);
  EXPECT_EQ(scraper_->jobs().at(0).dropped_count, 0u);
  std::ifstream file(log);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_NE(line.find("\"job_name\":\"shop\""), std::string::npos) << line;
  EXPECT_NE(line.find("status 500"), std::string::npos) << line;
  unlink(log.c_str());
  ASSERT_TRUE(scraper_
                  ->reload(config("  relabel_configs: [{source_labels: [env], regex: test, action: drop}]\n",
                                  "{env: test}"))
                  .ok());
  EXPECT_TRUE(scraper_->targets().empty());
  EXPECT_EQ(scraper_->jobs().at(0).dropped_targets.at(0).get("env"), "test");
}

TEST_F(ScraperTest, TheOwnThreadKeepsTheSchedule) {
  SystemClock clock;
  Scraper::Options options;
  options.clock = &clock;
  options.output = [this](std::vector<Batch>, Intake::Done done) {
    done(make_error(ErrorCode::overloaded, "full"));  // must not disturb the schedule
    MutexLock lock(mutex_);
    ++writes_;
    write_seen_.notify_all();
  };
  set_page({.body = "a 1\n"});
  Scraper scraper(std::move(options));
  PrometheusConfig fast = config();
  fast.jobs[0].interval_nanos = fast.jobs[0].timeout_nanos = 50 * kNanosPerMilli;
  ASSERT_TRUE(scraper.reload(fast).ok());
  MutexLock lock(mutex_);
  auto deadline = std::chrono::steady_clock::now() + 60s;
  while (writes_ < 5 && std::chrono::steady_clock::now() < deadline) lock.wait_for(write_seen_, 1s);
  EXPECT_GE(writes_, 5u);
}

TEST_F(ScraperTest, StopsWhileATargetHangs) {
  start();
  set_page({.body = "", .hang = true});
  PrometheusConfig slow = config();
  slow.jobs[0].interval_nanos = slow.jobs[0].timeout_nanos = 60 * kNanosPerSecond;
  ASSERT_TRUE(scraper_->reload(slow).ok());
  clock_.set(scraper_->run_due());
  scraper_->run_due();
  auto started = std::chrono::steady_clock::now();
  scraper_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 30s);
}

}  // namespace
}  // namespace obelisk::scrape
