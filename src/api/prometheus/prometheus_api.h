#pragma once
// Prometheus' HTTP API under /api/v1: queries, labels and series, metadata, exemplars, rules, alerts, targets
// and status. GET and POST (form) alike for what Prometheus takes by POST. Every answer, errors too, has
// Prometheus' envelope {status, data, errorType, error, warnings, infos}; a path below /api/v1 that nobody
// serves answers 404 in it.
//
// Differences that are meant: status/buildinfo has no `features` (Grafana takes a filled map for Mimir and
// asks for its ruler API), and its version names the level of Prometheus' API that is served, with ours
// behind a plus sign, because clients switch features on by it.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/prometheus/notification_board.h"
#include "api/request/context.h"
#include "collect/scrape/scraper.h"
#include "net/router.h"
#include "query/promql/engine.h"
#include "rules/rule_manager.h"

namespace obelisk {

// What /api/v1/admin/tsdb/* may do. Called from worker threads; what is not set answers "unsupported".
struct AdminProviders {
  bool enabled = false;
  std::function<Result<void>(const Tenant&, Expr where, TimeRange range)> erase_series;
  std::function<Result<void>()> clean_tombstones;
  std::function<Result<std::string>(bool skip_head)> snapshot;  // gives the copy's name
};

// An immutable file of samples, as status/tsdb/blocks shows it.
struct StoredBlock {
  std::string name;
  TimeRange range;
  uint64_t samples = 0;
  uint64_t series = 0;
  uint64_t chunks = 0;  // runs of samples coded together
  uint32_t level = 1;   // one more than the merges behind it
  // Of a downsampled tier; 0: of samples.
  int64_t resolution_ms = 0;
};

// What other parts of the server know. Called from worker threads, at any time; what is not set answers as
// empty.
struct PrometheusProviders {
  std::function<std::vector<rules::RuleGroupStatus>()> rule_groups;
  std::function<std::vector<scrape::TargetStatus>()> targets;
  std::function<std::vector<scrape::JobStatus>()> scrape_jobs;
  std::function<std::vector<std::string>()> alertmanager_urls;
  std::function<std::string()> configuration_yaml;
  std::function<Labels()> external_labels;  // of prometheus.yml
  std::function<std::vector<std::pair<std::string, std::string>>()> flags;
  std::function<std::string()> storage_retention;  // "15d"
  std::function<uint64_t()> replayed_requests;     // by the last start
  std::function<std::vector<StoredBlock>(const Tenant&)> blocks;
  std::shared_ptr<NotificationBoard> notifications;
  AdminProviders admin;
  UnixNanos start_time;
  PromqlOptions promql;  // points_per_series_max is taken from the context's limits
};

// The context must outlive the router.
void register_prometheus_api(Router& router, ApiContext& context, PrometheusProviders providers);

}  // namespace obelisk
