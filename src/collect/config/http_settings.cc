#include "collect/config/http_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/text.h"

namespace obelisk::collect {
namespace {

constexpr std::string_view kNoStore =
    "is not supported: this server has no secret store, name a file instead";
constexpr std::array<std::string_view, 20> kReservedHeaders{"authorization",
                                                            "host",
                                                            "content-encoding",
                                                            "content-length",
                                                            "content-type",
                                                            "user-agent",
                                                            "connection",
                                                            "keep-alive",
                                                            "proxy-authenticate",
                                                            "proxy-authorization",
                                                            "www-authenticate",
                                                            "accept-encoding",
                                                            "x-prometheus-remote-write-version",
                                                            "x-prometheus-remote-read-version",
                                                            "x-prometheus-scrape-timeout-seconds",
                                                            "x-amz-date",
                                                            "x-amz-security-token",
                                                            "x-amz-content-sha256",
                                                            "accept",
                                                            "transfer-encoding"};
constexpr std::array<std::string_view, 13> kKeys{"basic_auth",
                                                 "authorization",
                                                 "oauth2",
                                                 "bearer_token",
                                                 "bearer_token_file",
                                                 "tls_config",
                                                 "proxy_url",
                                                 "no_proxy",
                                                 "http_headers",
                                                 "enable_http2",
                                                 "proxy_from_environment",
                                                 "proxy_connect_header",
                                                 "follow_redirects"};

// A value or the file that holds it, of which at most one may be given. The keys are literals: YamlMap keeps
// views of them.
void read_secret(YamlMap& map, const YamlNode& node, const ConfigSource& source, const char* key,
                 const char* file_key, Secret& secret) {
  map.string(key, secret.text);
  map.string(file_key, secret.file);
  secret.file = source.path(secret.file);
  if (!secret.text.empty() && !secret.file.empty())
    map.fail(*node.find(key), fmt::format("at most one of {} and {} may be given", key, file_key));
}

Result<void> read_basic_auth(const YamlNode& node, const ConfigSource& source, HttpSettings& settings) {
  BasicAuth auth;
  YamlMap map(node, source.file, "basic_auth");
  read_secret(map, node, source, "username", "username_file", auth.user);
  read_secret(map, node, source, "password", "password_file", auth.password);
  map.refuse({"username_ref", "password_ref"}, kNoStore);
  settings.basic_auth = std::move(auth);
  return map.finish();
}

Result<void> read_authorization(const YamlNode& node, const ConfigSource& source, HttpSettings& settings) {
  Authorization auth;
  YamlMap map(node, source.file, "authorization");
  map.string("type", auth.type);
  read_secret(map, node, source, "credentials", "credentials_file", auth.credentials);
  map.refuse({"credentials_ref"}, kNoStore);
  OBELISK_CHECK_OK(map.finish());
  auth.type = trim(auth.type);
  if (auth.type.empty()) auth.type = "Bearer";
  if (equals_ignoring_case(auth.type, "basic"))
    return yaml_error(source.file, node, "authorization: type cannot be Basic, use basic_auth instead");
  if ((auth.type + auth.credentials.text).find_first_of("\r\n") != std::string::npos)
    return yaml_error(source.file, node, "authorization: line ends are not allowed");
  settings.authorization = std::move(auth);
  return {};
}

void read_proxy(YamlMap& map, ClientProxy& proxy) {
  map.string("proxy_url", proxy.url);
  map.string("no_proxy", proxy.no_proxy);
  map.boolean("proxy_from_environment", proxy.from_environment);
  map.node("proxy_connect_header", [&proxy](const YamlNode& headers) -> Result<void> {
    for (const YamlEntry& entry : headers.entries) {
      for (const YamlNode& value : entry.value.items)
        proxy.connect_headers.emplace_back(entry.key, value.scalar);
      if (entry.value.kind == YamlNode::Kind::scalar)
        proxy.connect_headers.emplace_back(entry.key, entry.value.scalar);
    }
    return {};
  });
}

Result<void> check_proxy(const YamlNode& node, const ConfigSource& source, const ClientProxy& proxy) {
  auto wrong = [&](std::string_view what) { return yaml_error(source.file, node, what); };
  if (!proxy.connect_headers.empty() && proxy.url.empty() && !proxy.from_environment)
    return wrong("proxy_connect_header needs proxy_url or proxy_from_environment");
  size_t scheme_end = proxy.url.find("://");
  if (!proxy.url.empty() && (scheme_end == 0 || scheme_end == std::string::npos))
    return wrong(fmt::format("proxy_url needs a scheme, such as http://proxy:3128, not \"{}\"", proxy.url));
  if (proxy.from_environment && !proxy.url.empty())
    return wrong("proxy_from_environment and proxy_url exclude each other");
  if (proxy.from_environment && !proxy.no_proxy.empty())
    return wrong("proxy_from_environment and no_proxy exclude each other");
  if (!proxy.no_proxy.empty() && proxy.url.empty()) return wrong("no_proxy needs proxy_url");
  return {};
}

Result<void> read_oauth2(const YamlNode& node, const ConfigSource& source, HttpSettings& settings) {
  OAuth2 oauth2;
  std::string grant_type;
  YamlMap map(node, source.file, "oauth2");
  map.string("client_id", oauth2.client_id);
  read_secret(map, node, source, "client_secret", "client_secret_file", oauth2.client_secret);
  map.string_list("scopes", oauth2.scopes);
  map.string("token_url", oauth2.token_url);
  map.string_map("endpoint_params", oauth2.endpoint_params);
  map.node("tls_config", [&](const YamlNode& tls) { return read_tls(tls, source, oauth2.tls); });
  read_proxy(map, oauth2.proxy);
  map.string("grant_type", grant_type);
  map.refuse({"client_secret_ref", "client_certificate_key_ref"}, kNoStore);
  map.refuse({"client_certificate_key_id", "client_certificate_key", "client_certificate_key_file",
              "signature_algorithm", "iss", "audience", "claims"},
             "is not supported: of the OAuth2 grants only client_credentials is");
  OBELISK_CHECK_OK(map.finish());
  if (!grant_type.empty() && grant_type != "client_credentials")
    return yaml_error(
        source.file, *node.find("grant_type"),
        fmt::format("oauth2: grant_type \"{}\" is not supported, only client_credentials is", grant_type));
  if (oauth2.client_id.empty()) return yaml_error(source.file, node, "oauth2: client_id is missing");
  if (oauth2.client_secret.empty())
    return yaml_error(source.file, node, "oauth2: client_secret or client_secret_file is missing");
  if (oauth2.token_url.empty()) return yaml_error(source.file, node, "oauth2: token_url is missing");
  if (std::string problem = url_problem(oauth2.token_url); !problem.empty())
    return yaml_error(source.file, *node.find("token_url"), "oauth2: token_url: " + problem);
  settings.oauth2 = std::move(oauth2);
  return {};
}

Result<void> read_headers(const YamlNode& node, const ConfigSource& source, HttpSettings& settings) {
  if (node.kind != YamlNode::Kind::map)
    return yaml_error(source.file, node, "http_headers must be a map from names to their values");
  for (const YamlEntry& entry : node.entries) {
    HeaderSetting header{entry.key, {}, {}, {}};
    YamlMap map(entry.value, source.file, "http_headers");
    map.string_list("values", header.values);
    map.string_list("secrets", header.secrets);
    map.string_list("files", header.files);
    OBELISK_CHECK_OK(map.finish());
    if (is_reserved_header(header.name))
      return yaml_error(source.file, entry.value,
                        fmt::format("http_headers: header \"{}\" may not be set", header.name));
    for (std::string& file : header.files) file = source.path(file);
    settings.headers.push_back(std::move(header));
  }
  return {};
}

bool read_tls_version(const std::string& text, TlsVersion& version) {
  static constexpr std::array<std::pair<std::string_view, TlsVersion>, 5> kNames{
      {{"", TlsVersion::any},
       {"TLS10", TlsVersion::tls10},
       {"TLS11", TlsVersion::tls11},
       {"TLS12", TlsVersion::tls12},
       {"TLS13", TlsVersion::tls13}}};
  for (const auto& [name, known] : kNames) {
    if (name != text) continue;
    if (known != TlsVersion::any) version = known;
    return true;
  }
  return false;
}

}  // namespace

std::string ConfigSource::path(const std::string& name) const {
  if (name.empty() || name.starts_with('/') || directory.empty()) return name;
  return (std::filesystem::path(directory) / name).string();
}

bool is_reserved_header(std::string_view name) {
  std::string lower = to_lower(name);
  return std::find(kReservedHeaders.begin(), kReservedHeaders.end(), lower) != kReservedHeaders.end();
}

std::string url_problem(std::string_view url) {
  size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return fmt::format("\"{}\" is no URL with a scheme", url);
  std::string name = to_lower(url.substr(0, scheme));
  if (name != "http" && name != "https")
    return fmt::format("the scheme must be http or https, not \"{}\"", url.substr(0, scheme));
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, std::min(host.find_first_of("/?#"), host.size()));
  if (host.empty()) return fmt::format("\"{}\" names no host", url);
  bool printable = std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c != 0x7f; });
  return printable ? "" : "a URL holds no blanks";
}

Result<void> read_tls(const YamlNode& node, const ConfigSource& source, ClientTls& tls) {
  std::string min_version;
  std::string max_version;
  bool skip = false;
  YamlMap map(node, source.file, "tls_config");
  auto text_or_file = [&](const char* key, const char* file_key, std::string& text, std::string& file) {
    Secret both;
    read_secret(map, node, source, key, file_key, both);
    text = both.text;
    file = both.file;
  };
  text_or_file("ca", "ca_file", tls.ca_pem, tls.ca_file);
  text_or_file("cert", "cert_file", tls.cert_pem, tls.cert_file);
  text_or_file("key", "key_file", tls.key_pem, tls.key_file);
  map.string("server_name", tls.server_name);
  map.boolean("insecure_skip_verify", skip);
  map.string("min_version", min_version);
  map.string("max_version", max_version);
  map.refuse({"ca_ref", "cert_ref", "key_ref"}, kNoStore);
  OBELISK_CHECK_OK(map.finish());
  tls.verify = !skip;
  for (const char* key : {"min_version", "max_version"}) {
    bool is_min = std::string_view(key) == "min_version";
    if (!read_tls_version(is_min ? min_version : max_version, is_min ? tls.min_version : tls.max_version))
      return yaml_error(source.file, *node.find(key),
                        fmt::format("tls_config: {} must be TLS10, TLS11, TLS12 or TLS13", key));
  }
  if (tls.max_version != TlsVersion::any && min_version.empty())
    tls.min_version = std::min(tls.min_version, tls.max_version);
  if (tls.max_version != TlsVersion::any && tls.min_version > tls.max_version)
    return yaml_error(source.file, node, "tls_config: max_version is below min_version");
  bool has_cert = !tls.cert_pem.empty() || !tls.cert_file.empty();
  bool has_key = !tls.key_pem.empty() || !tls.key_file.empty();
  if (has_cert && !has_key) return yaml_error(source.file, node, "tls_config: a certificate without its key");
  if (has_key && !has_cert) return yaml_error(source.file, node, "tls_config: a key without its certificate");
  return {};
}

void read_http_settings(YamlMap& map, const ConfigSource& source, HttpSettings& settings) {
  map.node("basic_auth", [&](const YamlNode& auth) { return read_basic_auth(auth, source, settings); });
  map.node("authorization", [&](const YamlNode& auth) { return read_authorization(auth, source, settings); });
  map.node("oauth2", [&](const YamlNode& auth) { return read_oauth2(auth, source, settings); });
  Secret bearer;
  map.string("bearer_token", bearer.text);
  map.string("bearer_token_file", bearer.file);
  if (!bearer.empty() && !settings.authorization) {
    bearer.file = source.path(bearer.file);
    settings.authorization = Authorization{"Bearer", bearer};
  }
  map.node("tls_config", [&](const YamlNode& tls) { return read_tls(tls, source, settings.tls); });
  read_proxy(map, settings.proxy);
  map.node("http_headers", [&](const YamlNode& headers) { return read_headers(headers, source, settings); });
  map.boolean("follow_redirects", settings.follow_redirects);
  map.boolean("enable_http2", settings.http2);
}

Result<void> check_http_settings(const YamlNode& node, const ConfigSource& source,
                                 const HttpSettings& settings) {
  auto given = [&node](const char* key) {
    const YamlNode* found = node.find(key);
    return found != nullptr && found->kind != YamlNode::Kind::null;
  };
  auto wrong = [&](const char* at, std::string_view what) {
    return yaml_error(source.file, node.find(at) != nullptr ? *node.find(at) : node, what);
  };
  bool bearer = given("bearer_token") || given("bearer_token_file");
  if (given("bearer_token") && given("bearer_token_file"))
    return wrong("bearer_token", "at most one of bearer_token and bearer_token_file may be given");
  if (bearer && (given("basic_auth") || given("oauth2")))
    return wrong("bearer_token",
                 "at most one of basic_auth, oauth2, bearer_token and bearer_token_file may be given");
  if (bearer && given("authorization"))
    return wrong("authorization",
                 "authorization does not go together with bearer_token and bearer_token_file");
  if (given("basic_auth") + given("authorization") + given("oauth2") > 1)
    return wrong("authorization", "at most one of basic_auth, oauth2 and authorization may be given");
  return check_proxy(node, source, settings.proxy);
}

bool has_http_settings(const YamlNode& node) {
  return std::any_of(kKeys.begin(), kKeys.end(), [&node](std::string_view key) {
    const YamlNode* found = node.find(key);
    return key != "follow_redirects" && key != "enable_http2" && found != nullptr &&
           found->kind != YamlNode::Kind::null;
  });
}

}  // namespace obelisk::collect
