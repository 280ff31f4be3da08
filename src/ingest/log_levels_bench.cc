// What level detection costs a line: lines with a level in front, without any, and in logfmt.
#include <benchmark/benchmark.h>

#include "ingest/log_levels.h"

namespace obelisk {
namespace {

void BM_LevelOfLine(benchmark::State& state) {
  static constexpr std::string_view kLines[] = {
      "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created "
      "MRAppMaster for "
      "application appattempt_1445144423722_0020_000001",
      "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname uid 0 euid 0 tty "
      "NODEVssh ruser "
      "rhost 218.188.2.4",
      "ts=2024-01-01T10:00:00Z caller=main.go:12 msg=\"request done\" level=warn took=12ms "
      "path=/api/v1/query status=200"};
  std::string_view line = kLines[state.range(0)];
  for (auto _ : state) benchmark::DoNotOptimize(level_of_line(line));
  state.SetBytesProcessed(static_cast<int64_t>(line.size()) * state.iterations());
}
BENCHMARK(BM_LevelOfLine)->Arg(0)->Arg(1)->Arg(2);

}  // namespace
}  // namespace obelisk
