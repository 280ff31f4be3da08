#pragma once
// Where randomised tests and fuzz targets take their seed from. Two runs of one commit do the same, so the
// seed is fixed unless the environment says otherwise: OBELISK_TEST_SEED=7 takes that one,
// OBELISK_TEST_SEED=random another every time (to look for new failures: `./dev soak`). The seed is printed,
// so that a failure found this way can be repeated.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

namespace obelisk {

inline uint64_t test_seed() {
  const char* given = std::getenv("OBELISK_TEST_SEED");
  uint64_t seed = 1;
  if (given != nullptr)
    seed = std::string_view(given) == "random" ? std::random_device{}() : std::strtoull(given, nullptr, 10);
  std::printf("OBELISK_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace obelisk
