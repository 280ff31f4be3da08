// The command line: obelisk serve | check | check-metrics | backfill | inspect | test-promql | test-logql |
// test-traceql | version.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include "server/commands.h"

// Read by jemalloc when the process starts: freed memory goes back to the system within a second, also while
// idle.
extern "C" {
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) {
  using namespace obelisk::server;
  CLI::App app{"Obelisk: metrics, logs and traces in one server"};
  app.require_subcommand(1);

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

  CLI11_PARSE(app, argc, argv);
  if (serve->parsed()) return run_serve(flags);
  if (check->parsed()) return run_check(check_file, check_strictly);
  if (inspect->parsed()) return run_inspect(inspected);
  if (test_promql->parsed()) return run_test_promql(scripts, update);
  if (test_logql->parsed()) return run_test_logql(logql_scripts, logql_store, update);
  if (test_traceql->parsed()) return run_test_traceql(traceql_scripts, update);
  if (check_metrics->parsed()) return run_check_metrics(pages, page_format);
  if (backfill_openmetrics->parsed()) return run_backfill(backfill_flags);
  if (version->parsed()) return run_version();
  return 2;
}
