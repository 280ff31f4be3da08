#include "base/fuzz_driver.h"
#include "base/test_seed.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
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

const std::string* running = nullptr;

// A failure is only worth something with the input that caused it: it is written to a file that the program
// takes as an argument. Async-signal-safe calls alone.
void save_input(int signal) {
  static constexpr char kMessage[] = "the input is in ./fuzz_failure\n";
  if (running != nullptr) {
    int file = open("fuzz_failure", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file >= 0 && write(file, running->data(), running->size()) == static_cast<ssize_t>(running->size()))
      (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

int run(const std::string& input) {
  running = &input;
  return LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  uint64_t inputs_max = UINT64_MAX;
  uint64_t seed = obelisk::test_seed();
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else if (std::strcmp(argv[i], "--inputs") == 0 && i + 1 < argc) {
      inputs_max = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      files.emplace_back(argv[i]);
    }
  }
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, save_input);
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
  for (const std::string& input : seeds) run(input);
  std::mt19937_64 random(seed);
  uint64_t runs = 0;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (runs < inputs_max && std::chrono::steady_clock::now() < deadline) {
    run(mutate(seeds, random));
    ++runs;
  }
  std::printf("%llu inputs, no failure\n", static_cast<unsigned long long>(runs));
  return 0;
}
