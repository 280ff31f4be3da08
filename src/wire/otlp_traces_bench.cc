// OTLP traces, bytes to batch: 1,000 spans of 10 attributes (7 strings, 3 integers), 10 resources, about 440
// B a span.
#include <benchmark/benchmark.h>

#include "wire/otlp_test_messages.h"
#include "wire/otlp_traces.h"

namespace obelisk {
namespace {

using namespace otlp_test;

std::string bench_span(uint64_t number) {
  std::string out = span(trace_id(number / 8 + 1), span_id(number + 1), "GET /api/orders/{id}",
                         1'700'000'000'000'000'000, 1'700'000'000'000'000'000 + number * 1000);
  MessageWriter writer(out);
  writer.add_bytes(4, span_id(number / 2 + 1));
  writer.add_message(9, key_value("http.request.method", string_value("GET")));
  writer.add_message(9, key_value("http.route", string_value("/api/orders/{id}")));
  writer.add_message(9, key_value("url.path", string_value("/api/orders/" + std::to_string(number * 7919))));
  writer.add_message(9, key_value("server.address", string_value("orders.shop.internal")));
  writer.add_message(9, key_value("user_agent.original", string_value("Mozilla/5.0 (X11; Linux x86_64)")));
  writer.add_message(9, key_value("network.protocol.version", string_value("1.1")));
  writer.add_message(9, key_value("customer.id", string_value("customer-" + std::to_string(number % 977))));
  writer.add_message(9, key_value("http.response.status_code", int_value(200)));
  writer.add_message(9, key_value("server.port", int_value(8080)));
  writer.add_message(
      9, key_value("http.response.body.size", int_value(static_cast<int64_t>(number * 31 % 4096))));
  return out;
}

std::shared_ptr<const std::string> bench_body() {
  std::string body;
  uint64_t number = 0;
  for (int i = 0; i < 10; ++i) {
    std::vector<std::string> spans;
    for (int j = 0; j < 100; ++j) spans.push_back(bench_span(number++));
    body += request(resource({key_value("service.name", string_value("service-" + std::to_string(i))),
                              key_value("service.namespace", string_value("shop")),
                              key_value("service.instance.id", string_value("pod-" + std::to_string(i))),
                              key_value("process.pid", int_value(100 + i))}),
                    {scope_records(scope("io.opentelemetry.http", "1.30.0"), spans)});
  }
  return std::make_shared<const std::string>(std::move(body));
}

void decode_traces(benchmark::State& state) {
  std::shared_ptr<const std::string> body = bench_body();
  for (auto _ : state) {
    Result<DecodedTraces> result = decode_otlp_traces(body);
    if (!result.ok() || result->batches.size() != 1 || result->batches[0].row_count != 1000) {
      state.SkipWithError("decoding failed");
      break;
    }
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body->size()));
}
BENCHMARK(decode_traces);

}  // namespace
}  // namespace obelisk
