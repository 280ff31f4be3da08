#include "base/self_metrics.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(SelfMetrics, SameNameAndLabelsGiveTheSameObjectAndRenderEscaped) {
  counter("test_events_total", "Events.", {{"kind", "a\"b\\c\nd"}}).add(2);
  counter("test_events_total", "Events.", {{"kind", "a\"b\\c\nd"}}).add(1);
  gauge("test_depth", "Depth.").set(-3);
  latency_histogram("test_seconds", "Latency.").observe_seconds(0.0007);
  std::string text = render_self_metrics();
  EXPECT_NE(text.find("# TYPE test_events_total counter\n"), std::string::npos);
  EXPECT_NE(text.find("test_events_total{kind=\"a\\\"b\\\\c\\nd\"} 3\n"), std::string::npos);
  EXPECT_NE(text.find("test_depth -3\n"), std::string::npos);
  EXPECT_NE(text.find("test_seconds_bucket{le=\"0.0005\"} 0\n"), std::string::npos);
  EXPECT_NE(text.find("test_seconds_bucket{le=\"0.001\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("test_seconds_bucket{le=\"+Inf\"} 1\n"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
