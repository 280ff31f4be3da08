#pragma once
// A YAML tree as text again, with every secret as <secret>: what the API and messages may show of a
// configuration. Secrets are the values of the keys that hold one in any block of prometheus.yml (password,
// credentials, client_secret, token, secret_key, ...), the values of http_headers.secrets, and the password
// within a URL. Reading the text gives the same tree.
#include <string>

#include "base/yaml.h"

namespace obelisk::collect {

std::string redacted_yaml(const YamlNode& root);

}  // namespace obelisk::collect
