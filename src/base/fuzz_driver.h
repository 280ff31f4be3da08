#pragma once
// What a fuzz target offers. `x_fuzz.cc` defines LLVMFuzzerTestOneInput and fuzz_seeds(); without libFuzzer
// the driver in fuzz_driver.cc runs random mutations of the seeds (base/test_seed.h), so that the target is
// an ordinary test: `x_fuzz [--inputs N] [--seconds 1] [--seed N]`, or `x_fuzz FILE...` to run inputs as they
// are. An input that fails is left in ./fuzz_failure.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace obelisk {
// Valid inputs to start from; at least one.
std::vector<std::string> fuzz_seeds();
}  // namespace obelisk
