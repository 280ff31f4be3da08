// CPU of the server alone for small HTTP/1.1 requests: the client is a process of its own, and the time
// reported is the user and system time of the server's process. items_per_second is requests per core-second.
//   http_server_bench --benchmark_min_time=2
#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "net/raw_tcp_client.h"
#include "net/test_server.h"

namespace obelisk {
namespace {

constexpr int kRequests = 20'000;

double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Keeps one request under way on each connection until all are answered.
[[noreturn]] void run_client(int port_pipe, int connection_count) {
  uint16_t port = 0;
  if (read(port_pipe, &port, sizeof(port)) != sizeof(port)) _exit(1);
  const std::string request =
      "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost:4319\r\nUser-Agent: bench\r\nContent-Type: "
      "application/json\r\n"
      "Content-Length: 100\r\n\r\n" +
      std::string(100, 'x');
  const std::string mark = "stored\n";
  std::vector<std::unique_ptr<RawTcpClient>> clients;
  for (int i = 0; i < connection_count; ++i) clients.push_back(std::make_unique<RawTcpClient>(port));
  for (int round = 0; round < kRequests / connection_count; ++round) {
    for (auto& client : clients) client->send(request);
    for (auto& client : clients) {
      client->read_until(mark);
      client->forget();
    }
  }
  _exit(0);
}

// Arguments: connections, and 1 for a handler on a worker thread or 0 for one on the io thread.
void small_requests(benchmark::State& state) {
  for (auto _ : state) {
    int port_pipe[2];
    if (pipe(port_pipe) != 0) return state.SkipWithError("no pipe");
    pid_t child = fork();
    if (child == 0) run_client(port_pipe[0], static_cast<int>(state.range(0)));
    bool on_worker = state.range(1) == 1;
    TestServer server([](HttpExchangePtr exchange) { exchange->respond_text(200, "stored"); },
                      [on_worker](ServerOptions& options) {
                        if (!on_worker)
                          options.choose_workers = [](std::string_view, std::string_view) -> WorkerPool* {
                            return nullptr;
                          };
                      },
                      1, 10'000);
    uint16_t port = server.port();
    double before = process_cpu_seconds();
    if (write(port_pipe[1], &port, sizeof(port)) != sizeof(port)) return state.SkipWithError("no client");
    int status = 0;
    waitpid(child, &status, 0);
    state.SetIterationTime(process_cpu_seconds() - before);
    close(port_pipe[0]);
    close(port_pipe[1]);
    if (status != 0) return state.SkipWithError("the client failed");
  }
  state.SetItemsProcessed(state.iterations() * kRequests);
}
BENCHMARK(small_requests)
    ->Args({1, 1})
    ->Args({16, 1})
    ->Args({64, 1})
    ->Args({16, 0})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk
