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
