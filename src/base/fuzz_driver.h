#pragma once
// What a fuzz target offers. `x_fuzz.cc` defines LLVMFuzzerTestOneInput and fuzz_seeds(); without libFuzzer
// the driver in fuzz_driver.cc runs seeded random mutations of the seeds for some seconds, so that the target
// is an ordinary test: `x_fuzz --seconds 1 [--seed N]`, or `x_fuzz FILE...` to run inputs as they are.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace obelisk {
// Valid inputs to start from; at least one.
std::vector<std::string> fuzz_seeds();
}  // namespace obelisk
