#include "server/tempo_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "collect/config/redacted_yaml.h"
#include "collect/discovery/json_tree.h"
#include "server/default_config.h"
#include "server/version.h"

namespace obelisk::server {
namespace {

struct Endpoint {
  std::string_view methods, path;
};
// Tempo's own, as its page lists them; docs/api has the others.
constexpr Endpoint kEndpoints[] = {
    {"GET", "/api/traces/{traceID}"},
    {"GET", "/api/v2/traces/{traceID}"},
    {"POST", "/api/v2/traces/diff"},
    {"GET", "/api/search"},
    {"GET", "/api/search/tags"},
    {"GET", "/api/v2/search/tags"},
    {"GET", "/api/search/tag/{tagName}/values"},
    {"GET", "/api/v2/search/tag/{tagName}/values"},
    {"GET", "/api/metrics/query_range"},
    {"GET", "/api/metrics/query"},
    {"GET", "/api/echo"},
    {"GET", "/api/status/buildinfo"},
    {"POST", "/api/mcp"},
    {"DELETE, GET, PATCH, POST", "/api/overrides"},
    {"GET", "/metrics"},
    {"GET", "/ready"},
    {"GET", "/status"},
    {"GET", "/status/{endpoint}"},
    {"GET", "/status/overrides/{tenant}"},
    {"GET", "/usage_metrics"},
};

using Rows = std::vector<std::vector<std::string>>;

// Columns as wide as their longest text.
std::string table(const Rows& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    out += '\n';
  }
  return out;
}

// A label's value in Prometheus' text format.
std::string label_text(std::string_view value) {
  std::string out = "\"";
  for (char c : replace_invalid_utf8(value)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out + '"';
}

class Pages {
 public:
  explicit Pages(TempoStatus status) : status_(std::move(status)) {}

  std::string version() const {
    return fmt::format("obelisk, version {} (revision: {})\n", kVersion, revision());
  }

  std::string services() const {
    std::string state = status_.ready.load() ? "Running" : "Starting";
    Rows rows{{"SERVICE NAME", "STATUS"}};
    for (std::string_view name : {"ingest", "metrics-generator", "overrides", "querier", "query-frontend",
                                  "server", "storage", "usage-report"})
      rows.push_back({std::string(name), name == "usage-report" ? "Disabled" : state});
    return table(rows);
  }

  std::string endpoints() const {
    Rows rows{{"NAME", "METHODS"}};
    for (const Endpoint& endpoint : kEndpoints)
      rows.push_back({std::string(endpoint.path), std::string(endpoint.methods)});
    return table(rows);
  }

  Result<std::string> config(const HttpRequest& request) const {
    OBELISK_TRY(Parameters parameters, parameters_of(request));
    std::string_view mode = parameters.get_or("mode", "");
    if (mode != "defaults" && !shows_all())
      return make_error(ErrorCode::unauthenticated,
                        "the configuration names tenants: it is shown with admin_api: true");
    if (mode.empty()) return config_yaml(status_.config, ShownConfig::in_force);
    if (mode == "diff") return config_yaml(status_.config, ShownConfig::differences);
    if (mode == "defaults") return config_yaml(status_.config, ShownConfig::defaults);
    return make_error(ErrorCode::invalid_argument, "unknown mode: diff and defaults are known");
  }

  // What can change while the server runs: tenants' own settings.
  Result<std::string> runtime_config(const HttpRequest& request) const {
    YamlNode all, root;
    all.kind = root.kind = YamlNode::Kind::map;
    OBELISK_TRY(std::vector<Tenant> tenants, tenants_with_settings(request));
    for (const Tenant& tenant : tenants) {
      std::optional<OverrideStore::Stored> stored = status_.overrides.get(tenant);
      if (!stored) continue;
      if (Result<YamlNode> tree = collect::parse_json_tree(stored->text, tenant); tree.ok())
        all.entries.push_back({tenant, std::move(*tree)});
    }
    root.entries.push_back({"overrides", std::move(all)});
    return collect::redacted_yaml(root);
  }

  Result<std::string> overrides(const HttpRequest& request) const {
    Rows rows{{"TENANT", "VERSION"}};
    OBELISK_TRY(std::vector<Tenant> tenants, tenants_with_settings(request));
    for (const Tenant& tenant : tenants) {
      if (std::optional<OverrideStore::Stored> stored = status_.overrides.get(tenant))
        rows.push_back({tenant, stored->version});
    }
    return table(rows);
  }

  // Of a tenant without own settings what holds for all.
  Result<std::string> overrides_of(const HttpRequest& request, const Tenant& tenant) const {
    OBELISK_TRY(bool shown, is_shown(request, tenant));
    if (!shown)
      return make_error(ErrorCode::unauthenticated,
                        "another tenant's settings are shown with admin_api: true");
    OBELISK_TRY(YamlNode tree, collect::parse_json_tree(status_.merged(tenant), tenant));
    return collect::redacted_yaml(tree);
  }

  static std::string usage_stats() { return "nothing is reported to anybody\n"; }

  Result<std::string> usage_metrics(const HttpRequest& request) const {
    std::string out =
        "# HELP tempo_usage_tracker_bytes_received_total Bytes of received spans by the attributes a tenant "
        "chose.\n"
        "# TYPE tempo_usage_tracker_bytes_received_total counter\n";
    for (const TenantGenerators::TenantUsage& one : status_.generators.usage()) {
      OBELISK_TRY(bool shown, is_shown(request, one.tenant));
      if (!shown) continue;
      Labels labels = one.usage.labels;
      labels.set("tenant", one.tenant);
      labels.set("tracker", "cost-attribution");
      std::string text;
      for (const Label& label : labels)
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", label.name, label_text(label.value));
      out += fmt::format("tempo_usage_tracker_bytes_received_total{{{}}} {}\n", text, one.usage.bytes);
    }
    return out;
  }

  Result<std::string> page(const HttpRequest& request, std::string_view name) const {
    if (name == "version") return version();
    if (name == "services") return services();
    if (name == "endpoints") return endpoints();
    if (name == "config") return config(request);
    if (name == "runtime_config") return runtime_config(request);
    if (name == "overrides") return overrides(request);
    if (name == "usage-stats") return usage_stats();
    return make_error(ErrorCode::not_found,
                      "pages: version, services, endpoints, config, runtime_config, overrides, usage-stats");
  }

  // A page that this request may not see says so in its place.
  std::string all_pages(const HttpRequest& request) const {
    std::string out;
    for (std::string_view name :
         {"version", "services", "endpoints", "runtime_config", "overrides", "config", "usage-stats"}) {
      Result<std::string> one = page(request, name);
      out += fmt::format("GET /status/{}\n---\n{}\n", name, one.ok() ? *one : one.error().message + "\n");
    }
    return out;
  }

 private:
  bool shows_all() const { return !status_.context.multi_tenancy || status_.admin_api; }

  Result<bool> is_shown(const HttpRequest& request, const Tenant& tenant) const {
    if (shows_all()) return true;
    OBELISK_TRY(Tenant asking, tenant_of(status_.context, request));
    return asking == tenant;
  }

  Result<std::vector<Tenant>> tenants_with_settings(const HttpRequest& request) const {
    std::vector<Tenant> shown;
    for (const Tenant& tenant : status_.overrides.tenants()) {
      OBELISK_TRY(bool one, is_shown(request, tenant));
      if (one) shown.push_back(tenant);
    }
    return shown;
  }

  const TempoStatus status_;
};

void respond(const HttpExchangePtr& exchange, Result<std::string> text) {
  if (!text.ok()) return exchange->respond_text(http_status_of(text.error().code), text.error().message);
  exchange->respond(text_response(200, std::move(*text)));
}

}  // namespace

void register_tempo_status(Router& router, TempoStatus status) {
  auto pages = std::make_shared<const Pages>(std::move(status));
  router.add("GET", "/status", [pages](const HttpExchangePtr& exchange, const PathParameters&) {
    respond(exchange, pages->all_pages(exchange->request()));
  });
  router.add("GET", "/status/{page}", [pages](const HttpExchangePtr& exchange, const PathParameters& path) {
    respond(exchange, pages->page(exchange->request(), path.get("page")));
  });
  router.add("GET", "/status/overrides/{tenant}",
             [pages](const HttpExchangePtr& exchange, const PathParameters& path) {
               respond(exchange, pages->overrides_of(exchange->request(), path.get("tenant")));
             });
  router.add("GET", "/usage_metrics", [pages](const HttpExchangePtr& exchange, const PathParameters&) {
    Result<std::string> text = pages->usage_metrics(exchange->request());
    if (!text.ok()) return respond(exchange, std::move(text));
    HttpResponse response = text_response(200, *text);
    for (auto& [name, value] : response.headers) {
      if (name == "content-type") value = "text/plain; version=0.0.4; charset=utf-8";
    }
    exchange->respond(std::move(response));
  });
}

}  // namespace obelisk::server
