#include "wire/otlp_metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "model/histogram.h"
#include "wire/otlp_json.h"
#include "wire/otlp_test_messages.h"
#include "wire/shared_files_test.h"

namespace obelisk {
namespace {

using namespace otlp_test;

constexpr uint64_t kTime = 1'700'000'000'123'456'789;
constexpr UnixNanos kNow{1'700'000'100'000'000'000};

DecodedMetrics decode(const std::string& body) {
  Result<DecodedMetrics> result = decode_otlp_metrics(std::make_shared<const std::string>(body), kNow);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedMetrics{};
}

DecodedMetrics decode_metrics(const std::vector<std::string>& metrics) {
  return decode(request(resource({key_value("service.name", string_value("shop"))}),
                        {scope_records(scope("", ""), metrics)}));
}

std::string metric(std::string_view name, std::string_view unit, uint32_t kind, const std::string& data) {
  std::string out;
  MessageWriter writer(out);
  writer.add_string(1, name.data(), name.size());
  writer.add_string(2, "what it is");
  writer.add_string(3, unit.data(), unit.size());
  writer.add_message(kind, data);
  return out;
}

std::string number_point(double value, std::initializer_list<std::string> attributes = {},
                         uint64_t time = kTime) {
  std::string out;
  MessageWriter writer(out);
  writer.add_fixed64(2, kTime - 5'000'000'000);
  writer.add_fixed64(3, time);
  writer.add_double(4, value);
  for (const std::string& attribute : attributes) writer.add_message(7, attribute);
  return out;
}

std::string sum_of(const std::string& point, int temporality, bool monotonic) {
  std::string out;
  MessageWriter writer(out);
  writer.add_message(1, point);
  writer.add_enum(2, temporality);
  writer.add_bool(3, monotonic);
  return out;
}

std::string gauge_of(const std::string& point) {
  std::string out;
  MessageWriter(out).add_message(1, point);
  return out;
}

// "name{labels}" -> value as text, for all sample rows that are deltas or not.
std::map<std::string, std::string> samples_of(const DecodedMetrics& decoded, bool delta = false) {
  std::map<std::string, std::string> found;
  for (const Batch& batch : decoded.batches) {
    EXPECT_TRUE(batch.check().ok()) << batch.check().error().message;
    if (batch.table != Table::samples || (batch.find_fixed(column::kTemporality) != nullptr) != delta)
      continue;
    const ColumnData* values = batch.find_fixed(column::kValue);
    for (const Group& group : batch.groups) {
      for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        bool is_value = values != nullptr && values->is_present(row);
        std::string text = is_value ? format_sample_value(values->floats[row]) : "histogram";
        if (is_value && is_stale_marker(values->floats[row])) text = "stale";
        found[Labels(group.labels).to_string()] = text;
      }
    }
  }
  return found;
}

const Batch* table_of(const DecodedMetrics& decoded, Table table) {
  for (const Batch& batch : decoded.batches) {
    if (batch.table == table) return &batch;
  }
  return nullptr;
}

using SampleMap = std::map<std::string, std::string>;

TEST(OtlpMetrics, GaugesAndSums) {
  DecodedMetrics decoded =
      decode_metrics({metric("queue.size", "", 5,
                             gauge_of(number_point(5, {key_value("queue.name", string_value("mail"))}))),
                      metric("requests", "", 7, sum_of(number_point(7), 2, true)),
                      metric("active", "", 7, sum_of(number_point(-2), 2, false)),
                      metric("delta.requests", "", 7, sum_of(number_point(3), 1, true))});
  EXPECT_EQ(samples_of(decoded), (SampleMap{{R"(queue_size{job="shop", queue_name="mail"})", "5"},
                                            {R"(requests_total{job="shop"})", "7"},
                                            {R"(active{job="shop"})", "-2"}}));
  EXPECT_EQ(samples_of(decoded, true), (SampleMap{{R"(delta_requests_total{job="shop"})", "3"}}));
  const Batch* samples = table_of(decoded, Table::samples);
  EXPECT_EQ(samples->times()[0], 1'700'000'000'123'000'000);
  EXPECT_EQ(samples->find_fixed(column::kStartTime)->ints[0], 1'699'999'995'123'000'000);
}

TEST(OtlpMetrics, MetadataIsOneRowAMetric) {
  DecodedMetrics decoded = decode_metrics(
      {metric("request.duration", "s", 5, gauge_of(number_point(5)) + gauge_of(number_point(6)))});
  const Batch* metadata = table_of(decoded, Table::metadata);
  ASSERT_NE(metadata, nullptr);
  ASSERT_EQ(metadata->row_count, 1u);
  EXPECT_EQ(metadata->find_fixed(column::kMetricFamily)->strings[0], "request_duration_seconds");
  EXPECT_EQ(metadata->find_fixed(column::kMetricType)->strings[0], "gauge");
  EXPECT_EQ(metadata->find_fixed(column::kHelp)->strings[0], "what it is");
  EXPECT_EQ(metadata->find_fixed(column::kUnit)->strings[0], "seconds");
}

std::string histogram_point() {
  std::string out;
  MessageWriter writer(out);
  writer.add_fixed64(3, kTime);
  writer.add_fixed64(4, 6);
  writer.add_double(5, 12.5);
  uint64_t counts[] = {1, 2, 3};
  double bounds[] = {0.5, 1'000'000};
  writer.add_packed_fixed64(6, std::begin(counts), std::end(counts));
  writer.add_packed_double(7, std::begin(bounds), std::end(bounds));
  std::string exemplar;
  MessageWriter of_exemplar(exemplar);
  of_exemplar.add_fixed64(2, kTime);
  of_exemplar.add_double(3, 0.75);
  of_exemplar.add_bytes(4, span_id(9));
  of_exemplar.add_bytes(5, trace_id(8));
  of_exemplar.add_message(7, key_value("user", string_value("u1")));
  writer.add_message(8, exemplar);
  return out;
}

TEST(OtlpMetrics, ClassicHistogramWithExemplar) {
  DecodedMetrics decoded = decode_metrics({metric("lat", "s", 9, sum_of(histogram_point(), 2, false))});
  EXPECT_EQ(samples_of(decoded), (SampleMap{{R"(lat_seconds_bucket{job="shop", le="0.5"})", "1"},
                                            {R"(lat_seconds_bucket{job="shop", le="1000000"})", "3"},
                                            {R"(lat_seconds_bucket{job="shop", le="+Inf"})", "6"},
                                            {R"(lat_seconds_sum{job="shop"})", "12.5"},
                                            {R"(lat_seconds_count{job="shop"})", "6"}}));
  const Batch* exemplars = table_of(decoded, Table::exemplars);
  ASSERT_NE(exemplars, nullptr);
  ASSERT_EQ(exemplars->row_count, 1u);
  EXPECT_EQ(Labels(exemplars->groups[0].labels).to_string(),
            R"(lat_seconds_bucket{job="shop", le="1000000"})");
  EXPECT_EQ(exemplars->find_fixed(column::kValue)->floats[0], 0.75);
  EXPECT_EQ(exemplars->find_fixed(column::kTraceId)->trace_ids[0].view(), trace_id(8));
  EXPECT_EQ(exemplars->find_fixed(column::kSpanId)->ints[0], 9);
  EXPECT_EQ(exemplars->find({Scope::attribute, "trace_id"})->strings[0], to_hex(trace_id(8)));
  EXPECT_EQ(exemplars->find({Scope::attribute, "user"})->strings[0], "u1");
}

std::string exponential_point(int32_t scale, int32_t offset, std::vector<uint64_t> counts) {
  std::string out;
  MessageWriter writer(out);
  writer.add_fixed64(3, kTime);
  writer.add_fixed64(4, 10);
  writer.add_double(5, 2.5);
  writer.add_sint32(6, scale);
  writer.add_fixed64(7, 1);
  std::string buckets;
  MessageWriter of_buckets(buckets);
  of_buckets.add_sint32(1, offset);
  of_buckets.add_packed_uint64(2, counts.begin(), counts.end());
  writer.add_message(8, buckets);
  return out;
}

Histogram native_of(const DecodedMetrics& decoded) {
  const Batch* samples = table_of(decoded, Table::samples);
  EXPECT_NE(samples, nullptr);
  if (samples == nullptr) return {};
  Result<Histogram> histogram = decode_histogram(samples->find_fixed(column::kHistogram)->strings.at(0));
  EXPECT_TRUE(histogram.ok());
  return *histogram;
}

TEST(OtlpMetrics, ExponentialHistogramBecomesNative) {
  DecodedMetrics decoded = decode_metrics(
      {metric("lat", "s", 10, sum_of(exponential_point(3, -2, {1, 0, 2, 0, 0, 0, 6}), 2, false))});
  Histogram histogram = native_of(decoded);
  EXPECT_EQ(histogram.schema, 3);
  EXPECT_EQ(histogram.count, 10);
  EXPECT_EQ(histogram.sum, 2.5);
  EXPECT_EQ(histogram.zero_count, 1);
  EXPECT_EQ(histogram.zero_threshold, 1e-128);
  // OTLP's bucket -2 is index -1; the gap of three empty buckets begins a new span.
  EXPECT_EQ(histogram.positive_spans, (std::vector<BucketSpan>{{-1, 3}, {3, 1}}));
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{1, 0, 2, 6}));
}

// Scale 10 holds four buckets for each of schema 8.
TEST(OtlpMetrics, ScalesAboveEightAreReduced) {
  Histogram histogram = native_of(
      decode_metrics({metric("lat", "", 10, sum_of(exponential_point(10, -4, {1, 1, 1, 1, 5}), 2, false))}));
  EXPECT_EQ(histogram.schema, 8);
  EXPECT_EQ(histogram.positive_spans, (std::vector<BucketSpan>{{0, 2}}));
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{4, 5}));
}

TEST(OtlpMetrics, Summary) {
  std::string point;
  MessageWriter writer(point);
  writer.add_fixed64(3, kTime);
  writer.add_fixed64(4, 9);
  writer.add_double(5, 4.5);
  std::string quantile;
  MessageWriter(quantile).add_double(1, 0.99);
  MessageWriter(quantile).add_double(2, 0.7);
  writer.add_message(6, quantile);
  EXPECT_EQ(samples_of(decode_metrics({metric("s", "", 11, gauge_of(point))})),
            (SampleMap{{R"(s{job="shop", quantile="0.99"})", "0.7"},
                       {R"(s_count{job="shop"})", "9"},
                       {R"(s_sum{job="shop"})", "4.5"}}));
}

TEST(OtlpMetrics, ResourceGivesJobInstanceAndTargetInfo) {
  DecodedMetrics decoded = decode(
      request(resource({key_value("service.name", string_value("cart")),
                        key_value("service.namespace", string_value("shop")),
                        key_value("service.instance.id", string_value("i-1")),
                        key_value("host.name", string_value("n1")), key_value("process.pid", int_value(7))}),
              {scope_records(scope("lib", "1"), {metric("g", "", 5, gauge_of(number_point(1)))})}));
  EXPECT_EQ(
      samples_of(decoded),
      (SampleMap{{R"(g{instance="i-1", job="shop/cart"})", "1"},
                 {R"(target_info{host_name="n1", instance="i-1", job="shop/cart", process_pid="7"})", "1"}}));
}

// Points far apart make target_info rows between them; many small resources do not make a request a giant.
TEST(OtlpMetrics, TargetInfosBetweenPointsAreBoundedInARequest) {
  constexpr uint64_t kYear = 31'536'000'000'000'000;
  constexpr size_t kResources = 300;
  std::string data;
  MessageWriter(data).add_message(1, number_point(1, {}, kTime));
  MessageWriter(data).add_message(1, number_point(2, {}, kTime + kYear));
  auto rows_of = [&](size_t resources) {
    std::string body;  // requests one after another are one
    for (size_t i = 0; i < resources; ++i)
      body +=
          request(resource({key_value("service.name", string_value("shop")), key_value("n", int_value(i))}),
                  {scope_records(scope("", ""), {metric("g", "", 5, data)})});
    size_t rows = 0;
    for (const Batch& batch : decode(body).batches)
      rows += batch.table == Table::samples ? batch.row_count : 0;
    return rows;
  };
  EXPECT_EQ(rows_of(1), 2 + 1000 + 1);
  EXPECT_EQ(rows_of(kResources), 2 * kResources + 100'000 + kResources);
}

TEST(OtlpMetrics, LabelsThatCollideAreJoinedAndIdentityWins) {
  DecodedMetrics decoded = decode_metrics(
      {metric("g", "", 5,
              gauge_of(number_point(
                  1, {key_value("a_b", string_value("second")), key_value("a.b", string_value("first")),
                      key_value("job", string_value("mine")), key_value("empty", string_value(""))})))});
  EXPECT_EQ(samples_of(decoded), (SampleMap{{R"(g{a_b="first;second", job="shop"})", "1"}}));
}

TEST(OtlpMetrics, NoRecordedValueIsAStaleMarker) {
  std::string point = number_point(1);
  MessageWriter(point).add_uint32(8, 1);
  EXPECT_EQ(samples_of(decode_metrics({metric("g", "", 5, gauge_of(point))})),
            (SampleMap{{R"(g{job="shop"})", "stale"}}));
}

TEST(OtlpMetrics, InvalidPointsAreCountedAndTheRestStays) {
  std::string no_value;
  MessageWriter(no_value).add_fixed64(3, kTime);
  DecodedMetrics decoded = decode_metrics(
      {metric("ok", "", 5, gauge_of(number_point(1))), metric("no.value", "", 5, gauge_of(no_value)),
       metric("no.time", "", 5, gauge_of(number_point(1, {}, 0))),
       metric("no.temporality", "", 7, sum_of(number_point(1), 0, true)),
       metric("...", "", 5, gauge_of(number_point(1))),
       metric("coarse", "", 10, sum_of(exponential_point(-5, 0, {1}), 2, false))});
  EXPECT_EQ(decoded.rejected_points, 5u);
  EXPECT_EQ(decoded.rejection, "a data point has no value");
  EXPECT_EQ(samples_of(decoded), (SampleMap{{R"(ok{job="shop"})", "1"}}));
}

SampleMap translated(const OtlpTranslation& translation, const std::vector<std::string>& metrics) {
  std::string resource_bytes =
      resource({key_value("service.name", string_value("shop")), key_value("host.name", string_value("h1")),
                key_value("cloud.region", string_value("eu"))});
  std::string scoped =
      scope_records(scope("my.lib", "1.2", {key_value("lib.kind", string_value("x"))}), metrics);
  MessageWriter(scoped).add_string(3, "https://schema");
  auto body = std::make_shared<const std::string>(request(resource_bytes, {scoped}));
  Result<DecodedMetrics> result = decode_otlp_metrics(body, kNow, translation);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? samples_of(*result) : SampleMap{};
}

TEST(OtlpMetrics, TranslationStrategies) {
  std::vector<std::string> metrics = {
      metric("http.requests", "{request}", 7,
             sum_of(number_point(1, {key_value("http.method", string_value("GET"))}), 2, true)),
      metric("mem.used", "By", 5, gauge_of(number_point(2)))};
  OtlpTranslation translation;
  translation.strategy = OtlpTranslationStrategy::underscore_escaping_without_suffixes;
  EXPECT_EQ(translated(translation, metrics),
            (SampleMap{{R"(http_requests{http_method="GET", job="shop"})", "1"},
                       {R"(mem_used{job="shop"})", "2"},
                       {R"(target_info{cloud_region="eu", host_name="h1", job="shop"})", "1"}}));
  translation.strategy = OtlpTranslationStrategy::no_utf8_escaping_with_suffixes;
  EXPECT_EQ(translated(translation, metrics),
            (SampleMap{{R"(http.requests_total{http.method="GET", job="shop"})", "1"},
                       {R"(mem.used_bytes{job="shop"})", "2"},
                       {R"(target_info{cloud.region="eu", host.name="h1", job="shop"})", "1"}}));
  translation.strategy = OtlpTranslationStrategy::no_translation;
  EXPECT_EQ(translated(translation, metrics),
            (SampleMap{{R"(http.requests{http.method="GET", job="shop"})", "1"},
                       {R"(mem.used{job="shop"})", "2"},
                       {R"(target_info{cloud.region="eu", host.name="h1", job="shop"})", "1"}}));
}

TEST(OtlpMetrics, PromotedAttributesAndScopes) {
  std::vector<std::string> metrics = {
      metric("g", "", 5, gauge_of(number_point(2, {key_value("host.name", string_value("own"))})))};
  OtlpTranslation translation;
  translation.promote_resource_attributes = {"host.name", "cloud.region", "absent"};
  EXPECT_EQ(translated(translation, metrics),
            (SampleMap{{R"(g{cloud_region="eu", host_name="own", job="shop"})", "2"},
                       {R"(target_info{cloud_region="eu", host_name="h1", job="shop"})", "1"}}));
  translation = {};
  translation.promote_all_resource_attributes = true;
  translation.ignore_resource_attributes = {"cloud.region"};
  translation.keep_identifying_resource_attributes = true;
  EXPECT_EQ(translated(translation, metrics),
            (SampleMap{{R"(g{host_name="own", job="shop", service_name="shop"})", "2"},
                       {R"(target_info{cloud_region="eu", host_name="h1", job="shop", service_name="shop"})",
                        "1"}}));
  translation = {};
  translation.promote_scope_metadata = true;
  EXPECT_EQ(
      translated(translation, metrics),
      (SampleMap{{R"(g{host_name="own", job="shop", otel_scope_lib_kind="x", otel_scope_name="my.lib", )"
                  R"(otel_scope_schema_url="https://schema", otel_scope_version="1.2"})",
                  "2"},
                 {R"(target_info{cloud_region="eu", host_name="h1", job="shop"})", "1"}}));
}

TEST(OtlpMetrics, HistogramsAsCustomBounds) {
  std::string point, data;
  MessageWriter writer(point);
  writer.add_fixed64(3, kTime);
  writer.add_fixed64(4, 6);
  writer.add_double(5, 12.5);
  uint64_t counts[] = {1, 0, 5};
  double bounds[] = {0.5, 2};
  writer.add_packed_fixed64(6, std::begin(counts), std::end(counts));
  writer.add_packed_double(7, std::begin(bounds), std::end(bounds));
  MessageWriter(data).add_message(1, point);
  MessageWriter(data).add_enum(2, 2);
  OtlpTranslation translation;
  translation.convert_histograms_to_nhcb = true;
  std::string body = request(resource({}), {scope_records(scope("", ""), {metric("h", "s", 9, data)})});
  Result<DecodedMetrics> decoded =
      decode_otlp_metrics(std::make_shared<const std::string>(body), kNow, translation);
  ASSERT_TRUE(decoded.ok());
  const Batch* samples = table_of(*decoded, Table::samples);
  ASSERT_NE(samples, nullptr);
  ASSERT_EQ(samples->row_count, 1u);
  EXPECT_EQ(Labels(samples->groups[0].labels).to_string(), "h_seconds");
  Result<Histogram> histogram = decode_histogram(samples->find_fixed(column::kHistogram)->strings.at(0));
  ASSERT_TRUE(histogram.ok());
  EXPECT_EQ(histogram->schema, Histogram::kCustomBoundsSchema);
  EXPECT_EQ(histogram->custom_bounds, (std::vector<double>{0.5, 2}));
  EXPECT_EQ(histogram->positive_counts, (std::vector<double>{1, 0, 5}));
  EXPECT_EQ(histogram->count, 6);
}

TEST(OtlpTranslation, IsReadAsPrometheusReadsIt) {
  auto read = [](std::string_view text) -> Result<OtlpTranslation> {
    Result<YamlNode> node = parse_yaml(text, "f.yml");
    if (!node.ok()) return node.error();
    return read_otlp_translation(*node, "f.yml");
  };
  Result<OtlpTranslation> all = read(
      "translation_strategy: NoTranslation\npromote_resource_attributes: [a, b]\n"
      "keep_identifying_resource_attributes: true\nconvert_histograms_to_nhcb: true\npromote_scope_metadata: "
      "true\n"
      "label_name_underscore_sanitization: false\nlabel_name_preserve_multiple_underscores: false\n");
  ASSERT_TRUE(all.ok()) << all.error().to_string();
  EXPECT_EQ(all->strategy, OtlpTranslationStrategy::no_translation);
  EXPECT_EQ(all->promote_resource_attributes, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(all->keep_identifying_resource_attributes && all->convert_histograms_to_nhcb);
  EXPECT_FALSE(all->label_name_underscore_sanitization || all->label_name_preserve_multiple_underscores);
  for (std::string_view wrong : {"translation_strategy: None\n",
                                 "promote_all_resource_attributes: true\npromote_resource_attributes: [a]\n",
                                 "ignore_resource_attributes: [a]\n", "promote_resource_attributes: [a, a]\n",
                                 "promote_resource_attributes: [\"\"]\n", "unknown_key: 1\n"}) {
    Result<OtlpTranslation> refused = read(wrong);
    ASSERT_FALSE(refused.ok()) << wrong;
    EXPECT_NE(refused.error().message.find("f.yml:"), std::string::npos) << refused.error().message;
  }
}

TEST(OtlpMetrics, PublishedExample) {
  auto folder = shared_folder("conformance/otlp");
  if (!folder) GTEST_SKIP() << "shared conformance files are absent";
  auto body = otlp_json_to_protobuf(OtlpSignal::metrics, read_whole_file(*folder / "metrics.json"));
  ASSERT_TRUE(body.ok()) << body.error().to_string();
  DecodedMetrics decoded = decode(**body);
  EXPECT_EQ(decoded.rejected_points, 0u) << decoded.rejection;
  EXPECT_EQ(samples_of(decoded).at(R"(my_gauge_ratio{job="my.service", my_gauge_attr="some value"})"), "10");
  SampleMap deltas = samples_of(decoded, true);
  EXPECT_EQ(deltas.at(R"(my_counter_total{job="my.service", my_counter_attr="some value"})"), "5");
  EXPECT_EQ(deltas.at(R"(my_histogram_count{job="my.service", my_histogram_attr="some value"})"), "2");
}

}  // namespace
}  // namespace obelisk
