// Whatever decodes is a sound batch with a number for each group, and its definitions can be read alone.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "plan/sample_frame.h"
#include "plan/test_random_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto frame = decode_sample_frame(bytes, nullptr, SampleFramePart::whole, {1 << 16, 1 << 16});
  if (!frame.ok()) return 0;
  OBELISK_ASSERT(frame->batch.check().ok() && frame->series.size() == frame->batch.groups.size());
  auto definitions = decode_sample_frame(bytes, nullptr, SampleFramePart::definitions, {1 << 16, 1 << 16});
  OBELISK_ASSERT(definitions.ok() && definitions->definitions.size() == frame->definitions.size());
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    RandomBatches random(seed);
    Batch batch = random.samples(5 + seed * 20);
    std::vector<uint32_t> series, defined;
    for (uint32_t i = 0; i < batch.groups.size(); ++i) {
      series.push_back(static_cast<uint32_t>(seed * 100 + i));
      if (i % 2 == 0) defined.push_back(i);
    }
    seeds.emplace_back();
    encode_sample_frame(batch, seed, series, defined, seeds.back());
  }
  return seeds;
}
