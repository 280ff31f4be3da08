// Goal: no bytes make the decoders of values, times and posting lists read or write outside their memory;
// what they accept survives encoding again.
#include <bit>
#include <cmath>

#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "codec/posting_list.h"
#include "codec/value_block.h"
#include "codec/value_times.h"

namespace {

void check_values(std::string_view bytes, size_t count) {
  std::vector<double> values(count);
  bool ok = obelisk::decode_values(bytes, values).ok();
  for (size_t i : {size_t{0}, count / 2, count - 1}) {
    obelisk::Result<double> one = obelisk::decode_one_value(bytes, count, i);
    OBELISK_ASSERT(one.ok() == ok);
    OBELISK_ASSERT(!ok || std::bit_cast<uint64_t>(*one) == std::bit_cast<uint64_t>(values[i]));
  }
  if (!ok) return;
  std::string again;
  uint8_t scale = 0;
  obelisk::encode_values(values, again, scale);
  std::vector<double> back(count);
  OBELISK_ASSERT(obelisk::decode_values(again, back).ok());
  for (size_t i = 0; i < count; ++i) {
    OBELISK_ASSERT(std::bit_cast<uint64_t>(values[i]) == std::bit_cast<uint64_t>(back[i]));
  }
}

void check_postings(std::string_view bytes) {
  auto list = obelisk::decode_postings(bytes, 1 << 20);
  if (!list.ok()) return;
  std::string again;
  obelisk::encode_postings(*list, again);
  OBELISK_ASSERT(*obelisk::decode_postings(again, 1 << 20) == *list);
}

}  // namespace

// The first byte chooses the decoder, the second the count.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  size_t count = data[1] + 1u;
  std::vector<int64_t> times(count);
  if (data[0] % 3 == 0) check_values(bytes, count);
  if (data[0] % 3 == 1) (void)obelisk::decode_times(bytes, times);
  if (data[0] % 3 == 2) check_postings(bytes);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  for (size_t count : {1u, 12u, 120u}) {
    std::vector<double> walk, noise;
    std::vector<int64_t> times;
    Postings sparse, dense;
    for (size_t i = 0; i < count; ++i) {
      walk.push_back(i % 20 == 3 ? NAN : static_cast<double>(i * 7 % 50) / 100);
      noise.push_back(std::sin(static_cast<double>(i)));
      times.push_back(static_cast<int64_t>(i * i) * 1'000'000);
      sparse.push_back(static_cast<uint32_t>(i * i + i));
      dense.push_back(static_cast<uint32_t>(i + i / 9));
    }
    auto header = [&](char kind) { return std::string{kind, static_cast<char>(count - 1)}; };
    uint8_t scale = 0;
    for (const auto& values : {walk, noise}) encode_values(values, seeds.emplace_back(header(0)), scale);
    encode_times(times, seeds.emplace_back(header(1)));
    for (const auto& list : {sparse, dense}) encode_postings(list, seeds.emplace_back(header(2)));
  }
  return seeds;
}
