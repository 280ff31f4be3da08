#include "alerting/notification.h"

#include <gtest/gtest.h>

namespace obelisk::alerting {
namespace {

Notification example(bool resolved) {
  Notification notification;
  notification.receiver = "hook";
  notification.group_key = "{}:{alertname=\"HighErrorRate\"}";
  notification.group_labels = Labels{{"alertname", "HighErrorRate"}};
  notification.external_url = "http://127.0.0.1:4319";
  for (const char* instance : {"a", "b"}) {
    rules::FiredAlert alert;
    alert.labels = Labels{{"alertname", "HighErrorRate"}, {"instance", instance}, {"severity", "critical"}};
    alert.annotations = {{"summary", "5xx <high>"}, {"runbook_url", "https://example.org/r"}};
    alert.starts_at = {1'777'790'277'000'000'000};
    alert.ends_at = {1'777'790'377'000'000'000};
    alert.resolved = resolved;
    notification.alerts.push_back(alert);
  }
  return notification;
}

TEST(Notification, FingerprintIsAlertmanagers) {
  // Captured from Alertmanager 0.25 for these labels.
  Labels labels{{"alertname", "HighErrorRate"},
                {"cluster", "eu-1"},
                {"instance", "10.0.0.5:9090"},
                {"job", "api"},
                {"severity", "critical"}};
  EXPECT_EQ(fingerprint_of(labels), "f4d466682f759bde");
}

TEST(Notification, WebhookBodyFiringAndResolved) {
  std::string firing = webhook_body(example(false), 1);
  EXPECT_NE(firing.find("\"status\":\"firing\""), std::string::npos);
  EXPECT_NE(firing.find("\"endsAt\":\"0001-01-01T00:00:00Z\""), std::string::npos);
  EXPECT_NE(firing.find("\"truncatedAlerts\":1"), std::string::npos);
  EXPECT_NE(firing.find("\"commonLabels\":{\"alertname\":\"HighErrorRate\",\"severity\":\"critical\"}"),
            std::string::npos);
  EXPECT_NE(firing.find("\"version\":\"4\""), std::string::npos);
  std::string resolved = webhook_body(example(true), 0);
  EXPECT_EQ(resolved.find("firing"), std::string::npos);
  EXPECT_NE(resolved.find("\"endsAt\":\"2026-05-03T06:39:37Z\""), std::string::npos);
}

TEST(Notification, SlackBodyEscapesAndLinksTheRunbook) {
  SlackConfig config;
  config.channel = "#incidents";
  std::string body = slack_body(example(false), config);
  EXPECT_NE(body.find("[FIRING:2] HighErrorRate"), std::string::npos);
  EXPECT_NE(body.find("5xx &lt;high&gt;"), std::string::npos);
  EXPECT_NE(body.find("Runbook: https://example.org/r"), std::string::npos);
  EXPECT_NE(body.find("\"color\":\"danger\""), std::string::npos);
  EXPECT_NE(slack_body(example(true), config).find("[RESOLVED]"), std::string::npos);
}

TEST(Notification, SlackTemplates) {
  SlackConfig config;
  config.title = "{{ .Status | toUpper }} {{ .CommonLabels.alertname }}";
  config.text = "{{ range .Alerts }}{{ .Labels.instance }}: {{ .Annotations.runbook_url }};{{ end }}";
  std::string body = slack_body(example(false), config);
  EXPECT_NE(body.find("\"title\":\"FIRING HighErrorRate\""), std::string::npos) << body;
  EXPECT_NE(body.find("a: https://example.org/r;b: https://example.org/r;"), std::string::npos) << body;
}

}  // namespace
}  // namespace obelisk::alerting
