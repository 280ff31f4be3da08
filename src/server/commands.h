#pragma once
// What each subcommand does. Each returns the process's exit code: 0 done, 1 it failed (and said why on
// standard error).
#include <string>
#include <vector>

#include "base/result.h"

namespace obelisk::server {

// Says it on standard error; returns 1.
int fail(const Error& error);

// Flags that were not given are empty.
struct ServeFlags {
  std::string config_file;
  std::string listen;
  std::string otlp_grpc_listen;
  std::string otlp_http_listen;
  std::string data_dir;
  std::string log_level;
};

int run_serve(const ServeFlags& flags);
int run_check(const std::string& config_file, bool strict);
// Files ("-": standard input) in an exposition format; "auto" takes what ends in "# EOF" for OpenMetrics.
int run_check_metrics(const std::vector<std::string>& files, const std::string& format);

// Exactly one of data_dir and url is given.
struct BackfillFlags {
  std::vector<std::string> files;
  std::string data_dir;
  std::string url;
};
int run_backfill(const BackfillFlags& flags);
int run_inspect(const std::vector<std::string>& files);
// `update`: expectations that fail become what came (on the store in memory); then the scripts are run as
// always.
int run_test_promql(const std::vector<std::string>& files, bool update);
// Scripts (.test, .logqltest) and recorded cases (.yaml) of LogQL. `store`: memory, or a state of the engine
// (head, flushed, compacted, restarted).
int run_test_logql(const std::vector<std::string>& files, const std::string& store, bool update);
// TraceQL scripts (.test) on every kind of store, and lists of example queries (.yaml).
int run_test_traceql(const std::vector<std::string>& files, bool update);
int run_version();

}  // namespace obelisk::server
