// Goal: every option of the metrics that are derived from spans. Method: a batch of spans through the taps,
// and the series that are collected.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "env/clock.h"
#include "model/histogram.h"
#include "pipeline/host_info.h"
#include "pipeline/service_graph.h"
#include "pipeline/span_metrics.h"
#include "pipeline/test_spans.h"
#include "query/core/trace_state.h"

namespace obelisk {
namespace {

class GeneratorTest : public testing::Test {
 protected:
  // The last value of every series that begins with `prefix` after the spans have passed the tap.
  template <typename Tap>
  std::map<std::string, double> derive(Tap& tap, const std::vector<Span>& spans, std::string_view prefix) {
    pass(tap, spans);
    return collect(tap, prefix);
  }

  void pass(SpanTap& tap, const std::vector<Span>& spans) {
    Batch batch = batch_of(spans);
    if (std::function<void()> observation = tap.prepare(kDefaultTenant, batch)) observation();
  }

  std::map<std::string, double> collect(DerivedMetricsSource& source, std::string_view prefix) {
    std::map<std::string, double> found;
    exemplars_.clear();
    histograms_.clear();
    for (const TenantBatches& collected : source.collect(clock_.now())) {
      for (const Batch& batch : collected.batches) {
        for (const Group& group : batch.groups) {
          uint32_t last = group.first_row + group.row_count - 1;
          Labels labels(group.labels);
          std::string name = labels.to_string();
          if (batch.table == Table::metadata || !name.starts_with(prefix)) continue;
          if (batch.table == Table::exemplars) {
            exemplars_[name] = batch.find_fixed(column::kTraceId)->trace_ids[last].to_hex();
            continue;
          }
          const ColumnData* histogram = batch.find_fixed(column::kHistogram);
          if (histogram != nullptr && histogram->is_present(last)) {
            histograms_[name] = *decode_histogram(histogram->strings[last]);
          } else {
            found[name] = batch.find_fixed(column::kValue)->floats[last];
          }
        }
      }
    }
    return found;
  }

  static std::string names(const std::map<std::string, double>& series) {
    std::string all;
    for (const auto& [name, value] : series) all += fmt::format("{} {}\n", name, value);
    return all;
  }

  ManualClock clock_{kStart};
  std::map<std::string, std::string> exemplars_;
  std::map<std::string, Histogram> histograms_;
};

constexpr std::string_view kCalls = "traces_spanmetrics_calls_total";

TEST_F(GeneratorTest, DimensionsComeFromTheResourceThenFromTheSpan) {
  SpanMetrics metrics(clock_, {.span_name = false,
                               .span_kind = false,
                               .status_code = false,
                               .status_message = true,
                               .dimensions = {"http.method", "region", "service", "weight", "absent"}});
  auto found = derive(metrics,
                      {{.attributes = {{"http.method", "GET"}, {"region", "span"}, {"service", "own"}},
                        .resource = {{"region", "resource"}},
                        .numbers = {{"weight", 2.5}},
                        .status_message = "declined"}},
                      kCalls);
  EXPECT_EQ(names(found),
            "traces_spanmetrics_calls_total{__service=\"own\", http_method=\"GET\", region=\"resource\", "
            "service=\"shop\", status_message=\"declined\", weight=\"2.5\"} 1\n");
}

TEST_F(GeneratorTest, MappingsJoinWhatIsThere) {
  SpanMetrics metrics(clock_, {.service = false,
                               .span_name = false,
                               .span_kind = false,
                               .status_code = false,
                               .dimension_mappings = {{"where", {"cloud", "region", "zone"}, "/"},
                                                      {"env", {"deployment.environment"}, ""}}});
  auto found = derive(
      metrics,
      {{.attributes = {{"zone", "z"}, {"cloud", "c"}}, .resource = {{"deployment.environment", "prod"}}},
       {.id = 2, .attributes = {{"zone", "z"}}}},
      kCalls);
  EXPECT_EQ(names(found),
            "traces_spanmetrics_calls_total{env=\"prod\", where=\"c/z\"} 1\n"
            "traces_spanmetrics_calls_total{where=\"z\"} 1\n");
}

TEST_F(GeneratorTest, SubprocessorsChooseTheMetricsAndBucketsAreOnesOwn) {
  SpanMetrics metrics(clock_, {.bounds = {0.05, 1}, .count = false, .size = false});
  auto found = derive(metrics, {{.duration_ms = 100}}, "traces_spanmetrics_");
  ASSERT_EQ(found.size(), 5u) << names(found);  // three buckets, sum, count
  const std::string labels =
      "service=\"shop\", span_kind=\"SPAN_KIND_SERVER\", span_name=\"POST /orders\", "
      "status_code=\"STATUS_CODE_UNSET\"}";
  EXPECT_EQ(found.at("traces_spanmetrics_latency_bucket{le=\"0.05\", " + labels), 0);
  EXPECT_EQ(found.at("traces_spanmetrics_latency_bucket{le=\"1\", " + labels), 1);
  EXPECT_EQ(found.at("traces_spanmetrics_latency_bucket{le=\"+Inf\", " + labels), 1);
}

TEST_F(GeneratorTest, NativeHistogramsHoldWhatWasMeasuredAndExemplars) {
  SpanMetrics metrics(clock_, {.series = {.histograms = DerivedHistogramForm::native}, .span_name = false});
  std::vector<Span> spans;
  for (int64_t ms : {0, 1, 3, 100, 100, 10'000})
    spans.push_back({.trace = 7, .id = spans.size() + 1, .duration_ms = ms});
  auto found = derive(metrics, spans, "traces_spanmetrics_latency");
  EXPECT_TRUE(found.empty()) << names(found);
  ASSERT_EQ(histograms_.size(), 1u);
  const Histogram& histogram = histograms_.begin()->second;
  EXPECT_EQ(histogram.schema, 3);
  EXPECT_EQ(histogram.count, 6);
  EXPECT_EQ(histogram.zero_count, 1);
  EXPECT_NEAR(histogram.sum, 10.204, 1e-9);
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{1, 1, 2, 1}));
  ASSERT_EQ(histogram.positive_spans.size(), 4u);
  // 10 s lies in (2^(26/8), 2^(27/8)] = (9.51, 10.37].
  int32_t index = 0;
  for (const BucketSpan& span : histogram.positive_spans)
    index += span.offset + (&span == &histogram.positive_spans[0] ? 0 : 1);
  EXPECT_EQ(index, 27);
  EXPECT_FALSE(exemplars_.empty());
  EXPECT_TRUE(exemplars_.begin()->first.starts_with("traces_spanmetrics_latency{"))
      << exemplars_.begin()->first;
}

TEST_F(GeneratorTest, BothKindsOfHistogramsAndNoExemplars) {
  SpanMetrics metrics(clock_, {.series = {.histograms = DerivedHistogramForm::both, .exemplars = false},
                               .count = false,
                               .size = false});
  auto found = derive(metrics, {{}}, "traces_spanmetrics_");
  EXPECT_EQ(found.size(), 15u + 2u);
  EXPECT_EQ(histograms_.size(), 1u);
  EXPECT_TRUE(exemplars_.empty());
}

TEST_F(GeneratorTest, ANativeHistogramOfEverythingStaysBounded) {
  NativeBuckets buckets;
  double count = 0, sum = 0;
  for (double value = 1e-9; value < 1e9; value *= 1.01) {
    buckets.observe(value, 1);
    ++count;
    sum += value;
  }
  Histogram histogram = buckets.to_histogram();
  EXPECT_EQ(histogram.count, count);
  EXPECT_EQ(histogram.sum, sum);
  EXPECT_LE(histogram.positive_counts.size(), NativeHistogramRules().buckets_max);
  EXPECT_LT(histogram.schema, 3);
  double in_buckets = 0;
  for (double in_bucket : histogram.positive_counts) in_buckets += in_bucket;
  EXPECT_EQ(in_buckets, count);
  NativeBuckets fine;
  fine.observe(1, 2);
  fine.merge(buckets);
  EXPECT_EQ(fine.to_histogram().schema, histogram.schema);
}

TEST_F(GeneratorTest, SchemasOfFactors) {
  EXPECT_EQ(native_schema_of(1.1), 3);
  EXPECT_EQ(native_schema_of(1.05), 4);
  EXPECT_EQ(native_schema_of(2), 0);
  EXPECT_EQ(native_schema_of(1.9), 1);
  EXPECT_EQ(native_schema_of(4), -1);
  EXPECT_EQ(native_schema_of(1.0000001), 8);
  EXPECT_EQ(native_schema_of(60'000), -3);
  EXPECT_EQ(native_schema_of(65'536), -4);
}

// Goal: what has lost resolution begins anew at its age, once written, and what rate() makes of it is whole.
TEST_F(GeneratorTest, ANativeHistogramBeginsAnewForItsResolution) {
  SpanMetrics metrics(
      clock_,
      {.series = {.histograms = DerivedHistogramForm::native,
                  .native = {.schema = 3, .buckets_max = 4, .reset_after_nanos = 60 * kNanosPerSecond},
                  .exemplar_label = "trace_id"},
       .span_name = false});
  auto measured = [&](std::vector<int64_t> durations) {
    std::vector<Span> spans;
    for (int64_t ms : durations) spans.push_back({.id = spans.size() + 1, .duration_ms = ms});
    derive(metrics, spans, "traces_spanmetrics_latency");
    clock_.advance(40 * kNanosPerSecond);
    return histograms_.begin()->second;
  };
  Histogram first = measured({1, 2, 4, 8, 16, 32, 64, 128, 256});
  EXPECT_LT(first.schema, 3);
  EXPECT_LE(first.positive_counts.size(), 4u);
  Histogram second = measured({512});
  EXPECT_EQ(second.count, 10);
  EXPECT_EQ(measured({1}).count, 11);  // 80 s old: written, then it ends
  Histogram anew = measured({1, 1});
  EXPECT_EQ(anew.count, 2);
  EXPECT_EQ(anew.schema, 3);
  EXPECT_NEAR(anew.sum, 0.002, 1e-9);
}

TEST_F(GeneratorTest, FilterPoliciesIncludeAndExclude) {
  auto condition = [](std::string_view key, const std::string& value, bool regex = false) {
    Result<SpanCondition> made = make_span_condition(key, value, regex);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return *made;
  };
  SpanFilterPolicy servers;
  servers.include =
      std::vector{condition("kind", "SPAN_KIND_SERVER"), condition("resource.region", "^eu", true)};
  servers.exclude =
      std::vector{condition("span.http.route", "/health"), condition("status", "STATUS_CODE_UNSET")};
  SpanFilterPolicy named;
  named.include_any = std::vector{condition("name", "a"), condition("name", "b")};
  SpanMetrics metrics(clock_,
                      {.span_kind = false, .status_code = false, .filter_policies = {servers, named}});
  std::vector<std::pair<std::string, std::string>> eu = {{"region", "eu-1"}};
  auto found = derive(
      metrics,
      {{.id = 1, .name = "a", .resource = eu},
       {.id = 2, .name = "b", .attributes = {{"http.route", "/health"}}, .resource = eu},  // excluded
       {.id = 3, .name = "b", .status = kError, .attributes = {{"http.route", "/health"}}, .resource = eu},
       {.id = 4, .name = "c", .resource = eu},                   // no name
       {.id = 5, .name = "a", .kind = kClient, .resource = eu},  // no server
       {.id = 6, .name = "a", .resource = {{"region", "us"}}},
       {.id = 7, .name = "a"}},
      kCalls);
  EXPECT_EQ(names(found),
            "traces_spanmetrics_calls_total{service=\"shop\", span_name=\"a\"} 1\n"
            "traces_spanmetrics_calls_total{service=\"shop\", span_name=\"b\"} 1\n");
  EXPECT_FALSE(make_span_condition("kind", "server", false).ok());
  EXPECT_FALSE(make_span_condition("event.x", "y", false).ok());
  EXPECT_FALSE(make_span_condition("name", "[", true).ok());
}

TEST_F(GeneratorTest, SampledSpansCountForAllTheyStandFor) {
  SpanMetrics metrics(clock_, {.multiplier = {.attribute = "ratio", .tracestate = true}});
  auto found = derive(metrics,
                      {{.numbers = {{"ratio", 0.25}}},
                       {.id = 2, .trace_state = "x=1,ot=rv:12;th:8"},  // half of all
                       {.id = 3, .numbers = {{"ratio", 0.0}}},
                       {.id = 4}},
                      kCalls);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_DOUBLE_EQ(found.begin()->second, 4 + 2 + 1 + 1);
  EXPECT_DOUBLE_EQ(*multiplier_of_tracestate("ot=th:c"), 4);
  EXPECT_DOUBLE_EQ(*multiplier_of_tracestate("ot=th:0"), 1);
  EXPECT_FALSE(multiplier_of_tracestate("ot=th:xyz"));
  EXPECT_FALSE(multiplier_of_tracestate("ot=th:123456789012345"));
  EXPECT_FALSE(multiplier_of_tracestate("other=th:8"));
}

TEST_F(GeneratorTest, TargetInfoHasTheResourceWithoutWhatIsExcluded) {
  SpanMetrics metrics(clock_, {.target_info = true, .target_info_excluded_dimensions = {"secret"}});
  Span span{
      .resource = {
          {"service.namespace", "eu"}, {"service.instance.id", "i-1"}, {"host.name", "h"}, {"secret", "s"}}};
  Span bare{.id = 2, .service = "bare"};  // nothing to tell
  auto found = derive(metrics, {span, bare}, "traces_");
  EXPECT_EQ(found.at("traces_target_info{host_name=\"h\", instance=\"i-1\", job=\"eu/shop\"}"), 1);
  size_t infos = 0;
  for (auto& [name, value] : found) infos += name.starts_with("traces_target_info");
  EXPECT_EQ(infos, 1u);
  EXPECT_TRUE(
      found.contains("traces_spanmetrics_calls_total{instance=\"i-1\", job=\"eu/shop\", service=\"shop\", "
                     "span_kind=\"SPAN_KIND_SERVER\", span_name=\"POST /orders\", "
                     "status_code=\"STATUS_CODE_UNSET\"}"))
      << names(found);
  pass(metrics, {span});
  EXPECT_EQ(collect(metrics, "traces_target_info").begin()->second, 1) << "a gauge does not add up";
}

TEST_F(GeneratorTest, ValuesOfALabelAreLimited) {
  SpanMetrics metrics(clock_,
                      {.series = {.values_per_label_max = 2}, .span_kind = false, .status_code = false});
  std::vector<Span> spans;
  for (uint64_t i = 1; i <= 5; ++i) spans.push_back({.id = i, .name = fmt::format("op{}", i)});
  auto found = derive(metrics, spans, kCalls);
  EXPECT_EQ(found.size(), 3u) << names(found);
  EXPECT_EQ(
      found.at("traces_spanmetrics_calls_total{service=\"shop\", span_name=\"__cardinality_overflow__\"}"),
      3);
}

constexpr std::string_view kRequests = "traces_service_graph_request_total";

TEST_F(GeneratorTest, EdgesHaveDimensionsOfOneOrOfBothSides) {
  std::vector<Span> call = {
      {.id = 1, .kind = kClient, .attributes = {{"zone", "a"}, {"only", "client"}}},
      {.id = 2, .parent = 1, .service = "stock", .kind = kServer, .attributes = {{"zone", "b"}}}};
  ServiceGraph plain(clock_, {.rules = {.dimensions = {"zone", "only"}}});
  EXPECT_EQ(names(derive(plain, call, kRequests)),
            "traces_service_graph_request_total{client=\"shop\", only=\"client\", server=\"stock\", "
            "zone=\"b\"} 1\n");
  ServiceGraph prefixed(clock_, {.rules = {.dimensions = {"zone"}, .client_server_prefix = true}});
  EXPECT_EQ(names(derive(prefixed, call, kRequests)),
            "traces_service_graph_request_total{client=\"shop\", client_zone=\"a\", server=\"stock\", "
            "server_zone=\"b\"} 1\n");
}

TEST_F(GeneratorTest, MessagesOnTheirWayAreMeasured) {
  ServiceGraph graph(clock_,
                     {.rules = {.messaging_latency = true}, .request = false, .connection_info = true});
  auto found = derive(graph,
                      {{.id = 1, .kind = kProducer, .duration_ms = 100},
                       {.id = 2, .parent = 1, .service = "mailer", .kind = kConsumer, .offset_ms = 600}},
                      "traces_service_graph_");
  EXPECT_NEAR(found.at("traces_service_graph_request_messaging_system_seconds_sum{client=\"shop\", "
                       "connection_type=\"messaging_system\", server=\"mailer\"}"),
              0.5, 1e-9);
  EXPECT_EQ(found.at("traces_service_graph_connection_info{client=\"shop\", "
                     "connection_type=\"messaging_system\", server=\"mailer\"}"),
            1);
  for (auto& [name, value] : found)
    EXPECT_FALSE(name.starts_with("traces_service_graph_request_total")) << name;
}

TEST_F(GeneratorTest, VirtualNodesByOwnAttributes) {
  ServiceGraph graph(
      clock_,
      {.wait_nanos = kNanosPerSecond,
       .rules = {.edges = {.peer_attributes = {"net.peer.name"}, .database_attributes = {"db.cluster"}},
                 .virtual_node_label = true,
                 .multiplier = {.attribute = "ratio"}}});
  pass(graph, {{.trace = 1,
                .kind = kClient,
                .attributes = {{"net.peer.name", "bank"}, {"peer.service", "no"}},
                .numbers = {{"ratio", 0.5}}},
               {.trace = 2, .kind = kClient, .attributes = {{"db.cluster", "pg"}}},
               {.trace = 3, .kind = kClient, .attributes = {{"db.name", "ignored"}}},
               {.trace = 4, .kind = kServer}});
  clock_.advance(2 * kNanosPerSecond);
  EXPECT_EQ(
      names(collect(graph, kRequests)),
      "traces_service_graph_request_total{client=\"shop\", connection_type=\"database\", server=\"pg\"} 1\n"
      "traces_service_graph_request_total{client=\"shop\", connection_type=\"virtual_node\", "
      "server=\"bank\", virtual_node=\"server\"} 2\n"
      "traces_service_graph_request_total{client=\"user\", connection_type=\"virtual_node\", "
      "server=\"shop\", virtual_node=\"client\"} 1\n");
}

TEST_F(GeneratorTest, HostsByTheFirstIdentifier) {
  HostInfo hosts(clock_, {});
  EXPECT_EQ(names(derive(hosts,
                         {{.resource = {{"host.id", "h1"}, {"k8s.node.name", "n1"}}},
                          {.id = 2, .resource = {{"host.id", "h2"}}},
                          {.id = 3}},
                         "traces_host_info")),
            "traces_host_info{grafana_host_id=\"h2\", host_source=\"host.id\"} 1\n"
            "traces_host_info{grafana_host_id=\"n1\", host_source=\"k8s.node.name\"} 1\n");
}

}  // namespace
}  // namespace obelisk
