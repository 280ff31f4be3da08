#include "collect/config/other_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "collect/config/scrape_config.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

class BlockReader {
 public:
  BlockReader(const ConfigSource& source, NameScheme scheme, std::vector<Notice>& notices,
              std::optional<OtlpTranslation>& otlp)
      : source_(source), scheme_(scheme), notices_(notices), otlp_(otlp) {}

  Result<void> remote_write(const YamlNode& node);
  Result<void> remote_read(const YamlNode& node);
  Result<void> alerting(const YamlNode& node);
  Result<void> storage(const YamlNode& node);
  Result<void> tracing(const YamlNode& node);
  Result<void> otlp(const YamlNode& node);
  Result<void> runtime(const YamlNode& node);

 private:
  Error wrong(const YamlNode& at, std::string_view what) const { return yaml_error(source_.file, at, what); }
  Error wrong(const YamlNode& node, std::string_view key, std::string_view what) const {
    return wrong(node.find(key) != nullptr ? *node.find(key) : node, what);
  }
  void notice(const YamlNode& at, std::string_view what) {
    notices_.push_back({fmt::format("{}:{}: {}", source_.file, at.line, what), false});
  }
  Result<void> check_name(const YamlNode& node, std::set<std::string>& names, std::string_view block);
  Result<void> check_headers(const YamlNode& node, std::string_view block, bool authorization_too);
  Result<void> queue(const YamlNode& node);
  Result<void> alertmanager(const YamlNode& node);
  Result<void> tsdb(const YamlNode& node);

  const ConfigSource& source_;
  const NameScheme scheme_;
  std::vector<Notice>& notices_;
  std::optional<OtlpTranslation>& otlp_;
  std::set<std::string> write_names_;
  std::set<std::string> read_names_;
};

Result<void> BlockReader::check_name(const YamlNode& node, std::set<std::string>& names,
                                     std::string_view block) {
  const YamlNode* name = node.find("name");
  if (name == nullptr || name->scalar.empty() || names.insert(name->scalar).second) return {};
  return wrong(*name, fmt::format("{}: name \"{}\" stands twice", block, name->scalar));
}

Result<void> BlockReader::check_headers(const YamlNode& node, std::string_view block,
                                        bool authorization_too) {
  const YamlNode* headers = node.find("headers");
  if (headers == nullptr) return {};
  for (const YamlEntry& entry : headers->entries) {
    bool authorization = equals_ignoring_case(entry.key, "authorization");
    if (authorization && authorization_too)
      return wrong(
          entry.value,
          fmt::format("{}: the authorization header is set by basic_auth, authorization or oauth2", block));
    if (is_reserved_header(entry.key))
      return wrong(entry.value,
                   fmt::format("{}: header \"{}\" is reserved and may not be set", block, entry.key));
  }
  return {};
}

Result<void> BlockReader::queue(const YamlNode& node) {
  int64_t capacity = 10'000;
  int64_t max_shards = 50;
  int64_t min_shards = 1;
  int64_t per_send = 2'000;
  int64_t deadline = 0;
  int64_t min_backoff = 30 * kNanosPerMilli;
  int64_t max_backoff = 5 * kNanosPerSecond;
  int64_t age_limit = 0;
  bool retry = false;
  YamlMap map(node, source_.file, "queue_config");
  map.integer("capacity", capacity, 1, INT32_MAX);
  map.integer("max_shards", max_shards, 1, INT32_MAX);
  map.integer("min_shards", min_shards, 1, INT32_MAX);
  map.integer("max_samples_per_send", per_send, 1, INT32_MAX);
  map.duration("batch_send_deadline", deadline);
  map.duration("min_backoff", min_backoff);
  map.duration("max_backoff", max_backoff);
  map.duration("sample_age_limit", age_limit);
  map.boolean("retry_on_http_429", retry);
  OBELISK_CHECK_OK(map.finish());
  if (min_shards > max_shards)
    return wrong(node, "min_shards", "queue_config: min_shards is more than max_shards");
  if (min_backoff > max_backoff)
    return wrong(node, "min_backoff", "queue_config: min_backoff is more than max_backoff");
  return {};
}

Result<void> BlockReader::remote_write(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return wrong(node, "remote_write: an empty entry");
  std::string url, name, message;
  int64_t timeout = 0;
  bool flag = false;
  HttpSettings http;
  RelabelRules rules;
  std::map<std::string, std::string> headers;
  YamlMap map(node, source_.file, "remote_write");
  map.string("url", url);
  map.string("name", name);
  map.string("protobuf_message", message);
  map.duration("remote_timeout", timeout);
  map.string_map("headers", headers);
  for (const char* key : {"send_exemplars", "send_native_histograms", "round_robin_dns"})
    map.boolean(key, flag);
  for (const char* key : {"metadata_config", "sigv4", "azuread", "google_iam"})
    map.node(key, [](const YamlNode&) { return Result<void>(); });
  map.node("queue_config", [this](const YamlNode& queue_config) { return queue(queue_config); });
  read_http_settings(map, source_, http);
  read_relabel_rules(map, "write_relabel_configs", source_.file, scheme_, rules);
  OBELISK_CHECK_OK(map.finish());
  if (url.empty()) return wrong(node, "url", "remote_write: url is missing");
  if (!message.empty() && message != "prometheus.WriteRequest" && message != "io.prometheus.write.v2.Request")
    return wrong(node, "protobuf_message",
                 fmt::format("remote_write: protobuf_message must be prometheus.WriteRequest or "
                             "io.prometheus.write.v2.Request, not \"{}\"",
                             message));
  OBELISK_CHECK_OK(check_name(node, write_names_, "remote_write"));
  OBELISK_CHECK_OK(check_headers(node, "remote_write", true));
  OBELISK_CHECK_OK(check_http_settings(node, source_, http));
  notice(node, "remote_write is not served: nothing is sent to " + without_credentials(url));
  return {};
}

Result<void> BlockReader::remote_read(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return wrong(node, "remote_read: an empty entry");
  std::string url, name, size;
  int64_t timeout = 0;
  bool flag = false;
  HttpSettings http;
  std::map<std::string, std::string> texts;
  YamlMap map(node, source_.file, "remote_read");
  map.string("url", url);
  map.string("name", name);
  map.duration("remote_timeout", timeout);
  map.string("chunked_read_limit", size);
  map.boolean("read_recent", flag);
  map.boolean("filter_external_labels", flag);
  map.string_map("headers", texts);
  map.string_map("required_matchers", texts);
  read_http_settings(map, source_, http);
  OBELISK_CHECK_OK(map.finish());
  if (url.empty()) return wrong(node, "url", "remote_read: url is missing");
  OBELISK_CHECK_OK(check_name(node, read_names_, "remote_read"));
  OBELISK_CHECK_OK(check_headers(node, "remote_read", false));
  OBELISK_CHECK_OK(check_http_settings(node, source_, http));
  notice(node, "remote_read is not served: queries do not ask " + without_credentials(url));
  return {};
}

Result<void> BlockReader::alertmanager(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return wrong(node, "alertmanagers: an empty entry");
  std::string scheme = "http", prefix, version;
  int64_t timeout = 0;
  HttpSettings http;
  RelabelRules rules;
  DiscoveryList discovery;
  std::vector<Notice> unsupported;  // the whole block is not served
  YamlMap map(node, source_.file, "alertmanagers");
  map.string("scheme", scheme);
  map.string("path_prefix", prefix);
  map.string("api_version", version);
  map.duration("timeout", timeout);
  map.node("sigv4", [](const YamlNode&) { return Result<void>(); });
  read_http_settings(map, source_, http);
  read_relabel_rules(map, "relabel_configs", source_.file, scheme_, rules);
  RelabelRules alert_rules;
  read_relabel_rules(map, "alert_relabel_configs", source_.file, scheme_, alert_rules);
  read_discoveries(map, source_, scheme_, rules.empty(), discovery, unsupported);
  OBELISK_CHECK_OK(map.finish());
  OBELISK_CHECK_OK(check_http_settings(node, source_, http));
  if (scheme != "http" && scheme != "https")
    return wrong(node, "scheme", "alertmanagers: scheme must be http or https");
  if (!version.empty() && version != "v2") {
    // v1 loads in the file format, and no Alertmanager answers it any more.
    if (version != "v1")
      return wrong(node, "api_version",
                   fmt::format("alertmanagers: api_version must be v2, not \"{}\"", version));
    notice(*node.find("api_version"), "alertmanagers: api_version v1 is gone, only v2 exists");
  }
  // Where relabelling is to repair a static address, it must do so.
  for (const TargetGroup& group : discovery.static_groups) {
    for (const Labels& target : group.targets) {
      Labels labels = target;
      if (!relabel(rules, labels)) continue;
      if (std::string problem = address_problem(labels.get("__address__")); !problem.empty())
        return wrong(node, "static_configs", "alertmanagers: " + problem);
    }
  }
  return {};
}

Result<void> BlockReader::alerting(const YamlNode& node) {
  RelabelRules rules;
  YamlMap map(node, source_.file, "alerting");
  read_relabel_rules(map, "alert_relabel_configs", source_.file, scheme_, rules);
  map.list("alertmanagers", [this](const YamlNode& item) { return alertmanager(item); });
  OBELISK_CHECK_OK(map.finish());
  if (node.find("alertmanagers") != nullptr)
    notice(node,
           "alerting.alertmanagers is not served: this server routes and notifies itself, name an "
           "alertmanager.yml as alertmanager_config in obelisk.yaml");
  if (!rules.empty()) notice(node, "alerting.alert_relabel_configs is not served");
  return {};
}

Result<void> BlockReader::tsdb(const YamlNode& node) {
  int64_t window = 0;
  std::string threshold, floats = "xor", percentage, time;
  uint64_t size = 0;
  YamlMap map(node, source_.file, "tsdb");
  map.duration("out_of_order_time_window", window);
  map.string("stale_series_compaction_threshold", threshold);
  map.node("chunk_encoding", [&](const YamlNode& encoding) {
    YamlMap inner(encoding, source_.file, "chunk_encoding");
    inner.string("floats", floats);
    return inner.finish();
  });
  map.node("retention", [&](const YamlNode& retention) -> Result<void> {
    int64_t nanos = 0;
    YamlMap inner(retention, source_.file, "retention");
    inner.duration("time", nanos);
    read_size(inner, retention, source_, "size", size);
    inner.string("percentage", percentage);
    return inner.finish();
  });
  OBELISK_CHECK_OK(map.finish());
  if (floats != "xor" && floats != "xor2")
    return wrong(*node.find("chunk_encoding"),
                 fmt::format("tsdb: chunk_encoding.floats must be xor or xor2, not \"{}\"", floats));
  if (!percentage.empty()) {
    std::optional<double> number = parse_float(percentage);
    if (!number || !(*number >= 0 && *number <= 100))
      return wrong(*node.find("retention"), "tsdb: retention.percentage must be from 0 to 100");
  }
  if (!threshold.empty()) {
    std::optional<double> number = parse_float(threshold);
    if (!number || !(*number >= 0 && *number <= 1))
      return wrong(*node.find("stale_series_compaction_threshold"),
                   "tsdb: stale_series_compaction_threshold must be from 0 to 1");
  }
  return {};
}

Result<void> BlockReader::storage(const YamlNode& node) {
  int64_t exemplars = 100'000;
  YamlMap map(node, source_.file, "storage");
  map.node("tsdb", [this](const YamlNode& inner) { return tsdb(inner); });
  map.node("exemplars", [&](const YamlNode& inner) {
    YamlMap block(inner, source_.file, "exemplars");
    block.integer("max_exemplars", exemplars, 0, INT64_MAX);
    return block.finish();
  });
  OBELISK_CHECK_OK(map.finish());
  notice(node,
         "storage is not taken over: retention is set in obelisk.yaml, and out-of-order samples are always "
         "accepted");
  return {};
}

Result<void> BlockReader::tracing(const YamlNode& node) {
  std::string client_type = "grpc", endpoint, fraction, compression;
  bool insecure = false;
  int64_t timeout = 0;
  ClientTls tls;
  std::map<std::string, std::string> headers;
  YamlMap map(node, source_.file, "tracing");
  map.string("client_type", client_type);
  map.string("endpoint", endpoint);
  map.string("sampling_fraction", fraction);
  map.boolean("insecure", insecure);
  map.string("compression", compression);
  map.duration("timeout", timeout);
  map.string_map("headers", headers);
  map.node("http_headers", [](const YamlNode&) { return Result<void>(); });
  map.node("tls_config", [&](const YamlNode& inner) { return read_tls(inner, source_, tls); });
  OBELISK_CHECK_OK(map.finish());
  if (endpoint.empty()) return wrong(node, "tracing: endpoint is missing");
  if (client_type != "grpc" && client_type != "http")
    return wrong(node, "client_type", "tracing: client_type must be grpc or http");
  if (!compression.empty() && compression != "gzip")
    return wrong(node, "compression",
                 fmt::format("tracing: compression must be gzip, not \"{}\"", compression));
  OBELISK_CHECK_OK(check_headers(node, "tracing", true));
  notice(node, "tracing is not served: this server does not trace itself");
  return {};
}

Result<void> BlockReader::otlp(const YamlNode& node) {
  OBELISK_TRY(OtlpTranslation translation, read_otlp_translation(node, source_.file));
  if (scheme_ == NameScheme::legacy && !translation.escapes())
    return wrong(
        node, "translation_strategy",
        "otlp: a translation_strategy without escaping does not go together with the legacy names of "
        "metric_name_validation_scheme");
  otlp_ = std::move(translation);
  return {};
}

Result<void> BlockReader::runtime(const YamlNode& node) {
  int64_t percent = 75;
  YamlMap map(node, source_.file, "runtime");
  map.integer("gogc", percent, -1, INT32_MAX);
  OBELISK_CHECK_OK(map.finish());
  notice(node, "runtime has no meaning here: there is no Go runtime to tune");
  return {};
}

}  // namespace

void read_other_blocks(YamlMap& root, const ConfigSource& source, NameScheme scheme,
                       std::vector<Notice>& notices, std::optional<OtlpTranslation>& otlp) {
  BlockReader reader(source, scheme, notices, otlp);
  root.list("remote_write", [&](const YamlNode& item) { return reader.remote_write(item); });
  root.list("remote_read", [&](const YamlNode& item) { return reader.remote_read(item); });
  root.node("alerting", [&](const YamlNode& block) { return reader.alerting(block); });
  root.node("storage", [&](const YamlNode& block) { return reader.storage(block); });
  root.node("tracing", [&](const YamlNode& block) { return reader.tracing(block); });
  root.node("otlp", [&](const YamlNode& block) { return reader.otlp(block); });
  root.node("runtime", [&](const YamlNode& block) { return reader.runtime(block); });
}

}  // namespace obelisk::collect
