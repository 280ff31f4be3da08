#include "codec/crc32c.h"

#include <array>

namespace obelisk {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82f63b78;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t state = ~uint32_t{0};
  for (char c : bytes) state = (state >> 8) ^ kTable[(state ^ static_cast<unsigned char>(c)) & 0xff];
  return ~state;
}

}  // namespace obelisk
