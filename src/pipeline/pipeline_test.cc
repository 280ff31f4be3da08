// Taps on the write path, and the series that are derived from spans, through the memory store.
#include "pipeline/pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "model/histogram.h"
#include "pipeline/service_graph.h"
#include "pipeline/span_metrics.h"
#include "pipeline/test_spans.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

// A writer that refuses.
class FullWriter : public Writer {
 public:
  void append(WriteRequest, Done done) override { done(make_error(ErrorCode::no_space, "full")); }
};

// A writer that answers when it is told to.
class SlowWriter : public Writer {
 public:
  void append(WriteRequest, Done done) override { waiting.push_back(std::move(done)); }
  std::vector<Done> waiting;
};

class PipelineTest : public testing::Test {
 protected:
  Result<IntakeOutcome> write(Pipeline& pipeline, std::vector<Span> spans) {
    std::vector<Batch> batches;
    batches.push_back(batch_of(spans));
    Result<IntakeOutcome> result = make_error(ErrorCode::internal, "not called");
    pipeline.write(kDefaultTenant, std::move(batches),
                   [&](Result<IntakeOutcome> outcome) { result = std::move(outcome); });
    return result;
  }
  Result<IntakeOutcome> write(std::vector<Span> spans) { return write(pipeline_, std::move(spans)); }

  // The latest value of every series whose name starts with `prefix`.
  std::map<std::string, double> latest(std::string_view prefix) {
    std::map<std::string, double> found;
    for_each_row(Table::samples, [&](const Batch& batch, const Group& group, size_t row) {
      if (label_value(group.labels, kMetricNameLabel).starts_with(prefix)) {
        found[Labels(group.labels).to_string()] = batch.find_fixed(column::kValue)->floats[row];
      }
    });
    return found;
  }

  template <typename Visit>
  void for_each_row(Table table, Visit visit) {
    Scan scan;
    scan.table = table;
    scan.unit = table == Table::metadata ? Unit::row : Unit::series;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    auto cursor = open_scan(store_, *store_.snapshot(kDefaultTenant), scan, budget, cancel);
    ASSERT_TRUE(cursor.ok());
    for (;;) {
      Result<BatchPtr> batch = (*cursor)->next();
      ASSERT_TRUE(batch.ok());
      if (!*batch) return;
      for (const Group& group : (*batch)->groups) {
        for (uint32_t i = 0; i < group.row_count; ++i) visit(**batch, group, group.first_row + i);
      }
    }
  }

  void use(std::shared_ptr<SpanTap> tap, std::shared_ptr<DerivedMetricsSource> source) {
    pipeline_.add_span_tap(std::move(tap));
    flusher_ = std::make_unique<DerivedMetricsFlusher>(intake_, clock_, std::vector{std::move(source)},
                                                       DerivedMetricsFlusher::Options{});
  }
  void use_span_metrics(SpanMetricsOptions options = {}) {
    auto metrics = std::make_shared<SpanMetrics>(clock_, std::move(options));
    use(metrics, metrics);
  }
  void use_service_graph(ServiceGraph::Options options = {}) {
    auto graph = std::make_shared<ServiceGraph>(clock_, options);
    use(graph, graph);
  }

  MemoryStore store_;
  ManualClock clock_{kStart};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  std::unique_ptr<DerivedMetricsFlusher> flusher_;
};

TEST_F(PipelineTest, SpanMetricsHaveTemposNamesLabelsAndBuckets) {
  use_span_metrics();
  ASSERT_TRUE(write({{.duration_ms = 3},
                     {.id = 2, .duration_ms = 100, .status = kError},
                     {.id = 3, .duration_ms = 60'000}})
                  .ok());
  ASSERT_TRUE(write({{.id = 4, .duration_ms = 3}}).ok());
  clock_.advance(kNanosPerSecond);
  flusher_->flush();
  std::map<std::string, double> values = latest("traces_spanmetrics_");
  std::string ok =
      R"(service="shop", span_kind="SPAN_KIND_SERVER", span_name="POST /orders", status_code="STATUS_CODE_UNSET")";
  std::string failed =
      R"(service="shop", span_kind="SPAN_KIND_SERVER", span_name="POST /orders", status_code="STATUS_CODE_ERROR")";
  EXPECT_EQ(values.at("traces_spanmetrics_calls_total{" + ok + "}"), 3);
  EXPECT_EQ(values.at("traces_spanmetrics_calls_total{" + failed + "}"), 1);
  EXPECT_EQ(values.at("traces_spanmetrics_latency_count{" + ok + "}"), 3);
  EXPECT_NEAR(values.at("traces_spanmetrics_latency_sum{" + ok + "}"), 60.006, 1e-9);
  EXPECT_GT(values.at("traces_spanmetrics_size_total{" + ok + "}"), 3 * 16);
  auto bucket = [&](std::string_view le) {
    return values.at(fmt::format("traces_spanmetrics_latency_bucket{{le=\"{}\", {}}}", le, ok));
  };
  EXPECT_EQ(bucket("0.002"), 0);
  EXPECT_EQ(bucket("0.004"), 2);
  EXPECT_EQ(bucket("16.384"), 2);
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(values.size(), 2u * (14 + 1 + 4));
  std::map<std::string, std::string> types;
  for_each_row(Table::metadata, [&](const Batch& batch, const Group&, size_t row) {
    types[std::string(batch.find_fixed(column::kMetricFamily)->strings[row])] =
        batch.find_fixed(column::kMetricType)->strings[row];
  });
  EXPECT_EQ(types.at("traces_spanmetrics_latency"), "histogram");
  EXPECT_EQ(types.at("traces_spanmetrics_calls_total"), "counter");
}

TEST_F(PipelineTest, ASeriesBeginsWithZeroSoThatItsFirstIncreaseShows) {
  use_span_metrics();
  ASSERT_TRUE(write({{}, {.id = 2}}).ok());
  flusher_->flush();  // in the same millisecond
  clock_.advance(15 * kNanosPerSecond);
  flusher_->flush();
  std::vector<std::pair<int64_t, double>> samples;
  for_each_row(Table::samples, [&](const Batch& batch, const Group& group, size_t row) {
    if (label_value(group.labels, kMetricNameLabel) != "traces_spanmetrics_calls_total") return;
    samples.emplace_back((batch.times()[row] - kStart.value) / kNanosPerMilli,
                         batch.find_fixed(column::kValue)->floats[row]);
  });
  EXPECT_EQ(samples, (std::vector<std::pair<int64_t, double>>{{-1, 0}, {0, 2}, {15'000, 2}}));
}

TEST_F(PipelineTest, ExemplarsNameTheLatestTraceOfABucketOnce) {
  use_span_metrics();
  ASSERT_TRUE(write({{.trace = 7, .duration_ms = 3}, {.trace = 8, .id = 9, .duration_ms = 3}}).ok());
  flusher_->flush();
  clock_.advance(15 * kNanosPerSecond);
  flusher_->flush();  // nothing new: no exemplar again
  int count = 0;
  for_each_row(Table::exemplars, [&](const Batch& batch, const Group& group, size_t row) {
    ++count;
    EXPECT_EQ(label_value(group.labels, kMetricNameLabel), "traces_spanmetrics_latency_bucket");
    EXPECT_EQ(label_value(group.labels, "le"), "0.004");
    EXPECT_EQ(batch.find_fixed(column::kTraceId)->trace_ids[row], trace_id(8));
    EXPECT_EQ(batch.find({Scope::attribute, "traceID"})->strings[row], trace_id(8).to_hex());
    EXPECT_EQ(batch.find_fixed(column::kValue)->floats[row], 0.003);
  });
  EXPECT_EQ(count, 1);
}

TEST_F(PipelineTest, TooManyLabelSetsOverflowVisibly) {
  use_span_metrics({.series = {.label_sets_max = 2}});
  std::vector<Span> spans;
  for (uint64_t i = 1; i <= 5; ++i) spans.push_back({.id = i, .name = fmt::format("op{}", i)});
  ASSERT_TRUE(write(spans).ok());
  flusher_->flush();
  std::map<std::string, double> values = latest("traces_spanmetrics_calls_total");
  EXPECT_EQ(values.size(), 3u);
  EXPECT_EQ(values.at("traces_spanmetrics_calls_total{metric_overflow=\"true\"}"), 3);
}

TEST_F(PipelineTest, SeriesWithoutNewsEnd) {
  use_span_metrics();
  ASSERT_TRUE(write({{}}).ok());
  flusher_->flush();
  clock_.advance(15 * 60 * kNanosPerSecond);
  flusher_->flush();
  for (const auto& [series, value] : latest("traces_spanmetrics_"))
    EXPECT_TRUE(is_stale_marker(value)) << series;
  clock_.advance(kNanosPerSecond);
  ASSERT_TRUE(write({{}}).ok());
  flusher_->flush();
  EXPECT_EQ(latest("traces_spanmetrics_calls_total").begin()->second, 1);
}

TEST_F(PipelineTest, WhatIsNotStoredIsNotCounted) {
  FullWriter full;
  Intake intake(full, clock_);
  Pipeline pipeline(intake);
  auto metrics = std::make_shared<SpanMetrics>(clock_);
  pipeline.add_span_tap(metrics);
  EXPECT_EQ(write(pipeline, {{}}).error().code, ErrorCode::no_space);
  EXPECT_TRUE(metrics->collect(clock_.now()).empty());
}

TEST_F(PipelineTest, FlushesDoNotPileUpOnASlowStore) {
  SlowWriter slow;
  Intake intake(slow, clock_);
  auto metrics = std::make_shared<SpanMetrics>(clock_);
  Batch spans = batch_of({{}});
  metrics->prepare(kDefaultTenant, spans)();
  DerivedMetricsFlusher flusher(intake, clock_, {metrics}, {.stop_timeout_ms = 10});
  flusher.flush();
  flusher.flush();
  EXPECT_EQ(slow.waiting.size(), 1u);
  std::exchange(slow.waiting, {})[0](LogPosition{});
  flusher.flush();
  ASSERT_EQ(slow.waiting.size(), 1u);
  flusher.stop();  // does not wait for ever
  slow.waiting[0](LogPosition{});
}

TEST_F(PipelineTest, TheTimerFlushesAndStoppingFlushesTheRest) {
  auto metrics = std::make_shared<SpanMetrics>(clock_);
  pipeline_.add_span_tap(metrics);
  DerivedMetricsFlusher flusher(intake_, clock_, {metrics}, {.interval_ms = 5});
  flusher.start();
  ASSERT_TRUE(write({{}}).ok());
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (latest("traces_spanmetrics_calls_total").empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(latest("traces_spanmetrics_calls_total").size(), 1u);
  ASSERT_TRUE(write({{.id = 2}}).ok());
  flusher.stop();
  EXPECT_EQ(latest("traces_spanmetrics_calls_total").begin()->second, 2);
}

std::string edge(std::string_view name, std::string_view client, std::string_view server,
                 std::string_view type = "") {
  std::string connection = type.empty() ? "" : fmt::format(", connection_type=\"{}\"", type);
  return fmt::format("traces_service_graph_{}{{client=\"{}\"{}, server=\"{}\"}}", name, client, connection,
                     server);
}

TEST_F(PipelineTest, ServiceGraphPairsInWhateverOrder) {
  use_service_graph();
  // Client first, server in a later request; then server first.
  ASSERT_TRUE(write({{.trace = 1, .id = 1, .kind = kClient, .duration_ms = 300}}).ok());
  ASSERT_TRUE(write({{.trace = 1,
                      .id = 2,
                      .parent = 1,
                      .service = "stock",
                      .kind = kServer,
                      .duration_ms = 250,
                      .status = kError}})
                  .ok());
  ASSERT_TRUE(
      write({{.trace = 2, .id = 2, .parent = 1, .service = "stock", .kind = kServer, .duration_ms = 50}})
          .ok());
  ASSERT_TRUE(write({{.trace = 2, .id = 1, .kind = kClient, .duration_ms = 60}}).ok());
  flusher_->flush();
  std::map<std::string, double> values = latest("traces_service_graph_");
  EXPECT_EQ(values.at(edge("request_total", "shop", "stock")), 2);
  EXPECT_EQ(values.at(edge("request_failed_total", "shop", "stock")), 1);
  EXPECT_NEAR(values.at(edge("request_server_seconds_sum", "shop", "stock")), 0.3, 1e-9);
  EXPECT_NEAR(values.at(edge("request_client_seconds_sum", "shop", "stock")), 0.36, 1e-9);
  EXPECT_EQ(values.at(edge("request_server_seconds_count", "shop", "stock")), 2);
  EXPECT_EQ(values.at("traces_service_graph_request_server_seconds_bucket{client=\"shop\", le=\"0.1\", "
                      "server=\"stock\"}"),
            1);
  EXPECT_TRUE(values.contains(
      "traces_service_graph_request_server_seconds_bucket{client=\"shop\", le=\"12.8\", server=\"stock\"}"));
  bool named = false;
  for_each_row(Table::exemplars, [&](const Batch& batch, const Group&, size_t row) {
    named = named || batch.find_fixed(column::kTraceId)->trace_ids[row] == trace_id(1);
  });
  EXPECT_TRUE(named);
}

TEST_F(PipelineTest, ServiceGraphMessagingAndDatabases) {
  use_service_graph();
  ASSERT_TRUE(write({{.trace = 1, .id = 1, .kind = kProducer},
                     {.trace = 1, .id = 2, .parent = 1, .service = "mailer", .kind = kConsumer},
                     {.trace = 2,
                      .id = 1,
                      .kind = kClient,
                      .attributes = {{"db.system", "postgresql"}, {"server.address", "db.example"}}},
                     {.trace = 3, .id = 1, .kind = kClient, .attributes = {{"db.name", "orders"}}},
                     {.trace = 4,
                      .id = 1,
                      .kind = kClient,
                      .attributes = {{"db.system", "redis"},
                                     {"network.peer.address", "10.0.0.7"},
                                     {"network.peer.port", "6379"}}}})
                  .ok());
  flusher_->flush();
  std::map<std::string, double> values = latest("traces_service_graph_request_total");
  EXPECT_EQ(values.size(), 4u);
  EXPECT_EQ(values.at(edge("request_total", "shop", "mailer", "messaging_system")), 1);
  EXPECT_EQ(values.at(edge("request_total", "shop", "db.example", "database")), 1);
  EXPECT_EQ(values.at(edge("request_total", "shop", "orders", "database")), 1);
  EXPECT_EQ(values.at(edge("request_total", "shop", "10.0.0.7:6379", "database")), 1);
}

TEST_F(PipelineTest, ServiceGraphHalvesExpire) {
  use_service_graph();
  uint64_t expired = counter("obelisk_service_graph_expired_edges_total", "").value();
  ASSERT_TRUE(
      write({{.trace = 1, .id = 1, .kind = kServer},  // from outside
             {.trace = 2, .id = 1, .kind = kClient, .attributes = {{"peer.service", "bank"}}},  // to outside
             {.trace = 3, .id = 1, .kind = kClient},                                    // to nobody known
             {.trace = 4, .id = 2, .parent = 1, .service = "stock", .kind = kServer}})  // from one that never
                                                                                        // came
          .ok());
  clock_.advance(9 * kNanosPerSecond);
  flusher_->flush();
  EXPECT_TRUE(latest("traces_service_graph_").empty());
  clock_.advance(kNanosPerSecond);
  flusher_->flush();
  std::map<std::string, double> values = latest("traces_service_graph_request_total");
  EXPECT_EQ(values.size(), 2u);
  EXPECT_EQ(values.at(edge("request_total", "user", "shop", "virtual_node")), 1);
  EXPECT_EQ(values.at(edge("request_total", "shop", "bank", "virtual_node")), 1);
  EXPECT_EQ(counter("obelisk_service_graph_expired_edges_total", "").value(), expired + 2);
  // Too late: the half of trace 3 is gone, and this one waits in vain.
  ASSERT_TRUE(write({{.trace = 3, .id = 2, .parent = 1, .service = "stock", .kind = kServer}}).ok());
  clock_.advance(10 * kNanosPerSecond);
  flusher_->flush();
  EXPECT_FALSE(latest("traces_service_graph_request_total").contains(edge("request_total", "shop", "stock")));
}

TEST_F(PipelineTest, ServiceGraphIsBounded) {
  use_service_graph({.half_edges_max = 3, .series = {}});
  Counter& dropped =
      counter("obelisk_service_graph_dropped_spans_total", "", {{"reason", "too_many_half_edges"}});
  uint64_t before = dropped.value();
  std::vector<Span> clients;
  for (uint8_t i = 1; i <= 5; ++i) clients.push_back({.trace = i, .id = 1, .kind = kClient});
  ASSERT_TRUE(write(clients).ok());
  EXPECT_EQ(dropped.value(), before + 2);
  // What waits can still be paired, and room comes back.
  ASSERT_TRUE(write({{.trace = 1, .id = 2, .parent = 1, .service = "stock", .kind = kServer},
                     {.trace = 9, .id = 1, .kind = kClient}})
                  .ok());
  EXPECT_EQ(dropped.value(), before + 2);
}

}  // namespace
}  // namespace obelisk
