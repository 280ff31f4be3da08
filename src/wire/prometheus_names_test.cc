#include "wire/prometheus_names.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr OtlpMetricKind kGauge = OtlpMetricKind::gauge;
constexpr OtlpMetricKind kSum = OtlpMetricKind::monotonic_sum;
constexpr OtlpMetricKind kOther = OtlpMetricKind::other;

TEST(PrometheusNames, Metrics) {
  EXPECT_EQ(prometheus_metric_name("http.server.request.duration", "s", kOther),
            "http_server_request_duration_seconds");
  EXPECT_EQ(prometheus_metric_name("http.server.duration_seconds", "s", kOther),
            "http_server_duration_seconds");
  EXPECT_EQ(prometheus_metric_name("orders", "", kSum), "orders_total");
  EXPECT_EQ(prometheus_metric_name("orders.total", "{order}", kSum), "orders_total");
  EXPECT_EQ(prometheus_metric_name("orders_total.by_day", "", kSum), "orders_by_day_total");
  EXPECT_EQ(prometheus_metric_name("system.cpu.utilization", "1", kGauge), "system_cpu_utilization_ratio");
  EXPECT_EQ(prometheus_metric_name("hits", "1", kSum), "hits_total");
  EXPECT_EQ(prometheus_metric_name("disk.io", "By/s", kGauge), "disk_io_bytes_per_second");
  EXPECT_EQ(prometheus_metric_name("net.throughput", "By", kSum), "net_throughput_bytes_total");
  EXPECT_EQ(prometheus_metric_name("packets", "{packet}/s", kGauge), "packets_per_second");
  EXPECT_EQ(prometheus_metric_name("temperature", "Cel", kGauge), "temperature_celsius");
  EXPECT_EQ(prometheus_metric_name("fill", "%", kGauge), "fill_percent");
  EXPECT_EQ(prometheus_metric_name("odd", "foo bar", kGauge), "odd_foo_bar");
  EXPECT_EQ(prometheus_metric_name("a..b__c", "", kGauge), "a_b_c");
  EXPECT_EQ(prometheus_metric_name("4xx", "", kGauge), "_4xx");
  EXPECT_EQ(prometheus_metric_name("job:rate", "", kGauge), "job:rate");
  EXPECT_EQ(prometheus_metric_name("...", "", kGauge), "");
}

TEST(PrometheusNames, MetricsByStrategy) {
  OtlpTranslation plain, utf8, none;
  plain.strategy = OtlpTranslationStrategy::underscore_escaping_without_suffixes;
  utf8.strategy = OtlpTranslationStrategy::no_utf8_escaping_with_suffixes;
  none.strategy = OtlpTranslationStrategy::no_translation;
  EXPECT_EQ(prometheus_metric_name("a..b__c", "s", kSum, plain), "a_b__c");
  EXPECT_EQ(prometheus_metric_name(".4xx.", "", kGauge, plain), "_4xx");
  EXPECT_EQ(prometheus_metric_name("__", "", kGauge, plain), "__");
  EXPECT_EQ(prometheus_metric_name("_._", "", kGauge, plain), "");
  EXPECT_EQ(prometheus_metric_name("system.io", "By/s", kSum, utf8), "system.io_bytes_per_second_total");
  EXPECT_EQ(prometheus_metric_name("system.io.total", "By", kSum, utf8), "system.io_bytes_total");
  EXPECT_EQ(prometheus_metric_name("system.io.bytes", "By", kSum, utf8), "system.io.bytes_total");
  EXPECT_EQ(prometheus_metric_name("fill.ratio", "1", kGauge, utf8), "fill_ratio");
  EXPECT_EQ(prometheus_metric_name("h\xc3\xb6he", "m", kOther, utf8), "h\xc3\xb6he_meters");
  EXPECT_EQ(prometheus_metric_name("total", "", kSum, utf8), "total_total");
  EXPECT_EQ(prometheus_metric_name("a.b", "By/s", kSum, none), "a.b");
}

TEST(PrometheusNames, LabelsBySwitches) {
  Arena arena;
  OtlpTranslation translation;
  translation.label_name_underscore_sanitization = false;
  EXPECT_EQ(prometheus_label_name("_x", arena, translation), "_x");
  EXPECT_EQ(prometheus_label_name("4x", arena, translation), "key_4x");
  EXPECT_EQ(prometheus_label_name("a..b", arena, translation), "a__b");
  translation.label_name_preserve_multiple_underscores = false;
  EXPECT_EQ(prometheus_label_name("a..b__c", arena, translation), "a_b_c");
  EXPECT_EQ(prometheus_label_name("__a__b__", arena, translation), "__a_b__");
  translation.strategy = OtlpTranslationStrategy::no_translation;
  EXPECT_EQ(prometheus_label_name("a..b", arena, translation), "a..b");
}

TEST(PrometheusNames, Units) {
  EXPECT_EQ(prometheus_unit("ms"), "milliseconds");
  EXPECT_EQ(prometheus_unit("By/s"), "bytes_per_second");
  EXPECT_EQ(prometheus_unit("1"), "");
  EXPECT_EQ(prometheus_unit("{request}"), "");
}

TEST(PrometheusNames, Labels) {
  Arena arena;
  EXPECT_EQ(prometheus_label_name("http.route", arena), "http_route");
  EXPECT_EQ(prometheus_label_name("plain_Name9", arena), "plain_Name9");
  EXPECT_EQ(prometheus_label_name("a:b", arena), "a_b");
  EXPECT_EQ(prometheus_label_name("a..b", arena), "a__b");
  EXPECT_EQ(prometheus_label_name("4xx", arena), "key_4xx");
  EXPECT_EQ(prometheus_label_name("_private", arena), "key_private");
  EXPECT_EQ(prometheus_label_name(".x", arena), "key_x");
  EXPECT_EQ(prometheus_label_name("__name__", arena), "__name__");
  EXPECT_EQ(prometheus_label_name("caf\xc3\xa9", arena), "caf_");
}

}  // namespace
}  // namespace obelisk
