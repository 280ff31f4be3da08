// Coding of log lines as templates and variables, and back: one row group of one system's lines. The lines
// are the samples of ../shared/data/loghub where they are, with clock fields that follow the row's time and
// long numbers that vary (so that repeats are no copies), or as they are ("untouched"); else made up.
//   bytes_per_second  of the text;  line_bytes  what a coded line takes
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>

#include "storage/embedded/events/message/message_block.h"
#include "storage/embedded/events/message/message_encode.h"

namespace obelisk::message {
namespace {

constexpr int64_t kFirstTime = 1'700'000'000'000'000'000;
constexpr const char* kSystems[] = {"Android", "Apache", "BGL",     "HDFS",      "HPC",   "Hadoop",
                                    "Linux",   "Mac",    "OpenSSH", "OpenStack", "Spark", "Windows"};

struct Corpus {
  std::vector<std::string> lines;
  std::vector<std::string_view> views;
  std::vector<int64_t> times;
  size_t bytes = 0;
};

std::vector<std::string> sample_lines(const char* system) {
  const char* shared = std::getenv("OBELISK_SHARED");
  std::ifstream file(
      std::string(shared != nullptr ? shared : "../shared") + "/data/loghub/" + system + "_2k.log",
      std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  for (int i = 0; lines.size() < 50; ++i)
    lines.push_back("2026-05-03 06:37:57,625 INFO shop.handler: order 1000" + std::to_string(i) +
                    " accepted");
  return lines;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void vary(std::string& line, int64_t time, std::mt19937_64& random) {
  for (size_t i = 0; i < line.size();) {
    if (!is_digit(line[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < line.size() && is_digit(line[end])) ++end;
    if (end - i == 2 && i + 8 <= line.size() && line[i + 2] == ':' && line[i + 5] == ':') {
      char clock[16];
      int64_t second = time / 1'000'000'000 % 86'400;
      snprintf(clock, sizeof(clock), "%02d:%02d:%02d", static_cast<int>(second / 3600),
               static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
      line.replace(i, 8, clock);
      i += 8;
      continue;
    }
    bool fraction = end - i == 3 && i > 0 && (line[i - 1] == '.' || line[i - 1] == ',');
    if (fraction || end - i >= 6) {
      for (size_t k = i + 1; k < end; ++k) line[k] = static_cast<char>('0' + random() % 10);
    }
    i = end;
  }
}

const Corpus& corpus_of(size_t system, size_t rows, bool varied) {
  static std::vector<std::pair<std::array<size_t, 3>, std::unique_ptr<Corpus>>> made;
  std::array<size_t, 3> key{system, rows, varied};
  for (const auto& [of, corpus] : made) {
    if (of == key) return *corpus;
  }
  auto corpus = std::make_unique<Corpus>();
  std::mt19937_64 random(7);
  std::vector<std::string> source = sample_lines(kSystems[system]);
  for (size_t row = 0; row < rows; ++row) {
    int64_t time = kFirstTime + static_cast<int64_t>(row) * 5'600'000;
    std::string line = source[row % source.size()];
    if (varied) vary(line, time, random);
    corpus->bytes += line.size();
    corpus->lines.push_back(std::move(line));
    corpus->times.push_back(time);
  }
  corpus->views.assign(corpus->lines.begin(), corpus->lines.end());
  made.emplace_back(key, std::move(corpus));
  return *made.back().second;
}

void encode(benchmark::State& state) {
  const Corpus& corpus = corpus_of(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)),
                                   state.range(2) != 0);
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!encode_message(corpus.views, corpus.times.data(), out)) state.SkipWithError("not coded");
  }
  state.SetLabel(kSystems[state.range(0)]);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(corpus.bytes));
  state.counters["line_bytes"] = static_cast<double>(out.size()) / static_cast<double>(corpus.lines.size());
}
BENCHMARK(encode)
    ->ArgsProduct({benchmark::CreateDenseRange(0, 11, 1), {65536}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void rebuild(benchmark::State& state) {
  const Corpus& corpus = corpus_of(static_cast<size_t>(state.range(0)), 65536, true);
  std::string bytes;
  encode_message(corpus.views, corpus.times.data(), bytes);
  size_t length = bytes.size();
  bytes.append(8, '\0');
  std::vector<uint32_t> rows(corpus.lines.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::vector<std::string_view> texts(rows.size());
  for (auto _ : state) {
    Result<MessageBlock> block =
        MessageBlock::parse(std::string_view(bytes).substr(0, length), corpus.lines.size(), nullptr);
    Arena arena;
    if (!block.ok()) return state.SkipWithError("not read");
    block->set_times(corpus.times.data());
    if (!block->rebuild(rows, texts.data(), arena).ok() || texts != corpus.views)
      return state.SkipWithError("changed");
  }
  state.SetLabel(kSystems[state.range(0)]);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(corpus.bytes));
}
BENCHMARK(rebuild)->DenseRange(0, 11, 1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk::message
