#include "base/fuzz_driver.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

namespace {

// One to eight edits: flip a bit, set an interesting byte, remove, repeat or splice a piece.
std::string mutate(const std::vector<std::string>& seeds, std::mt19937_64& random) {
  std::string input = seeds[random() % seeds.size()];
  uint64_t edits = 1 + random() % 8;
  for (uint64_t i = 0; i < edits; ++i) {
    size_t at = input.empty() ? 0 : random() % input.size();
    size_t length = 1 + random() % 16;
    switch (random() % 6) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << (random() % 8)));
        break;
      case 1: {
        static constexpr unsigned char kBytes[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '\\',
                                                   '{',  '}',  '(',  '[',  '|',  '\n'};
        if (!input.empty()) input[at] = static_cast<char>(kBytes[random() % sizeof kBytes]);
        break;
      }
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      case 4: {
        const std::string& other = seeds[random() % seeds.size()];
        if (!other.empty()) input.insert(at, other.substr(random() % other.size(), length * 2));
        break;
      }
      default:
        input.resize(at);
        break;
    }
  }
  if (input.size() > 1 << 20) input.resize(1 << 20);
  return input;
}

int run(const std::string& input) {
  return LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  uint64_t seed = std::random_device{}();
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      files.emplace_back(argv[i]);
    }
  }
  for (const std::string& name : files) {
    std::ifstream file(name, std::ios::binary);
    run(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  if (!files.empty()) return 0;
  std::vector<std::string> seeds = obelisk::fuzz_seeds();
  if (seeds.empty()) {
    std::fprintf(stderr, "fuzz target without seeds\n");
    return 1;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  for (const std::string& input : seeds) run(input);
  std::mt19937_64 random(seed);
  uint64_t runs = 0;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < deadline) {
    run(mutate(seeds, random));
    ++runs;
  }
  std::printf("%llu inputs, no failure\n", static_cast<unsigned long long>(runs));
  return 0;
}
