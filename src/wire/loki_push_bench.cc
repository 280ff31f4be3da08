// Loki push, bytes to batch: 1,000 lines of about 140 bytes in 10 streams; JSON as Promtail's successors send
// it (plain lines and lines that are JSON themselves, so that quotes are escaped) and protobuf.
#include <benchmark/benchmark.h>

#include <protozero/pbf_writer.hpp>

#include "base/json_writer.h"
#include "wire/loki_push.h"

namespace obelisk {
namespace {

std::string line_of(int number, bool json) {
  std::string id = std::to_string(number * 7919 % 100'000);
  if (!json) {
    return "level=info ts=2026-05-03T06:37:57.625Z caller=handler.go:142 msg=\"order accepted\" order_id=" +
           id + " customer=customer-" + id + " amount=12.50 duration=3.2ms";
  }
  return R"({"level":"info","ts":"2026-05-03T06:37:57.625Z","msg":"order accepted","order_id":)" + id +
         R"(,"customer":"customer-)" + id + R"(","amount":12.5,"duration_ms":3.2})";
}

std::string json_body(bool json_lines) {
  JsonWriter out;
  out.begin_object().key("streams").begin_array();
  for (int stream = 0; stream < 10; ++stream) {
    out.begin_object().key("stream").begin_object();
    out.field("app", "shop").field("pod", "shop-" + std::to_string(stream)).end_object();
    out.key("values").begin_array();
    for (int i = 0; i < 100; ++i) {
      out.begin_array()
          .value("17000000000" + std::to_string(10'000'000 + i))
          .value(line_of(stream * 100 + i, json_lines));
      out.end_array();
    }
    out.end_array().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

std::string protobuf_body() {
  std::string body;
  for (int stream = 0; stream < 10; ++stream) {
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_string(1, "{app=\"shop\", pod=\"shop-" + std::to_string(stream) + "\"}");
    for (int i = 0; i < 100; ++i) {
      std::string time, entry;
      protozero::pbf_writer(time).add_int64(1, 1'700'000'000);
      protozero::pbf_writer(time).add_int32(2, i);
      protozero::pbf_writer(entry).add_message(1, time);
      protozero::pbf_writer(entry).add_string(2, line_of(stream * 100 + i, false));
      writer.add_message(2, entry);
    }
    protozero::pbf_writer(body).add_message(1, inner);
  }
  return body;
}

void report(benchmark::State& state, const Result<DecodedLokiPush>& result, size_t bytes) {
  if (!result.ok() || result->batches.size() != 1 || result->batches[0].row_count != 1000) {
    state.SkipWithError("decoding failed");
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void push_json(benchmark::State& state) {
  const std::string body = json_body(state.range(0) != 0);
  Result<DecodedLokiPush> result = decode_loki_push_json(body);
  for (auto _ : state) {
    result = decode_loki_push_json(body);
    benchmark::DoNotOptimize(result);
  }
  report(state, result, body.size());
}
BENCHMARK(push_json)->ArgName("json_lines")->Arg(0)->Arg(1);

void push_protobuf(benchmark::State& state) {
  auto body = std::make_shared<const std::string>(protobuf_body());
  Result<DecodedLokiPush> result = decode_loki_push_protobuf(*body, body);
  for (auto _ : state) {
    result = decode_loki_push_protobuf(*body, body);
    benchmark::DoNotOptimize(result);
  }
  report(state, result, body->size());
}
BENCHMARK(push_protobuf);

}  // namespace
}  // namespace obelisk
