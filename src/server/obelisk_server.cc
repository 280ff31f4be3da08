#include "server/obelisk_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "alerting/dispatcher.h"
#include "alerting/sender.h"
#include "api/jaeger/jaeger_api.h"
#include "api/loki/loki_api.h"
#include "api/obelisk/obelisk_api.h"
#include "api/prometheus/prometheus_api.h"
#include "api/push/foreign_spans.h"
#include "api/push/push_api.h"
#include "api/request/context.h"
#include "api/request/multi_tenant_reader.h"
#include "api/tempo/tempo_api.h"
#include "api/ui/ui_api.h"
#include "api/zipkin/zipkin_api.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "collect/discovery/discovery_manager.h"
#include "collect/scrape/scraper.h"
#include "ingest/intake.h"
#include "net/cross_origin.h"
#include "net/grpc_router.h"
#include "net/router.h"
#include "net/server.h"
#include "net/udp_receiver.h"
#include "pipeline/derived_metrics_flusher.h"
#include "pipeline/override_store.h"
#include "pipeline/pipeline.h"
#include "pipeline/tenant_generators.h"
#include "rules/rule_manager.h"
#include "rules/rule_store.h"
#include "server/admin_actions.h"
#include "server/configured_files.h"
#include "server/request_kinds.h"
#include "server/status_routes.h"
#include "server/tempo_status.h"
#include "server/tenant_settings.h"
#include "server/version.h"
#include "storage/embedded/engine.h"

namespace obelisk::server {
namespace {

// How long requests under way may take to finish when the server stops.
constexpr std::chrono::milliseconds kDrainTime{10'000};
constexpr int64_t kNotificationTimeoutNanos = 10 * kNanosPerSecond;

bool is_open(const std::string& address) {
  return !address.empty() && address != "off";
}

Gauge& last_reload_successful() {
  return gauge("obelisk_config_last_reload_successful",
               "1 when the configuration was last read without error.");
}
Gauge& last_reload_success_time() {
  return gauge("obelisk_config_last_reload_success_timestamp_seconds",
               "When the configuration was last taken over.");
}

Labels to_labels(const std::map<std::string, std::string>& map) {
  Labels labels;
  for (const auto& [name, value] : map) labels.set(name, value);
  return labels;
}

}  // namespace

// Members are in the order of construction; destruction runs backwards, so that nothing is used after its
// end.
struct ObeliskServer::Parts {
  Config config;
  SystemClock clock;
  std::atomic<bool> ready{false};
  std::atomic<bool> stopped{false};
  Mutex reload_mutex;
  std::shared_ptr<NotificationBoard> notifications = std::make_shared<NotificationBoard>();

  std::unique_ptr<Disk> disk;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Intake> intake;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<OverrideStore> override_store;  // settings that tenants gave themselves
  std::shared_ptr<TenantGenerators> generators;
  std::unique_ptr<DerivedMetricsFlusher> flusher;
  std::unique_ptr<alerting::NotificationLog> notification_log;
  std::unique_ptr<alerting::Dispatcher> dispatcher;
  std::unique_ptr<rules::RuleStore> rule_store;        // of rules that came by Loki's API
  std::unique_ptr<rules::RuleStore> trace_rule_store;  // and of those in TraceQL
  Mutex rules_mutex;
  std::vector<rules::RuleGroup> file_rules;  // of the configured files; under rules_mutex
  std::unique_ptr<rules::RuleManager> rule_manager;
  std::unique_ptr<scrape::Scraper> scraper;
  std::unique_ptr<collect::DiscoveryManager> discovery;  // hands over to the scraper
  std::string prometheus_yaml GUARDED_BY(reload_mutex);  // as it is in use, secrets hidden
  Labels external_labels GUARDED_BY(reload_mutex);       // of the same
  std::shared_ptr<OtlpSettings> otlp_settings = std::make_shared<OtlpSettings>();
  std::unique_ptr<MultiTenantReader> query_reader;
  std::unique_ptr<ApiContext> context;
  std::shared_ptr<SpanRates> span_rates;  // null: no tenant has a limit
  std::unique_ptr<jaeger::TraceArchive> trace_archive;
  std::unique_ptr<loki::TailService> tails;
  std::unique_ptr<loki::DeleteService> deletes;
  Router router;
  GrpcRouter grpc_router;
  std::shared_ptr<WorkerPool> query_workers;
  std::shared_ptr<WorkerPool> push_workers;
  std::unique_ptr<Server> server;
  std::vector<std::string> listeners;
  // On addresses of their own, when configured.
  Router jaeger_router;
  GrpcRouter jaeger_grpc_router;
  std::unique_ptr<Server> jaeger_server;
  std::vector<std::unique_ptr<UdpReceiver>> jaeger_agents;

  Result<void> open_store();
  Result<void> build_pipeline();
  Result<void> build_watch();
  Result<void> apply_overrides(const Tenant& tenant);
  std::string settings_of(const Tenant& tenant) const;
  PrometheusProviders prometheus_providers();
  Result<void> build_api();
  Result<void> listen();
  Result<void> listen_as_jaeger();
  Result<void> reload();
  Result<void> apply(Watched watched) REQUIRES(reload_mutex);
  Result<void> load_again();
  void load_rules();
  void stop();
};

namespace {

Retention retention_of(const SignalRetention& config) {
  Retention retention{config.metrics_nanos, config.logs_nanos, config.traces_nanos, {}};
  for (const TierRetention& tier : config.metrics_tiers) {
    int64_t keep = tier.keep_nanos == 0 ? config.metrics_nanos : tier.keep_nanos;
    retention.tiers.push_back({tier.resolution_nanos / kNanosPerMilli, keep});
  }
  return retention;
}

}  // namespace

Result<void> ObeliskServer::Parts::open_store() {
  Result<std::unique_ptr<Disk>> directory = open_posix_disk(config.data_dir);
  if (!directory.ok()) return directory.error().with_context("data directory " + config.data_dir);
  disk = std::move(*directory);
  EngineOptions options;
  options.disk = disk.get();
  options.clock = &clock;
  options.steady_nanos = [] {
    auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since_start).count();
  };
  options.durability = config.durability == Durability::sync       ? obelisk::Durability::sync
                       : config.durability == Durability::interval ? obelisk::Durability::interval
                                                                   : obelisk::Durability::off;
  options.sync_interval_ms = 1000;
  options.retention = retention_of(config.retention);
  for (const auto& [tenant, own] : config.retention.tenants)
    options.tenant_retention[tenant] = retention_of(own);
  options.metrics_retention_bytes = config.retention.metrics_bytes;
  options.retention_bytes = config.retention.bytes;
  Result<std::unique_ptr<Engine>> opened = Engine::open(options);
  if (!opened.ok()) return opened.error().with_context("data directory " + config.data_dir);
  engine = std::move(*opened);
  return {};
}

Result<void> ObeliskServer::Parts::build_pipeline() {
  IntakeLimits limits;
  limits.future_nanos_max = config.future_tolerance_nanos;
  limits.series = config.series.all;
  limits.tenant_series = config.series.tenants;
  limits.line_bytes_max = config.logs.max_line_size_bytes;
  limits.truncate_lines = config.logs.max_line_size_truncate;
  limits.detect_levels = config.logs.discover_log_levels;
  intake = std::make_unique<Intake>(*engine, clock, limits);
  intake->resume_deltas_from(*engine);
  pipeline = std::make_unique<Pipeline>(*intake);
  generators = std::make_shared<TenantGenerators>(clock, config.generator);
  pipeline->add_span_tap(generators);
  DerivedMetricsFlusher::Options options;
  options.interval_ms = config.span_metrics_interval_nanos / kNanosPerMilli;
  std::vector<std::shared_ptr<DerivedMetricsSource>> sources{generators};
  flusher = std::make_unique<DerivedMetricsFlusher>(*intake, clock, std::move(sources), options);
  OBELISK_TRY(override_store, OverrideStore::open(*disk, clock));
  for (const Tenant& tenant : override_store->tenants()) {
    if (Result<void> applied = apply_overrides(tenant); !applied.ok())
      return applied.error().with_context("overrides of tenant " + tenant);
  }
  override_store->on_change([this](const Tenant& tenant) {
    Result<void> applied = apply_overrides(tenant);  // what is stored was checked
    if (!applied.ok()) log_error("overrides", applied.error().to_string());
  });
  return {};
}

Result<void> ObeliskServer::Parts::apply_overrides(const Tenant& tenant) {
  std::optional<OverrideStore::Stored> stored = override_store->get(tenant);
  if (!stored) {
    generators->reset(tenant);
    return {};
  }
  OBELISK_TRY(TenantSettings settings, parse_overrides(stored->text, config.generator));
  generators->set(tenant, std::move(settings));
  return {};
}

// What is in force for a tenant, as a document of overrides.
std::string ObeliskServer::Parts::settings_of(const Tenant& tenant) const {
  TenantSettings settings;
  settings.generator = config.generator;
  if (std::optional<OverrideStore::Stored> stored = override_store->get(tenant)) {
    if (Result<TenantSettings> own = parse_overrides(stored->text, config.generator); own.ok())
      settings = std::move(*own);
  }
  return settings_json(settings, config.span_metrics_interval_nanos);
}

Result<void> ObeliskServer::Parts::build_watch() {
  OBELISK_TRY(Watched watched, load_served(config));
  OBELISK_TRY(std::optional<alerting::AlertmanagerConfig> alertmanager, load_alertmanager(config));
  if (alertmanager) {
    notification_log = std::make_unique<alerting::NotificationLog>(*disk);
    dispatcher = std::make_unique<alerting::Dispatcher>(std::move(*alertmanager), config.external_url, clock,
                                                        alerting::make_http_sender(kNotificationTimeoutNanos),
                                                        notification_log.get());
  }
  rules::RuleManagerOptions options;
  options.default_interval_nanos = watched.prometheus.evaluation_interval_nanos;
  options.external_url = config.external_url;
  options.external_labels = to_labels(watched.prometheus.external_labels);
  rule_manager = std::make_unique<rules::RuleManager>(*engine, *intake, clock, options,
                                                      [this](const std::vector<rules::FiredAlert>& alerts) {
                                                        if (dispatcher) dispatcher->post(alerts);
                                                      });
  OBELISK_TRY(deletes, loki::DeleteService::open(
                           *disk, *engine, *engine, clock,
                           {config.logs.delete_request_cancel_period_nanos, config.logs.retention_stream}));
  OBELISK_TRY(rule_store, rules::RuleStore::open(*disk, rules::RuleLanguage::logql));
  OBELISK_TRY(trace_rule_store, rules::RuleStore::open(*disk, rules::RuleLanguage::traceql));
  for (const auto& store : {rule_store.get(), trace_rule_store.get()})
    store->on_change([this] { load_rules(); });
  scrape::Scraper::Options scrape_options;
  scrape_options.clock = &clock;
  scrape_options.output = [this](std::vector<Batch> batches, Intake::Done done) {
    intake->write(kDefaultTenant, std::move(batches), std::move(done));
  };
  scraper = std::make_unique<scrape::Scraper>(std::move(scrape_options));
  discovery = std::make_unique<collect::DiscoveryManager>(
      [this](const std::string& job, std::vector<collect::TargetGroup> groups) {
        scraper->set_discovered(job, std::move(groups));
      });
  MutexLock lock(reload_mutex);
  return apply(std::move(watched));
}

PrometheusProviders ObeliskServer::Parts::prometheus_providers() {
  PrometheusProviders providers;
  providers.rule_groups = [this] { return rule_manager->status(); };
  providers.targets = [this] { return scraper->targets(); };
  providers.alertmanager_urls = [this] {
    return dispatcher ? std::vector<std::string>{config.external_url} : std::vector<std::string>();
  };
  providers.scrape_jobs = [this] { return scraper->jobs(); };
  providers.configuration_yaml = [this]() -> std::string {
    MutexLock lock(reload_mutex);
    return prometheus_yaml;
  };
  providers.external_labels = [this] {
    MutexLock lock(reload_mutex);
    return external_labels;
  };
  providers.flags = [this] {
    return std::vector<std::pair<std::string, std::string>>{
        {"config.file", config.prometheus_config},
        {"storage.tsdb.path", config.data_dir},
        {"web.enable-admin-api", config.admin_api ? "true" : "false"},
        {"web.listen-address", config.listen}};
  };
  providers.storage_retention = [this] { return format_prometheus_duration(config.retention.metrics_nanos); };
  providers.promql.use_tiers = config.query_tiers;
  providers.blocks = [this](const Tenant& tenant) {
    std::vector<StoredBlock> blocks;
    for (StoredPart& part : engine->stored_parts(tenant)) {
      blocks.push_back({std::move(part.name), part.range, part.samples, part.series, part.blocks,
                        part.merges + 1, part.resolution_ms});
    }
    return blocks;
  };
  providers.replayed_requests = [this] { return engine->start_report().replayed_requests; };
  providers.notifications = notifications;
  providers.admin = server::admin_actions(*engine, clock, config.admin_api);
  providers.start_time = clock.now();
  return providers;
}

Result<void> ObeliskServer::Parts::build_api() {
  OBELISK_TRY(SamplingStrategies sampling, load_sampling(config));
  allow_origins(config.cors_allowed_origins);
  query_reader = std::make_unique<MultiTenantReader>(*engine);
  context = std::make_unique<ApiContext>(ApiContext{*query_reader,
                                                    *pipeline,
                                                    clock,
                                                    {},
                                                    config.multi_tenancy,
                                                    config.request_bytes,
                                                    std::string(kVersion),
                                                    std::string(revision())});
  context->otlp = otlp_settings;
  context->log_mapping = std::make_shared<const LogMapping>(config.logs.mapping);
  context->discovers_log_levels = config.logs.discover_log_levels;
  context->graph_rules = std::make_shared<const GraphRules>(config.generator.service_graph_options.rules);
  context->limits.timeout_nanos = config.query_timeout_nanos;
  context->limits.memory_bytes_max = config.query_memory_bytes;
  context->log_limits = config.logs.limits;
  if (limits_spans(config.span_rates)) span_rates = std::make_shared<SpanRates>(clock, config.span_rates);
  register_push_api(router, grpc_router, *context, span_rates);
  register_prometheus_api(router, *context, prometheus_providers());
  tails = std::make_unique<loki::TailService>(*engine, clock);
  register_loki_api(router, *context, *tails, {rule_store.get(), [this] { return rule_manager->status(); }},
                    *deletes);
  auto check = [this](std::string_view json) -> Result<std::string> {
    OBELISK_TRY([[maybe_unused]] TenantSettings settings, parse_overrides(json, config.generator));
    return tidy_overrides(json);
  };
  auto merged = [this](const Tenant& tenant) { return settings_of(tenant); };
  register_tempo_api(router, grpc_router, *context, {override_store.get(), check, merged});
  server::register_tempo_status(
      router, {*context, config.given, ready, *override_store, *generators, merged, config.admin_api});
  trace_archive = std::make_unique<jaeger::TraceArchive>(*engine, config.archive_spans_max);
  register_jaeger_ui_api(router, *context, *trace_archive, "/jaeger");
  register_jaeger_ui_api(jaeger_router, *context, *trace_archive, "");
  register_jaeger_v3_api(router, *context);
  register_jaeger_v3_api(jaeger_router, *context);
  auto strategies = std::make_shared<const SamplingStrategies>(std::move(sampling));
  for (auto [http, grpc] :
       {std::pair(&router, &grpc_router), std::pair(&jaeger_router, &jaeger_grpc_router)}) {
    register_jaeger_grpc(*grpc, *context, *trace_archive);
    register_jaeger_sampling(*http, *grpc, strategies);
  }
  register_zipkin_api(router, *context);
  register_obelisk_api(router, *context);
  register_trace_rules(router, *context, {trace_rule_store.get(), [this] { return rule_manager->status(); }});
  bool has_interface = register_ui_api(router);
  server::register_status_routes(
      router, {ready, std::string(kVersion), [this] { return reload(); }, {}, has_interface});
  return {};
}

Result<void> ObeliskServer::Parts::listen() {
  size_t cores = std::max(1u, std::thread::hardware_concurrency());
  query_workers = std::make_shared<WorkerPool>("query", std::max<size_t>(4, cores), 256);
  push_workers = std::make_shared<WorkerPool>("push", std::max<size_t>(2, cores), 1024);
  ServerOptions options;
  options.listeners = {config.listen};
  for (const std::string& address : {config.otlp_grpc_listen, config.otlp_http_listen}) {
    if (is_open(address)) options.listeners.push_back(address);
  }
  options.io_thread_count = std::max<size_t>(1, cores / 2);
  options.body_bytes_max = config.request_bytes;
  options.http_handler = [this](HttpExchangePtr exchange) {
    if (!answer_preflight(exchange)) router.route(std::move(exchange));
  };
  options.grpc_handler = [this](GrpcCallPtr call) { grpc_router.route(std::move(call)); };
  options.workers = query_workers.get();
  options.choose_workers = [this](std::string_view method, std::string_view path) -> WorkerPool* {
    if (is_probe(path)) return nullptr;
    return is_push(method, path) ? push_workers.get() : query_workers.get();
  };
  // A push never waits, and a small one that is not compressed costs less than handing it to a worker.
  options.is_quick = [](const HttpRequest& request) {
    constexpr size_t kQuickBytesMax = 32 << 10;
    return request.body.size() <= kQuickBytesMax && request.method == "POST" &&
           request.header("content-encoding").empty() && is_push(request.method, request.path);
  };
  Result<std::unique_ptr<Server>> started = Server::start(std::move(options));
  if (!started.ok()) return started.error().with_context("listen, otlp_grpc_listen or otlp_http_listen");
  server = std::move(*started);
  return listen_as_jaeger();
}

Result<void> ObeliskServer::Parts::listen_as_jaeger() {
  for (auto [address, protocol] : {std::pair(config.jaeger_compact_listen, ThriftProtocol::compact),
                                   std::pair(config.jaeger_binary_listen, ThriftProtocol::binary)}) {
    if (!is_open(address)) continue;
    OBELISK_TRY(std::unique_ptr<UdpReceiver> receiver,
                UdpReceiver::bind(address, [this, protocol = protocol](std::string datagram) {
                  take_jaeger_datagram(*context, protocol, std::move(datagram), span_rates.get());
                }));
    jaeger_agents.push_back(std::move(receiver));
  }
  if (!is_open(config.jaeger_query_listen)) return {};
  ServerOptions options;
  options.listeners = {config.jaeger_query_listen};
  options.io_thread_count = 1;
  options.body_bytes_max = config.request_bytes;
  options.http_handler = [this](HttpExchangePtr exchange) {
    if (!answer_preflight(exchange)) jaeger_router.route(std::move(exchange));
  };
  options.grpc_handler = [this](GrpcCallPtr call) { jaeger_grpc_router.route(std::move(call)); };
  options.workers = query_workers.get();
  OBELISK_TRY(jaeger_server, Server::start(std::move(options)));
  return {};
}

// Everything that can be refused is, before anything changes.
Result<void> ObeliskServer::Parts::apply(Watched watched) {
  OBELISK_CHECK_OK(discovery->check(watched.prometheus));
  OBELISK_CHECK_OK(scraper->reload(watched.prometheus));
  discovery->apply(watched.prometheus);
  {
    MutexLock lock(rules_mutex);
    file_rules = std::move(watched.rule_groups);
  }
  load_rules();
  otlp_settings->replace(watched.prometheus.otlp.value_or(config.otlp));
  prometheus_yaml = std::move(watched.prometheus.yaml);
  external_labels = to_labels(watched.prometheus.external_labels);
  last_reload_successful().set(1);
  last_reload_success_time().set(clock.now().value / kNanosPerSecond);
  return {};
}

Result<void> ObeliskServer::Parts::reload() {
  constexpr std::string_view kFailed = "Configuration reload has failed.";
  Result<void> loaded = load_again();
  if (loaded.ok()) {
    notifications->clear(kFailed, clock.now());
  } else {
    notifications->raise(kFailed, clock.now());
  }
  return loaded;
}

Result<void> ObeliskServer::Parts::load_again() {
  MutexLock lock(reload_mutex);
  Result<Watched> watched = load_served(config);
  Result<void> done = watched.ok() ? apply(std::move(*watched)) : Result<void>(watched.error());
  last_reload_successful().set(done.ok() ? 1 : 0);
  return done;
}

// Rules of the files and of the API, together.
void ObeliskServer::Parts::load_rules() {
  MutexLock lock(rules_mutex);
  std::vector<rules::RuleGroup> groups = file_rules;
  for (const auto& store : {rule_store.get(), trace_rule_store.get()}) {
    for (rules::RuleGroup& group : store->all_groups()) groups.push_back(std::move(group));
  }
  rule_manager->load(std::move(groups));
}

void ObeliskServer::Parts::stop() {
  if (stopped.exchange(true)) return;
  ready = false;
  if (server) server->stop_accepting();
  if (jaeger_server) jaeger_server->stop_accepting();
  jaeger_agents.clear();
  if (discovery) discovery->stop();
  if (scraper) scraper->stop();
  if (rule_manager) rule_manager->stop();
  if (deletes) deletes->stop();
  if (dispatcher) dispatcher->stop();
  if (server) {
    server->drain(kDrainTime);
    server->close();
  }
  if (jaeger_server) {
    jaeger_server->drain(kDrainTime);
    jaeger_server->close();
  }
  tails.reset();
  if (push_workers) push_workers->stop();
  if (query_workers) query_workers->stop();
  if (flusher) flusher->stop();
  if (engine) {
    Result<void> closed = engine->close();
    if (!closed.ok())
      log_error("server",
                "the last flush failed: " + closed.error().to_string() + "; the log keeps what it held");
  }
}

ObeliskServer::ObeliskServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ObeliskServer::~ObeliskServer() {
  stop();
}

Result<std::unique_ptr<ObeliskServer>> ObeliskServer::start(Config config) {
  auto parts = std::make_unique<Parts>();
  if (config.external_url.empty()) config.external_url = "http://" + config.listen;
  parts->config = std::move(config);
  Parts* raw = parts.get();
  std::unique_ptr<ObeliskServer> server(new ObeliskServer(std::move(parts)));
  OBELISK_CHECK_OK(raw->open_store());
  OBELISK_CHECK_OK(raw->build_pipeline());
  OBELISK_CHECK_OK(raw->build_watch());
  OBELISK_CHECK_OK(raw->build_api());
  OBELISK_CHECK_OK(raw->listen());
  raw->flusher->start();
  if (raw->dispatcher) raw->dispatcher->start();
  raw->rule_manager->start();
  raw->deletes->start();
  raw->ready = true;
  return server;
}

std::string ObeliskServer::address() const {
  return parts_->server->address(0);
}

std::string ObeliskServer::describe() const {
  const Config& config = parts_->config;
  std::string text = fmt::format("Obelisk {} listens on http://{} (all APIs, OTLP over HTTP and gRPC)\n",
                                 kVersion, address());
  size_t index = 1;
  if (is_open(config.otlp_grpc_listen))
    text += fmt::format("  OTLP/gRPC {}\n", parts_->server->address(index++));
  if (is_open(config.otlp_http_listen))
    text += fmt::format("  OTLP/HTTP {}\n", parts_->server->address(index++));
  if (parts_->jaeger_server)
    text += fmt::format("  Jaeger query API {}\n", parts_->jaeger_server->address(0));
  for (const auto& agent : parts_->jaeger_agents)
    text += fmt::format("  Jaeger agent, UDP {}\n", agent->address());
  return text + fmt::format("  data in {}\n", config.data_dir);
}

Result<void> ObeliskServer::reload() {
  return parts_->reload();
}
void ObeliskServer::stop() {
  parts_->stop();
}

}  // namespace obelisk::server
