#include "server/commands.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/log.h"
#include "env/disk.h"
#include "server/config.h"
#include "server/configured_files.h"
#include "server/obelisk_server.h"
#include "server/version.h"
#include "storage/embedded/inspect.h"

namespace obelisk::server {

int fail(const Error& error) {
  fmt::print(stderr, "obelisk: {}\n", error.to_string());
  return 1;
}

namespace {

LogLevel log_level_of(const std::string& name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warning") return LogLevel::warning;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

// A flag as a line of a configuration file, checked; what is wrong is said of the flag.
Result<std::string> line_of_flag(std::string_view flag, const std::string& value) {
  std::string key(flag);
  std::replace(key.begin(), key.end(), '-', '_');
  std::string quoted = value;
  for (size_t at = 0; (at = quoted.find('\'', at)) != std::string::npos; at += 2) quoted.insert(at, 1, '\'');
  std::string line = fmt::format("{}: '{}'\n", key, quoted);
  Result<Config> alone = parse_config(line, "", "");
  if (alone.ok()) return line;
  std::string_view message = alone.error().message;
  std::string place = key + ": ";
  if (size_t at = message.find(place); at != std::string_view::npos) message.remove_prefix(at + place.size());
  return make_error(ErrorCode::invalid_argument, fmt::format("--{}: {}", flag, message));
}

Result<Config> config_of(const ServeFlags& flags) {
  // Flags win, and are checked by the same parser: they are lines of a file that stand after the file's own.
  Config config;
  if (!flags.config_file.empty()) {
    OBELISK_TRY(config, load_config(flags.config_file));
  }
  std::string overrides;
  for (auto [flag, value] :
       {std::pair("listen", &flags.listen), std::pair("otlp-grpc-listen", &flags.otlp_grpc_listen),
        std::pair("otlp-http-listen", &flags.otlp_http_listen), std::pair("data-dir", &flags.data_dir),
        std::pair("log-level", &flags.log_level)}) {
    if (value->empty()) continue;
    OBELISK_TRY(std::string line, line_of_flag(flag, *value));
    overrides += line;
  }
  OBELISK_TRY(Config given, parse_config(overrides, "command line", ""));
  if (!flags.listen.empty()) config.listen = given.listen;
  if (!flags.otlp_grpc_listen.empty()) config.otlp_grpc_listen = given.otlp_grpc_listen;
  if (!flags.otlp_http_listen.empty()) config.otlp_http_listen = given.otlp_http_listen;
  if (!flags.data_dir.empty()) config.data_dir = given.data_dir;
  if (!flags.log_level.empty()) config.log_level = given.log_level;
  config.given.kind = YamlNode::Kind::map;  // an empty file is none yet
  for (YamlEntry& flag : given.given.entries) {
    std::erase_if(config.given.entries, [&](const YamlEntry& entry) { return entry.key == flag.key; });
    config.given.entries.push_back(std::move(flag));
  }
  return config;
}

}  // namespace

int run_serve(const ServeFlags& flags) {
  // Signals are taken by this thread alone; blocked before any other thread starts.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Result<Config> config = config_of(flags);
  if (!config.ok()) return fail(config.error());
  set_log_level(log_level_of(config->log_level));
  Result<std::unique_ptr<ObeliskServer>> server = ObeliskServer::start(std::move(*config));
  if (!server.ok()) return fail(server.error());
  fmt::print("{}", (*server)->describe());
  std::fflush(stdout);
  for (;;) {
    int received = 0;
    if (sigwait(&signals, &received) != 0) continue;
    if (received != SIGHUP) break;
    Result<void> reloaded = (*server)->reload();
    if (reloaded.ok()) {
      log_info("server", "configuration reloaded");
    } else {
      log_error("server", "reload refused, nothing changed: " + reloaded.error().to_string());
    }
  }
  log_info("server", "stopping");
  // A second signal ends the process at once: nothing acknowledged is lost by that.
  std::thread([signals] {
    int again = 0;
    sigwait(&signals, &again);
    _exit(130);
  }).detach();
  (*server)->stop();
  log_info("server", "stopped");
  return 0;
}

int run_check(const std::string& config_file, bool strict) {
  Result<Config> config = load_config(config_file);
  if (!config.ok()) return fail(config.error());
  Result<std::string> report = check_configuration(*config, strict);
  if (!report.ok()) return fail(report.error());
  fmt::print("{}", *report);
  return 0;
}

int run_inspect(const std::vector<std::string>& files) {
  int code = 0;
  for (const std::string& file : files) {
    std::string directory = directory_of(file);
    Result<std::unique_ptr<Disk>> disk = open_posix_disk(directory.empty() ? "." : directory);
    if (!disk.ok()) return fail(disk.error());
    size_t slash = file.find_last_of('/');
    Result<std::string> text =
        inspect_file(**disk, slash == std::string::npos ? file : file.substr(slash + 1));
    if (!text.ok()) {
      code = fail(text.error().with_context(file));
      continue;
    }
    fmt::print("{}:\n{}", file, *text);
  }
  return code;
}

int run_version() {
  fmt::print("obelisk {} ({})\n", kVersion, revision());
  return 0;
}

}  // namespace obelisk::server
