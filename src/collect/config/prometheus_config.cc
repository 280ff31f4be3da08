#include "collect/config/prometheus_config.h"

#include <fmt/format.h>
#include <glob.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "collect/config/other_blocks.h"
#include "collect/config/redacted_yaml.h"

namespace obelisk::collect {
namespace {

// Wildcards in the last component of a path only.
bool is_file_pattern(std::string_view pattern) {
  size_t star = pattern.find('*');
  return star == std::string_view::npos || pattern.find('/', star) == std::string_view::npos;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// ${NAME} and $NAME are environment variables, an absent one is empty; $$ is a dollar sign.
std::string with_environment(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i++];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      i += 2;
      continue;
    }
    bool braced = text[i + 1] == '{';
    size_t begin = i + (braced ? 2 : 1);
    size_t end = begin;
    while (end < text.size() && (braced ? text[end] != '}' : is_word(text[end]))) ++end;
    if (end == begin || end - begin > 1024) {
      out += text[i++];
      continue;
    }
    if (const char* value = std::getenv(std::string(text.substr(begin, end - begin)).c_str())) out += value;
    i = std::min(end + (braced ? 1 : 0), text.size());
  }
  return out;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return make_error(ErrorCode::io, fmt::format("cannot read {}", path));
  return text.str();
}

class Parser {
 public:
  explicit Parser(const std::string& file)
      : source_{file, std::filesystem::path(file).parent_path().string()} {}

  Result<PrometheusConfig> parse(std::string_view text);

 private:
  Result<void> read_global(const YamlNode& node);
  Result<void> read_external_labels(const YamlNode& node);
  Result<void> add_job(const YamlNode& node, const ConfigSource& source);
  Result<void> read_scrape_config_file(const std::string& path);
  Error error(const YamlNode& at, std::string_view message) const {
    return yaml_error(source_.file, at, message);
  }

  const ConfigSource source_;
  PrometheusConfig config_;
  ScrapeDefaults defaults_;
  std::set<std::string> job_names_;
};

Result<PrometheusConfig> Parser::parse(std::string_view text) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, source_.file));
  YamlMap map(root, source_.file, "prometheus.yml");
  // First, whatever its place in the file: the rest is read by its settings.
  map.node("global", [&](const YamlNode& node) { return read_global(node); });
  std::vector<std::string> config_files;
  map.string_list("rule_files", config_.rule_files);
  map.string_list("scrape_config_files", config_files);
  map.list("scrape_configs", [&](const YamlNode& node) { return add_job(node, source_); });
  read_other_blocks(map, source_, defaults_.job.name_scheme, config_.notices, config_.otlp);
  OBELISK_CHECK_OK(map.finish());
  for (std::string& pattern : config_.rule_files) {
    if (!is_file_pattern(pattern))
      return error(
          *root.find("rule_files"),
          fmt::format("rule_files: \"{}\": wildcards are allowed in the last component only", pattern));
    pattern = source_.path(pattern);
  }
  for (const std::string& pattern : config_files) {
    if (!is_file_pattern(pattern))
      return error(
          *root.find("scrape_config_files"),
          fmt::format("scrape_config_files: \"{}\": wildcards are allowed in the last component only",
                      pattern));
    glob_t found{};
    int code = glob(source_.path(pattern).c_str(), 0, nullptr, &found);
    std::vector<std::string> paths;
    for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    if (paths.size() > kScrapeConfigFilesMax)
      return error(*root.find("scrape_config_files"),
                   fmt::format("\"{}\" names more than {} files", pattern, kScrapeConfigFilesMax));
    for (const std::string& path : paths) OBELISK_CHECK_OK(read_scrape_config_file(path));
  }
  config_.yaml = redacted_yaml(root);
  return std::move(config_);
}

Result<void> Parser::read_scrape_config_file(const std::string& path) {
  OBELISK_TRY(std::string text, read_file(path));
  OBELISK_TRY(YamlNode root, parse_yaml(text, path));
  ConfigSource source{path, std::filesystem::path(path).parent_path().string()};
  YamlMap map(root, path, "scrape config file");
  map.list("scrape_configs", [&](const YamlNode& node) { return add_job(node, source); });
  return map.finish();
}

Result<void> Parser::add_job(const YamlNode& node, const ConfigSource& source) {
  OBELISK_TRY(ScrapeConfig job, read_scrape_config(node, source, defaults_, config_.notices));
  if (!job_names_.insert(job.job_name).second)
    return yaml_error(source.file, *node.find("job_name"),
                      fmt::format("scrape_configs: job_name \"{}\" stands twice", job.job_name));
  config_.jobs.push_back(std::move(job));
  return {};
}

Result<void> Parser::read_global(const YamlNode& node) {
  YamlMap map(node, source_.file, "global");
  OBELISK_CHECK_OK(read_positive_duration(map, node, source_, "scrape_interval", defaults_.interval_nanos));
  OBELISK_CHECK_OK(
      read_positive_duration(map, node, source_, "evaluation_interval", config_.evaluation_interval_nanos));
  int64_t timeout = 0;
  OBELISK_CHECK_OK(read_positive_duration(map, node, source_, "scrape_timeout", timeout));
  if (timeout > 0) defaults_.timeout_nanos = timeout;
  std::string query_log;
  int64_t query_offset = 0;
  map.string("query_log_file", query_log);
  map.duration("rule_query_offset", query_offset);
  map.string_map("external_labels", config_.external_labels);
  read_shared_scrape_keys(map, node, source_, defaults_.job);
  OBELISK_CHECK_OK(map.finish());
  OBELISK_CHECK_OK(check_shared_scrape_keys(node, source_, defaults_.job));
  if (timeout > defaults_.interval_nanos)
    return error(*node.find("scrape_timeout"), "global: scrape_timeout is longer than scrape_interval");
  auto notice = [&](const char* key, std::string_view why) {
    config_.notices.push_back(
        {fmt::format("{}:{}: global.{} {}", source_.file, node.find(key)->line, key, why), false});
  };
  if (!query_log.empty()) notice("query_log_file", "is not served: queries are not logged");
  if (query_offset > 0) notice("rule_query_offset", "is not taken over: set query_offset in the rule groups");
  defaults_.job.failure_log_file = source_.path(defaults_.job.failure_log_file);
  return read_external_labels(node);
}

Result<void> Parser::read_external_labels(const YamlNode& node) {
  const YamlNode* labels = node.find("external_labels");
  if (labels == nullptr) return {};
  for (auto& [name, value] : config_.external_labels) {
    if (!is_label_name(name, defaults_.job.name_scheme) || name == kMetricNameLabel)
      return error(*labels->find(name),
                   fmt::format("external_labels: \"{}\" is not a valid label name", name));
    value = with_environment(value);
    if (!is_valid_utf8(value))
      return error(*labels->find(name),
                   fmt::format("external_labels: the value of \"{}\" is not UTF-8", name));
  }
  return {};
}

}  // namespace

Result<void> PrometheusConfig::can_be_served() const {
  std::string all;
  for (const Notice& notice : notices) {
    if (notice.refuses_start) all += (all.empty() ? "" : "; ") + notice.text;
  }
  return all.empty() ? Result<void>() : make_error(ErrorCode::unsupported, all);
}

Result<PrometheusConfig> parse_prometheus_config(std::string_view text, const std::string& file) {
  return Parser(file).parse(text);
}

Result<PrometheusConfig> load_prometheus_config(const std::string& path) {
  OBELISK_TRY(std::string text, read_file(path));
  return parse_prometheus_config(text, path);
}

}  // namespace obelisk::collect
