#include "collect/config/redacted_yaml.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "base/text.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

constexpr std::string_view kHidden = "<secret>";
// Keys of any block whose value is a secret. Their _file siblings name a file, which may be shown.
constexpr std::array<std::string_view, 23> kSecretKeys{"password",
                                                       "credentials",
                                                       "client_secret",
                                                       "bearer_token",
                                                       "token",
                                                       "auth_token",
                                                       "secret_key",
                                                       "secret_access_key",
                                                       "session_token",
                                                       "application_secret",
                                                       "application_credential_secret",
                                                       "consumer_key",
                                                       "service_account_key",
                                                       "private_key",
                                                       "key",
                                                       "key_passphrase",
                                                       "client_certificate_key",
                                                       "secrets",
                                                       "api_key",
                                                       "routing_key",
                                                       "service_key",
                                                       "webhook_url",
                                                       "proxy_connect_header"};

bool is_secret(std::string_view key) {
  return std::find(kSecretKeys.begin(), kSecretKeys.end(), key) != kSecretKeys.end();
}

// Whether the text reads back as itself without quotes.
bool is_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  static constexpr std::string_view kWords[] = {"~", "null", "Null", "NULL", "<<", "---", "...", "-", "?"};
  if (std::find(std::begin(kWords), std::end(kWords), text) != std::end(kWords)) return false;
  if (std::string_view("!&*-?|>@`%\"'#{}[],:").find(text.front()) != std::string_view::npos) return false;
  return text.find(": ") == std::string_view::npos && text.find(" #") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

void append_scalar(std::string& out, std::string_view text, bool quoted) {
  if (!quoted && is_plain(text)) {
    out += text;
  } else {
    append_json_string(out, text);  // a JSON string is a YAML one
  }
}

class Printer {
 public:
  void print(const YamlNode& node, int indent, bool hidden) {
    switch (node.kind) {
      case YamlNode::Kind::null:
        return;
      case YamlNode::Kind::scalar:
        out_ += ' ';
        if (hidden && !node.scalar.empty()) {
          out_ += kHidden;
        } else {
          append_scalar(
              out_,
              node.scalar.find("://") != std::string::npos ? without_credentials(node.scalar) : node.scalar,
              node.quoted);
        }
        return;
      case YamlNode::Kind::list:
        if (node.items.empty()) out_ += " []";
        for (const YamlNode& item : node.items) {
          new_line(indent);
          out_ += '-';
          at_dash_ = item.kind == YamlNode::Kind::map && !item.entries.empty();
          print(item, indent + 2, hidden);
        }
        return;
      case YamlNode::Kind::map:
        print_entries(node, indent, hidden);
        return;
    }
  }
  std::string take() {
    if (!out_.empty()) out_ += '\n';
    if (out_.starts_with('\n')) out_.erase(0, 1);
    return std::move(out_);
  }

 private:
  void new_line(int indent) {
    out_ += '\n';
    out_.append(static_cast<size_t>(indent), ' ');
  }

  void print_entries(const YamlNode& node, int indent, bool hidden) {
    if (node.entries.empty()) out_ += " {}";
    for (const YamlEntry& entry : node.entries) {
      if (at_dash_) {  // the first key stands beside the dash
        out_ += ' ';
        at_dash_ = false;
      } else {
        new_line(indent);
      }
      append_scalar(out_, entry.key, false);
      out_ += ':';
      print(entry.value, indent + 2, hidden || is_secret(entry.key));
    }
  }

  std::string out_;
  bool at_dash_ = false;
};

}  // namespace

std::string redacted_yaml(const YamlNode& root) {
  Printer printer;
  printer.print(root, 0, false);
  return printer.take();
}

}  // namespace obelisk::collect
