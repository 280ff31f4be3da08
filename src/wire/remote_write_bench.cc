// Remote write, bytes to batch: 5,000 series of five labels and a name with one sample each, as the metrics
// baseline sends them. Items are samples.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <protozero/pbf_writer.hpp>

#include "wire/remote_write.h"
#include "wire/remote_write_v2.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

constexpr int kSeries = 5000;

std::vector<std::pair<std::string, std::string>> labels_of(int series) {
  return {{"__name__", fmt::format("app_metric_{}_total", series / 40 % 25)},
          {"code", std::to_string(200 + series % 4)},
          {"instance", fmt::format("10.0.{}.{}:9100", series / 1000 % 100, series % 7)},
          {"job", fmt::format("job-{}", series % 4)},
          {"path", fmt::format("/api/v1/resource/{}", series / 4 % 10)},
          {"zone", "eu-central-1a"}};
}

std::string first_version() {
  std::string body;
  for (int i = 0; i < kSeries; ++i) {
    std::string series, sample;
    for (const auto& [name, value] : labels_of(i)) {
      std::string label;
      Writer(label).add_string(1, name);
      Writer(label).add_string(2, value);
      Writer(series).add_message(1, label);
    }
    Writer(sample).add_double(1, i * 1.5);
    Writer(sample).add_int64(2, 1'700'000'000'000);
    Writer(series).add_message(2, sample);
    Writer(body).add_message(1, series);
  }
  return body;
}

std::string second_version() {
  std::vector<std::string> symbols = {""};
  std::unordered_map<std::string, uint32_t> numbers;
  auto number_of = [&](const std::string& text) {
    auto [it, added] = numbers.try_emplace(text, static_cast<uint32_t>(symbols.size()));
    if (added) symbols.push_back(text);
    return it->second;
  };
  std::string all;
  for (int i = 0; i < kSeries; ++i) {
    std::vector<uint32_t> references;
    for (const auto& [name, value] : labels_of(i)) {
      references.push_back(number_of(name));
      references.push_back(number_of(value));
    }
    std::string series, sample;
    Writer(series).add_packed_uint32(1, references.begin(), references.end());
    Writer(sample).add_double(1, i * 1.5);
    Writer(sample).add_int64(2, 1'700'000'000'000);
    Writer(series).add_message(2, sample);
    Writer(all).add_message(5, series);
  }
  std::string body;
  for (const std::string& symbol : symbols) Writer(body).add_string(4, symbol);
  return body + all;
}

template <typename Decode>
void run(benchmark::State& state, const std::string& bytes, Decode&& decode) {
  auto body = std::make_shared<const std::string>(bytes);
  for (auto _ : state) {
    Result<DecodedRemoteWrite> result = decode(body, UnixNanos{1});
    if (!result.ok() || result->batches.at(0).row_count != kSeries) state.SkipWithError("decoding failed");
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * kSeries);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}

void remote_write_1(benchmark::State& state) {
  run(state, first_version(), decode_remote_write);
}
BENCHMARK(remote_write_1);

void remote_write_2(benchmark::State& state) {
  run(state, second_version(), decode_remote_write_v2);
}
BENCHMARK(remote_write_2);

}  // namespace
}  // namespace obelisk
