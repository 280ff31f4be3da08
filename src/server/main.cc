// The command line: obelisk serve | check | check-metrics | backfill | inspect | test-promql | test-logql |
// test-traceql | version.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml.h"
#include "server/commands.h"

// Read by jemalloc when the process starts: freed memory goes back to the system within a second, also while
// idle.
extern "C" {
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

namespace {

constexpr int kUsageError = 2;

int usage_error(const std::string& message, const std::string& help) {
  fmt::print(stderr, "obelisk: {}\n{} says what there is.\n", message, help);
  return kUsageError;
}

// "did you mean" for a word that is none of the names; nothing where none is near.
std::string meant(std::string_view word, const std::vector<std::string>& names) {
  std::vector<std::string_view> candidates(names.begin(), names.end());
  std::string_view nearest = obelisk::nearest_name(word, candidates);
  return nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest);
}

// A first word that is no command. CLI11 would only say that a command is missing.
int check_command(const CLI::App& app, std::string_view word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return 0;
    names.push_back(command->get_name());
  }
  return usage_error(fmt::format("no command is called \"{}\"{}", word, meant(word, names)),
                     "obelisk --help");
}

// What the parser refuses: an option that is not there by its name, everything else in the parser's words.
int refuse(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const CLI::App* command = &app;
  std::string path = "obelisk";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  std::string help = path + " --help";
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command->get_options()) names.push_back(option->get_name());
    for (int index = 1; index < argc; index++) {
      std::string_view word =
          std::string_view(argv[index]).substr(0, std::string_view(argv[index]).find('='));
      if (!word.starts_with("-") || command->get_option_no_throw(std::string(word)) != nullptr) continue;
      return usage_error(fmt::format("{} has no option {}{}", path, word, meant(word, names)), help);
    }
  }
  return usage_error(fmt::format("{}: {}", path, error.what()), help);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace obelisk::server;
  CLI::App app{"Obelisk: metrics, logs and traces in one server"};
  app.name("obelisk");
  app.require_subcommand(0, 1);
  bool asks_version = false;
  app.add_flag("--version", asks_version, "Print the version");

  ServeFlags flags;
  CLI::App* serve = app.add_subcommand("serve", "Run the server until SIGINT or SIGTERM");
  serve->add_option("--config", flags.config_file, "obelisk.yaml (docs/CONFIGURATION.md)")
      ->check(CLI::ExistingFile);
  serve->add_option("--listen", flags.listen, "Address of the one port (default 127.0.0.1:4319)");
  serve->add_option("--otlp-grpc-listen", flags.otlp_grpc_listen,
                    "Address for OTLP/gRPC (default 127.0.0.1:4317), or off");
  serve->add_option("--otlp-http-listen", flags.otlp_http_listen,
                    "Address for OTLP/HTTP (default 127.0.0.1:4318), or off");
  serve->add_option("--data-dir", flags.data_dir, "Where everything is stored (default ./data)");
  serve->add_option("--log-level", flags.log_level, "debug, info, warning or error");

  std::string check_file;
  CLI::App* check =
      app.add_subcommand("check", "Read a configuration and all files it names; say what is wrong");
  check->add_option("--config", check_file, "obelisk.yaml")->required();
  bool check_strictly = false;
  check->add_flag("--strict", check_strictly,
                  "Fail also when valid files ask for what makes a start impossible");

  std::vector<std::string> inspected;
  CLI::App* inspect =
      app.add_subcommand("inspect", "Print stored files (log segments, parts, MANIFEST) as text");
  inspect->add_option("FILE", inspected, "Files of a data directory")->required()->check(CLI::ExistingFile);

  std::vector<std::string> scripts;
  CLI::App* test_promql = app.add_subcommand("test-promql", "Run PromQL test scripts (.test)");
  test_promql->add_option("FILE", scripts, "Scripts")->required()->check(CLI::ExistingFile);
  bool update = false;
  constexpr const char* kUpdate =
      "Rewrite expectations that fail by what came; read the difference before you keep it";
  test_promql->add_flag("--update", update, kUpdate);

  std::vector<std::string> logql_scripts;
  std::string logql_store = "memory";
  CLI::App* test_logql = app.add_subcommand(
      "test-logql", "Run LogQL test scripts (.test, .logqltest) and recorded cases (.yaml)");
  test_logql->add_option("FILE", logql_scripts, "Scripts and cases")->required()->check(CLI::ExistingFile);
  test_logql->add_option("--store", logql_store,
                         "memory (default), or the engine: head, flushed, compacted, restarted");
  test_logql->add_flag("--update", update, kUpdate);

  std::vector<std::string> traceql_scripts;
  CLI::App* test_traceql = app.add_subcommand(
      "test-traceql", "Run TraceQL test scripts (.test) and lists of example queries (.yaml)");
  test_traceql->add_option("FILE", traceql_scripts, "Scripts and lists")
      ->required()
      ->check(CLI::ExistingFile);
  test_traceql->add_flag("--update", update, kUpdate);

  std::vector<std::string> pages;
  std::string page_format = "auto";
  CLI::App* check_metrics = app.add_subcommand(
      "check-metrics", "Check pages of metrics; OpenMetrics strictly by its specification");
  check_metrics->add_option("FILE", pages, "Pages, - for standard input")->required();
  check_metrics->add_option("--format", page_format, "auto (by # EOF), openmetrics, prometheus or protobuf")
      ->check(CLI::IsMember({"auto", "openmetrics", "prometheus", "protobuf"}));

  BackfillFlags backfill_flags;
  CLI::App* backfill = app.add_subcommand("backfill", "Store old data");
  backfill->require_subcommand(1);
  CLI::App* backfill_openmetrics =
      backfill->add_subcommand("openmetrics", "From OpenMetrics files with timestamps");
  backfill_openmetrics->add_option("FILE", backfill_flags.files, "Files")
      ->required()
      ->check(CLI::ExistingFile);
  backfill_openmetrics->add_option("--data-dir", backfill_flags.data_dir,
                                   "A data directory that no server uses");
  backfill_openmetrics->add_option("--url", backfill_flags.url, "A running server, http://127.0.0.1:4319");

  CLI::App* version = app.add_subcommand("version", "Print the version");

  if (argc > 1 && argv[1][0] != '-') {
    if (int code = check_command(app, argv[1]); code != 0) return code;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : refuse(app, error, argc, argv);
  }
  if (asks_version) return run_version();
  if (serve->parsed()) return run_serve(flags);
  if (check->parsed()) return run_check(check_file, check_strictly);
  if (inspect->parsed()) return run_inspect(inspected);
  if (test_promql->parsed()) return run_test_promql(scripts, update);
  if (test_logql->parsed()) return run_test_logql(logql_scripts, logql_store, update);
  if (test_traceql->parsed()) return run_test_traceql(traceql_scripts, update);
  if (check_metrics->parsed()) return run_check_metrics(pages, page_format);
  if (backfill_openmetrics->parsed()) return run_backfill(backfill_flags);
  if (version->parsed()) return run_version();
  return usage_error("a command is missing; \"obelisk serve\" starts the server", "obelisk --help");
}
