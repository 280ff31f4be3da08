#pragma once
// How an HTTP request authenticates, verifies and connects: the keys that scrape jobs, discovery, remote
// write and Alertmanagers of a prometheus.yml share. Reading checks what Prometheus checks (one kind of
// credentials, a certificate with its key, no reserved header names). Paths of files are joined to the
// directory of the configuration; the files themselves are read when a request is made, so that they may be
// replaced while the server runs. Plain values.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "net/http_client.h"

namespace obelisk::collect {

// A secret as it stands in the configuration, or the file that holds it.
struct Secret {
  std::string text;
  std::string file;
  bool empty() const { return text.empty() && file.empty(); }
  bool operator==(const Secret&) const = default;
};

struct BasicAuth {
  Secret user;
  Secret password;
  bool operator==(const BasicAuth&) const = default;
};

struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  bool operator==(const Authorization&) const = default;
};

// The client credentials grant.
struct OAuth2 {
  std::string client_id;
  Secret client_secret;
  std::vector<std::string> scopes;
  std::string token_url;
  std::map<std::string, std::string> endpoint_params;
  ClientTls tls;
  ClientProxy proxy;
  bool operator==(const OAuth2&) const = default;
};

struct HeaderSetting {
  std::string name;
  std::vector<std::string> values;
  std::vector<std::string> secrets;
  std::vector<std::string> files;
  bool operator==(const HeaderSetting&) const = default;
};

struct HttpSettings {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;  // bearer_token and bearer_token_file, too
  std::optional<OAuth2> oauth2;
  ClientTls tls;
  ClientProxy proxy;
  std::vector<HeaderSetting> headers;
  bool follow_redirects = true;
  bool http2 = true;

  bool operator==(const HttpSettings&) const = default;
};

// Where a configuration is read from: the name for messages, and what relative paths are joined to.
struct ConfigSource {
  std::string file;
  std::string directory;
  std::string path(const std::string& name) const;
};

// Reads the keys into `settings`, as part of a larger map; check_http_settings after map.finish() checks what
// concerns several of them.
void read_http_settings(YamlMap& map, const ConfigSource& source, HttpSettings& settings);
Result<void> check_http_settings(const YamlNode& node, const ConfigSource& source,
                                 const HttpSettings& settings);
// tls_config alone.
Result<void> read_tls(const YamlNode& node, const ConfigSource& source, ClientTls& tls);
// Whether a key was written at all: some blocks allow no HTTP settings.
bool has_http_settings(const YamlNode& node);
// Absolute http or https URL with a host; else what is wrong with it.
std::string url_problem(std::string_view url);
// A header name that Prometheus does not let a configuration set.
bool is_reserved_header(std::string_view name);

}  // namespace obelisk::collect
