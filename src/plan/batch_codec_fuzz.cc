// Whatever decodes must be a sound batch that encodes and decodes to itself.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "plan/batch_codec.h"
#include "plan/test_random_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto batch = decode_batch(bytes, nullptr, {1 << 16, 16 << 20});
  if (!batch.ok()) return 0;
  OBELISK_ASSERT(batch->check().ok());
  std::string again;
  encode_batch(*batch, BatchCompression::none, again);
  auto back = decode_batch(again, nullptr, {1 << 16, 64 << 20});
  OBELISK_ASSERT(back.ok() && back->row_count == batch->row_count &&
                 back->columns.size() == batch->columns.size());
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    RandomBatches random(seed);
    for (int table = 0; table < 3; ++table) {
      Batch batch = table == 0   ? random.logs(10 + seed * 20)
                    : table == 1 ? random.spans(5)
                                 : random.exemplars(9);
      seeds.emplace_back();
      encode_batch(batch, seed % 2 == 0 ? BatchCompression::none : BatchCompression::zstd, seeds.back());
    }
  }
  return seeds;
}
