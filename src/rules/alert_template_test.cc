#include "rules/alert_template.h"

#include <gtest/gtest.h>

#include <cmath>

#include "rules/alert_template_functions.h"

namespace obelisk::rules {
namespace {

std::string expand(std::string_view text, double value = 0.0731) {
  Labels labels{{"job", "order-service"}, {"instance", "10.0.0.5:9090"}};
  Labels external{{"cluster", "eu-1"}};
  AlertTemplateData data{labels,
                         value,
                         {1'777'790'277'000'000'000},
                         external,
                         "http://obelisk.example",
                         [](std::string_view query) -> Result<SampleVector> {
                           if (query == "none") return SampleVector{};
                           return SampleVector{{Labels{{"job", "b"}}, 2, nullptr, false},
                                               {Labels{{"job", "a"}}, 1, nullptr, false}};
                         }};
  return expand_alert_template(text, data);
}

TEST(AlertTemplate, TheSeedsTemplates) {
  EXPECT_EQ(expand("High error rate on {{ $labels.job }}"), "High error rate on order-service");
  EXPECT_EQ(expand("Error rate is {{ $value | humanizePercentage }} (threshold: 1%)"),
            "Error rate is 7.31% (threshold: 1%)");
  EXPECT_EQ(expand("p99 is {{ $value | humanizeDuration }}", 2.38), "p99 is 2.38s");
  EXPECT_EQ(expand("DAG {{ $labels.dag_id }} failed"), "DAG  failed");
  EXPECT_EQ(expand("{{ $value }} messages", 12345), "12345 messages");
}

TEST(AlertTemplate, VariablesQueriesAndFunctions) {
  EXPECT_EQ(expand("{{ $externalLabels.cluster }} {{ $externalURL }}"), "eu-1 http://obelisk.example");
  EXPECT_EQ(expand("{{ with query \"x\" }}{{ . | first | label \"job\" }}={{ . | first | value }}{{ end }}"),
            "b=2");
  EXPECT_EQ(expand("{{ range query \"x\" | sortByLabel \"job\" }}{{ .Labels.job }}{{ end }}"), "ab");
  EXPECT_EQ(expand("{{ $labels.instance | stripPort }} {{ reReplaceAll \"(.*)-service\" \"$1\" $labels.job | "
                   "toUpper }}"),
            "10.0.0.5 ORDER");
  EXPECT_EQ(expand("{{ if match \"order\" $labels.job }}yes{{ end }}"), "yes");
}

TEST(AlertTemplate, FailuresBecomeText) {
  EXPECT_TRUE(expand("{{ query \"none\" | first }}").starts_with("<error expanding template: "));
  EXPECT_TRUE(expand("{{ humanize \"x\" }}").starts_with("<error expanding template: "));
  EXPECT_FALSE(check_alert_template("{{ nofunction 1 }}").ok());
  EXPECT_FALSE(check_alert_template("{{ if }}").ok());
  EXPECT_TRUE(check_alert_template("plain { text }").ok());
}

TEST(Humanize, FollowsTheReference) {
  EXPECT_EQ(humanize(0), "0");
  EXPECT_EQ(humanize(1234567), "1.235M");
  EXPECT_EQ(humanize(0.00123), "1.23m");
  EXPECT_EQ(humanize(-1500), "-1.5k");
  EXPECT_EQ(humanize(NAN), "NaN");
  EXPECT_EQ(humanize(INFINITY), "+Inf");
  EXPECT_EQ(humanize_1024(1048576), "1Mi");
  EXPECT_EQ(humanize_duration(0), "0s");
  EXPECT_EQ(humanize_duration(60), "1m 0s");
  EXPECT_EQ(humanize_duration(93784), "1d 2h 3m 4s");
  EXPECT_EQ(humanize_duration(1.2345678), "1.235s");
  EXPECT_EQ(humanize_duration(0.1235), "123.5ms");
  EXPECT_EQ(humanize_duration(-90), "-1m 30s");
  EXPECT_EQ(humanize_timestamp(1435065584.128), "2015-06-23 13:19:44.128 +0000 UTC");
}

}  // namespace
}  // namespace obelisk::rules
