// Under libFuzzer: the target's own seeds become files of its corpus directory before the first run, since
// the formats with checksums and nested lengths are hardly met by inputs grown from nothing.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/fuzz_driver.h"

// libFuzzer calls this once, before it reads the corpus. The corpus is the last argument that is a directory.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = *argc - 1; i > 0; --i) {
    std::error_code error;
    std::filesystem::path corpus = (*argv)[i];
    if (!std::filesystem::is_directory(corpus, error)) continue;
    size_t number = 0;
    for (const std::string& input : obelisk::fuzz_seeds()) {
      std::filesystem::path name = corpus / ("seed_" + std::to_string(number++));
      std::ofstream file(name, std::ios::binary | std::ios::trunc);
      if (!file.write(input.data(), static_cast<std::streamsize>(input.size())).flush()) {
        std::fprintf(stderr, "cannot write %s\n", name.c_str());
        return 1;
      }
    }
    break;
  }
  return 0;
}
